"""Work that may never end."""

import threading
from itertools import count

import pytest

from vo_frontend.errors import ConfigError, SourceError
from vo_frontend.session.background import BackgroundThread, within


def test_what_was_submitted_is_done_in_order_in_one_thread() -> None:
    worker, numbers = BackgroundThread("test"), count()

    def note() -> tuple[int, threading.Thread]:
        return next(numbers), threading.current_thread()

    done = [future.result(timeout=5) for future in [worker.submit(note) for _ in range(5)]]
    assert [number for number, _ in done] == [0, 1, 2, 3, 4]
    assert len({thread for _, thread in done}) == 1
    worker.close(5.0)
    assert not done[0][1].is_alive()


def test_an_error_is_raised_where_the_result_is_asked_for() -> None:
    def fail() -> None:
        raise ConfigError("wrong")

    with pytest.raises(ConfigError, match="wrong"):
        within(5.0, fail, "a folder", lambda: False)
    assert within(5.0, lambda: 7, "a folder", lambda: False) == 7


def test_what_takes_too_long_is_given_up() -> None:
    with pytest.raises(SourceError, match=r"a folder: no answer for 0\.1 s"):
        within(0.1, threading.Event().wait, "a folder", lambda: False)


def test_a_stop_interrupts_what_never_ends() -> None:
    with pytest.raises(KeyboardInterrupt):
        within(60.0, threading.Event().wait, "a folder", lambda: True)
