"""What every command does with an error: one line for what the user can fix, a traceback for a bug."""

import sys
from collections.abc import Callable
from io import TextIOWrapper

from vo_frontend.errors import VoError


def exit_code_of(
    work: Callable[[], None],
    *,
    debug: bool = False,
    say: Callable[[str], None] = lambda text: print(text, file=sys.stderr),
) -> int:
    """Do the work. Returns 0, 2 for an error the user can fix (raised with ``debug``), 130 for Ctrl-C."""
    if isinstance(sys.stdout, TextIOWrapper):  # names of files need not be text
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        work()
    except VoError as error:
        if debug:
            raise
        say(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    return 0
