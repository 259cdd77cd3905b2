"""What the user asks for in the window: a picture, the end, a pause and a step."""

import logging
from pathlib import Path

import pytest
from fake_view import FRAME, FakeView, after
from viewer_street import FedScene, make_result

from vo_frontend.viewer.sink import ViewerSink
from vo_frontend.viewer.view_update import Saved, Update, Wish


def test_a_picture_that_the_user_asks_for_is_named_in_the_log(
    fake: FakeView, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    fake.answers.send(Saved(Path("runs/x/view_000007.png")))
    assert not fake.view.stop_requested
    assert "view_000007.png written" in caplog.text


def test_q_in_the_window_asks_the_run_to_stop(fake: FakeView) -> None:
    sink = ViewerSink(FedScene(), fake.view)
    assert not sink.stop_requested
    fake.answers.send(Wish.STOP)
    assert sink.stop_requested
    assert sink.stop_requested


def test_a_pause_stops_the_run_and_a_step_lets_one_frame_go(fake: FakeView) -> None:
    assert fake.view.may_go_on()
    fake.answers.send(Wish.PAUSE)
    assert not fake.view.may_go_on()
    fake.answers.send(Wish.STEP)
    assert [fake.view.may_go_on() for _ in range(3)] == [True, False, False]
    fake.answers.send(Wish.GO_ON)
    assert fake.view.may_go_on()


@pytest.mark.parametrize("end", [Wish.GO_ON, Wish.STOP, None])
def test_a_paused_run_goes_on_when_it_is_told_to_stopped_or_the_window_is_gone(
    fake: FakeView, end: Wish | None
) -> None:
    def act() -> bool:
        if not fake.answers.closed:
            fake.answers.close() if end is None else fake.answers.send(end)
        return False

    sink = ViewerSink(FedScene(), fake.view, released=act)
    fake.process.exitcode = 0
    fake.answers.send(Wish.PAUSE)
    sink.consume(FRAME, make_result(0, (0, 0, 0)))
    assert sink.stop_requested == (end is Wish.STOP)


def test_ctrl_c_ends_a_pause(fake: FakeView) -> None:
    presses = iter([False, False, True])
    sink = ViewerSink(FedScene(), fake.view, released=lambda: next(presses))
    fake.answers.send(Wish.PAUSE)
    sink.consume(FRAME, make_result(0, (0, 0, 0)))
    assert list(presses) == [], "the run stood still until Ctrl-C"


def test_a_paused_window_shows_the_frame_it_was_late_for(fake: FakeView) -> None:
    def take_the_first() -> None:
        shown.extend(fake.queue.updates)
        fake.queue.updates.clear()

    shown: list[Update] = []
    wait_twice = after(2)

    def look() -> bool:
        take_the_first()
        return wait_twice()

    sink = ViewerSink(FedScene(), fake.view, released=look)
    sink.consume(FRAME, make_result(0, (0, 0, 0)))
    fake.answers.send(Wish.PAUSE)
    sink.consume(FRAME, make_result(1, (0, 0, 1)))
    assert [update.state.frame_index for update in [*shown, *fake.queue.updates]] == [0, 1]
