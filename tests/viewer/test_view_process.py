"""A view as the estimator sees it, with stand-ins for its process."""

import logging
import queue
from collections.abc import Callable
from multiprocessing.connection import Pipe
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from viewer_street import FedScene, make_result, make_street

from vo_frontend.errors import ViewerError
from vo_frontend.types import Frame
from vo_frontend.viewer.run_state import RunState
from vo_frontend.viewer.scene import Scene, SceneSnapshot
from vo_frontend.viewer.sink import ViewerSink
from vo_frontend.viewer.view_process import ViewProcess
from vo_frontend.viewer.view_update import Saved, Update, Wish

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

FRAME = Frame(0, 0, np.zeros((4, 6), np.uint8))


class FakeProcess:
    """A process that exists, and ends only when it is killed."""

    def __init__(self, exitcode: int | None = None) -> None:
        self.exitcode = exitcode
        self.was_killed = False

    def join(self, timeout: float | None = None) -> None:
        assert timeout is not None or self.exitcode is not None, "would wait forever"

    def kill(self) -> None:
        self.was_killed = True
        self.exitcode = -9 if self.exitcode is None else self.exitcode


class FakeQueue:
    """A queue of one place that a stuck view never empties."""

    def __init__(self) -> None:
        self.updates: list[Update] = []
        self.may_delay_exit = True

    def full(self) -> bool:
        return len(self.updates) == 1

    def put_nowait(self, update: Update) -> None:
        if self.full():
            raise queue.Full
        self.updates.append(update)

    def cancel_join_thread(self) -> None:
        self.may_delay_exit = False

    def close(self) -> None:
        pass


class FakeView:
    """A ViewProcess whose other end is in the hands of the test."""

    def __init__(self) -> None:
        self.process, self.queue = FakeProcess(), FakeQueue()
        answers, self.answers = Pipe(duplex=False)
        updates = cast("Queue[Update]", self.queue)
        self.view = ViewProcess("viewer", cast(BaseProcess, self.process), updates, answers, handover_s=0.02)


@pytest.fixture
def fake() -> FakeView:
    return FakeView()


def last_update(scene: SceneSnapshot, *, hold: bool) -> Update:
    return Update(scene, RunState(), is_last=True, hold=hold)


def never() -> bool:
    return False


def after(num_calls: int, then: Callable[[], object] = lambda: None) -> Callable[[], bool]:
    """Be false so many times, then do something once and be true."""
    calls = iter(range(num_calls))

    def condition() -> bool:
        if next(calls, None) is not None:
            return False
        then()
        return True

    return condition


