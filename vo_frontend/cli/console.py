"""Terminal, log and the complaints of libraries, brought together while a run lasts."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from vo_frontend.cli.foreign_output import ForeignOutput, foreign_output
from vo_frontend.cli.terminal import Terminal, TerminalHandler

log = logging.getLogger(__name__)


class Console:
    """The terminal of a run, and what libraries write past it."""

    def __init__(self, terminal: Terminal, foreign: ForeignOutput) -> None:
        self.terminal = terminal
        self._foreign = foreign

    def listen(self) -> None:
        """Show what libraries have said since the last call, above the progress line."""
        for line in self._foreign.read():
            self.terminal.say(line)

    def sum_up(self) -> None:
        """Show what libraries have said, and how often they complained of single images."""
        self.listen()
        for line in self._foreign.take_counts():
            log.warning("%s", line)


@contextmanager
def open_console(*, quiet: bool) -> Iterator[Console]:
    """Show log records and what C libraries write as whole lines while the context lasts."""
    with foreign_output() as (foreign, stderr):
        console = Console(Terminal(sys.stdout, stderr, quiet=quiet), foreign)
        handler = TerminalHandler(console.terminal)
        logging.getLogger().addHandler(handler)
        try:
            yield console
        finally:
            console.terminal.keep_changing()
            console.sum_up()
            logging.getLogger().removeHandler(handler)
