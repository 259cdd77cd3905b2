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


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_polite_signal_switches_however_often_it_comes(name: str) -> None:
    number = signal.Signals[name]
    before = signal.signal(number, signal.SIG_DFL)  # the tests may run under nohup
    try:
        with stop_switch() as switch:
            for _ in range(3):
                signal.raise_signal(number)
            assert switch.is_on
    finally:
        signal.signal(number, before)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
def test_a_run_under_nohup_survives_its_terminal() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_switch() as switch:
            signal.raise_signal(signal.SIGHUP)
            assert not switch.is_on
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_previous_handlers_come_back() -> None:
    handled = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in handled]
    with stop_switch():
        pass
    assert [signal.getsignal(number) for number in handled] == before


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