def test_a_stuck_view_gets_one_update_and_no_more_are_made(
    fake: FakeView, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = FedScene()
    made: list[SceneSnapshot] = []
    original = Scene.snapshot

    def recorded(scene: Scene) -> SceneSnapshot:
        made.append(original(scene))
        return made[-1]

    monkeypatch.setattr(Scene, "snapshot", recorded)
    sink = ViewerSink(scene, fake.view)
    for result in make_street():
        sink.consume(FRAME, result)
    assert len(made) == len(fake.queue.updates) == 1


def test_an_update_to_a_late_view_is_dropped(fake: FakeView, street: SceneSnapshot) -> None:
    assert fake.view.show(Update(street, RunState()))
    assert not fake.view.show(Update(street, RunState()))
    assert len(fake.queue.updates) == 1


def test_a_view_that_keeps_up_gets_every_frame(fake: FakeView) -> None:
    sink = ViewerSink(FedScene(), fake.view)
    for index in range(5):
        sink.consume(FRAME, make_result(index, (0, 0, index)))
        assert fake.queue.updates.pop().state.frame_index == index


def test_a_stuck_view_is_killed_at_the_end(
    fake: FakeView, street: SceneSnapshot, caplog: pytest.LogCaptureFixture
) -> None:
    fake.view.show(Update(street, RunState()))
    fake.view.finish(last_update(street, hold=False), never)
    assert fake.process.was_killed
    assert not fake.queue.may_delay_exit
    assert "does not respond" in caplog.text


def test_the_end_of_the_run_is_shown_only_when_everything_is_written(fake: FakeView) -> None:
    sink = ViewerSink(FedScene(), fake.view)
    sink.consume(FRAME, make_result(3, (0, 0, 0)))
    fake.queue.updates.clear()
    sink.close()
    assert fake.queue.updates == []
    sink.leave()
    (last,) = fake.queue.updates
    assert last.is_last
    assert last.state.frame_index == 3
    assert last.image is not None


@pytest.mark.parametrize("hold", [False, True])
def test_only_a_view_that_is_held_open_asks_the_user_to_close_it(
    fake: FakeView, street: SceneSnapshot, caplog: pytest.LogCaptureFixture, hold: bool
) -> None:
    caplog.set_level(logging.INFO)
    fake.view.finish(last_update(street, hold=hold), after(3))
    assert ("close the window" in caplog.text) == hold
    assert fake.process.was_killed


def test_a_view_is_held_open_until_the_user_closes_it(
    fake: FakeView, street: SceneSnapshot, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    fake.process.exitcode = 0

    def close_soon() -> bool:
        if fake.queue.updates and not fake.answers.closed:
            fake.answers.close()
        return False

    fake.view.finish(last_update(street, hold=True), close_soon)
    assert "viewer: closed" in caplog.text


def test_whoever_has_stopped_the_run_does_not_wait_for_the_view(
    fake: FakeView, street: SceneSnapshot, caplog: pytest.LogCaptureFixture
) -> None:
    fake.view.show(Update(street, RunState()))  # it is stuck
    fake.view.finish(last_update(street, hold=True), lambda: True)
    assert fake.process.was_killed
    assert not caplog.records


def test_a_recording_is_finished_even_when_the_user_has_stopped_the_run(
    fake: FakeView, street: SceneSnapshot
) -> None:
    fake.view.finish(last_update(street, hold=False), lambda: True)
    assert len(fake.queue.updates) == 1


@pytest.mark.parametrize(
    ("exit_code", "level", "words"),
    [(0, logging.INFO, "closed"), (-11, logging.WARNING, "SIGSEGV"), (1, logging.WARNING, "a bug")],
)
def test_a_view_that_ends_is_one_line_in_the_log_and_the_run_goes_on(
    fake: FakeView, caplog: pytest.LogCaptureFixture, exit_code: int, level: int, words: str
) -> None:
    caplog.set_level(logging.INFO)
    sink = ViewerSink(FedScene(), fake.view, hold=True)
    fake.process.exitcode = exit_code
    fake.answers.close()
    for result in make_street():
        sink.consume(FRAME, result)
    sink.close()
    sink.leave()
    lines = [record for record in caplog.records if "frames shown" not in record.message]
    assert [record.levelno for record in lines] == [level]
    assert words in caplog.text
    assert "0 of 40 frames shown" in caplog.text
    assert fake.queue.updates == []


def test_an_error_in_the_views_process_becomes_a_warning(
    fake: FakeView, caplog: pytest.LogCaptureFixture
) -> None:
    fake.answers.send(ViewerError("viewer: Open3D cannot load libGL.so.1"))
    ViewerSink(FedScene(), fake.view).consume(FRAME, make_result(0, (0, 0, 0)))
    assert "libGL.so.1" in caplog.text


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
    sink = ViewerSink(FedScene(), fake.view, released=after(3))
    fake.answers.send(Wish.PAUSE)
    sink.consume(FRAME, make_result(0, (0, 0, 0)))


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


def test_without_a_view_nothing_is_kept_of_the_images() -> None:
    sink = ViewerSink(FedScene())
    sink.consume(FRAME, make_result(0, (0, 0, 0)))
    sink.close()
    sink.leave()
    assert not sink.stop_requested
