"""A view as the estimator sees it, with stand-ins for its process."""

import logging

import pytest
from fake_view import FRAME, FakeView, after
from viewer_street import FedScene, make_result, make_street

from vo_frontend.errors import ViewerError
from vo_frontend.viewer.run_state import RunState
from vo_frontend.viewer.scene import Scene, SceneSnapshot
from vo_frontend.viewer.sink import ViewerSink
from vo_frontend.viewer.view_update import Update


def last_update(scene: SceneSnapshot, *, hold: bool) -> Update:
    return Update(scene, RunState(), is_last=True, hold=hold)


def never() -> bool:
    return False


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


def test_without_a_view_nothing_is_kept_of_the_images() -> None:
    sink = ViewerSink(FedScene())
    sink.consume(FRAME, make_result(0, (0, 0, 0)))
    sink.close()
    sink.leave()
    assert not sink.stop_requested
