"""Stopping a run by Ctrl-C and by q."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from vo_frontend.cli.keyboard import stop_switch


def test_the_first_ctrl_c_switches_and_the_second_interrupts() -> None:
    with stop_switch() as switch:
        assert not switch.is_on
        signal.raise_signal(signal.SIGINT)
        assert switch.is_on
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_the_previous_handler_comes_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stop_switch():
        pass
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("key", "stops"), [("q", True), ("x", False)])
def test_q_without_enter_stops_and_the_terminal_is_restored(key: str, stops: bool) -> None:
    import pty

    child, terminal = pty.fork()
    if child == 0:
        sys.stdin = os.fdopen(0)  # pytest has put its own there
        with stop_switch() as switch:
            os.write(1, b"ready")
            deadline = time.monotonic() + 5
            while not switch.is_on and time.monotonic() < deadline - (0 if stops else 4):
                time.sleep(0.01)
            os._exit(0 if switch.is_on else 1)
    assert b"ready" in os.read(terminal, 100)
    os.write(terminal, key.encode())
    _, status = os.waitpid(child, 0)
    assert (os.waitstatus_to_exitcode(status) == 0) is stops


def test_without_a_terminal_nothing_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with Path(tmp_path / "in").open("w+") as file:
        file.write("q")
        file.seek(0)
        monkeypatch.setattr(sys, "stdin", file)
        with stop_switch() as switch:
            assert not switch.is_on
