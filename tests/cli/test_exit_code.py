"""How a command ends: by an error, by Ctrl-C, by whoever ends processes politely."""

import signal
import sys
import threading

import pytest

from vo_frontend.cli.exit_code import exit_code_of
from vo_frontend.errors import VoError

POLITE = [
    pytest.param(
        name, marks=pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
    )
    for name in ("SIGTERM", "SIGHUP")
]


def test_an_error_of_the_user_is_one_line() -> None:
    lines: list[str] = []

    def fail() -> None:
        raise VoError("a.txt: no such file")

    assert exit_code_of(fail, say=lines.append) == 2
    assert lines == ["error: a.txt: no such file"]


@pytest.mark.parametrize("name", ["SIGINT", *POLITE])
def test_a_signal_interrupts_and_what_is_saved_then_is_not_disturbed(name: str) -> None:
    number, saved, lines = signal.Signals[name], list[str](), list[str]()

    def work() -> None:
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            if number != signal.SIGINT:  # timeout and shells send theirs twice
                signal.raise_signal(number)
            saved.append("what there is")
            raise

    before = signal.signal(number, signal.default_int_handler)  # the tests may run under nohup
    try:
        assert exit_code_of(work, say=lines.append) == 130
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)
    assert saved == ["what there is"]
    assert lines == ["interrupted"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_command_under_nohup_survives_its_terminal() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert exit_code_of(lambda: signal.raise_signal(signal.SIGHUP)) == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_command_runs_in_any_thread() -> None:
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(exit_code_of(lambda: None)))
    thread.start()
    thread.join()
    assert codes == [0]
