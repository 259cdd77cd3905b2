"""The window as the estimator sees it, with stand-ins for its process; the real one is at the end."""

import logging
import multiprocessing
import queue
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Pipe
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from viewer_street import FedScene, make_result, make_street

from vo_frontend.errors import ViewerError
from vo_frontend.types import Frame, Reason, Status
from vo_frontend.viewer import availability, palette
from vo_frontend.viewer import sink as sink_module
from vo_frontend.viewer import window as window_module
from vo_frontend.viewer.scene import Scene, SceneSnapshot
from vo_frontend.viewer.sink import ViewerSink, make_viewer_sink
from vo_frontend.viewer.window import ViewerWindow, open_window
from vo_frontend.viewer.window_process import Update, WindowEvent, status_text

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

FRAME = Frame(0, 0, None)


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
    """A queue of one place that a stuck window never empties."""

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


class FakeWindow:
    """A ViewerWindow whose other end is in the hands of the test."""

    def __init__(self) -> None:
        self.process, self.queue = FakeProcess(), FakeQueue()
        events, self.events = Pipe(duplex=False)
        self.window = ViewerWindow(cast(BaseProcess, self.process), cast("Queue[Update]", self.queue), events)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeWindow:
    monkeypatch.setattr(window_module, "HANDOVER_S", 0.02)
    return FakeWindow()


def test_a_stuck_window_gets_one_snapshot_and_no_more_are_made(
    fake: FakeWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = FedScene()
    made: list[SceneSnapshot] = []
    original = Scene.snapshot

    def recorded(scene: Scene, frames_per_second: float) -> SceneSnapshot:
        made.append(original(scene, frames_per_second))
        return made[-1]

    monkeypatch.setattr(Scene, "snapshot", recorded)
    sink = ViewerSink(scene, fake.window)
    for result in make_street():
        sink.consume(FRAME, result)
    assert len(made) == len(fake.queue.updates) == 1


def test_a_window_that_is_late_by_a_moment_only_loses_the_snapshot(
    fake: FakeWindow, street: SceneSnapshot
) -> None:
    fake.window.show(street)
    fake.window.show(street)
    assert len(fake.queue.updates) == 1


def test_a_window_that_keeps_up_gets_every_frame(fake: FakeWindow) -> None:
    sink = ViewerSink(FedScene(), fake.window)
    for index in range(5):
        sink.consume(FRAME, make_result(index, (0, 0, index)))
        assert fake.queue.updates.pop().snapshot.frame_index == index


def test_a_stuck_window_is_killed_at_the_end(
    fake: FakeWindow, street: SceneSnapshot, caplog: pytest.LogCaptureFixture
) -> None:
    fake.window.show(street)
    fake.window.close(street, hold=False)
    assert fake.process.was_killed
    assert not fake.queue.may_delay_exit
    assert "does not respond" in caplog.text


def test_the_last_snapshot_is_marked_as_such(fake: FakeWindow, street: SceneSnapshot) -> None:
    fake.window.close(street, hold=False)
    assert fake.queue.updates == [Update(street, is_last=True, hold=False)]


@pytest.mark.parametrize("hold", [False, True])
def test_only_a_window_that_is_held_open_asks_the_user_to_close_it(
    fake: FakeWindow, street: SceneSnapshot, caplog: pytest.LogCaptureFixture, hold: bool
) -> None:
    caplog.set_level(logging.INFO)
    fake.process.exitcode = 0
    fake.window.close(street, hold)
    assert ("close the window to finish" in caplog.text) == hold


@pytest.mark.parametrize(
    ("exit_code", "level", "words"),
    [(0, logging.INFO, "window closed"), (-11, logging.WARNING, "SIGSEGV"), (1, logging.WARNING, "a bug")],
)
def test_a_window_that_ends_is_one_line_in_the_log_and_the_run_goes_on(
    fake: FakeWindow, caplog: pytest.LogCaptureFixture, exit_code: int, level: int, words: str
) -> None:
    caplog.set_level(logging.INFO)
    sink = ViewerSink(FedScene(), fake.window, hold=True)
    fake.process.exitcode = exit_code
    fake.events.close()
    for result in make_street():
        sink.consume(FRAME, result)
    sink.close()
    assert [record.levelno for record in caplog.records] == [level]
    assert words in caplog.text
    assert fake.queue.updates == []


def test_an_error_in_the_windows_process_becomes_a_warning(
    fake: FakeWindow, caplog: pytest.LogCaptureFixture
) -> None:
    fake.events.send(ViewerError("viewer: Open3D cannot load libGL.so.1"))
    ViewerSink(FedScene(), fake.window).consume(FRAME, make_result(0, (0, 0, 0)))
    assert "libGL.so.1" in caplog.text


def test_q_in_the_window_asks_the_run_to_stop(fake: FakeWindow) -> None:
    sink = ViewerSink(FedScene(), fake.window)
    assert not sink.stop_requested
    fake.events.send(WindowEvent.STOP_REQUESTED)
    assert sink.stop_requested
    assert sink.stop_requested


def test_without_a_display_the_run_goes_on_without_a_window(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_display() -> None:
        raise ViewerError("viewer: no display")

    monkeypatch.setattr(availability, "check_installed", lambda: None)
    monkeypatch.setattr(availability, "check_display", no_display)
    sink = make_viewer_sink(FedScene(), "test", show_window=True, picture_path=None)
    sink.consume(FRAME, make_result(0, (0, 0, 0)))
    sink.close()
    assert not sink.stop_requested
    assert "no display" in caplog.text


def test_a_picture_that_fails_is_a_warning_and_the_window_is_closed_all_the_same(
    fake: FakeWindow, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*args: object) -> None:
        raise ViewerError("map.png: Open3D crashed")

    monkeypatch.setattr(sink_module, "render_map", fail)
    ViewerSink(FedScene(), fake.window, Path("map.png")).close()
    assert "Open3D crashed" in caplog.text
    assert fake.process.was_killed


def test_the_status_line_gives_frame_state_reason_and_rate() -> None:
    scene = FedScene()
    scene.update(make_result(7, (0, 0, 0), num_inliers=123))
    assert status_text(scene.snapshot(12.34)).split("    ") == [
        "frame 7", "TRACKING", "123 inliers", "12.3 frames/s",
    ]  # fmt: skip
    scene.update(make_result(8, None))
    line = status_text(scene.snapshot())
    assert Status.LOST.value.upper() in line
    assert Reason.TOO_FEW_MATCHES.value in line
    assert "frames/s" not in line


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A virtual screen, as the file that holds its pixels."""
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed")
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "1300x800x24", "-fbdir", str(tmp_path)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    monkeypatch.setenv("DISPLAY", f":{server.stdout.readline().strip()}")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    yield tmp_path / "Xvfb_screen0"
    server.terminate()
    server.wait()
    server.stdout.close()


def wait_until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    give_up_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up_s, "nothing happened"
        time.sleep(0.05)


@pytest.fixture
def real_window(screen: Path, caplog: pytest.LogCaptureFixture) -> ViewerWindow:
    """A window that has opened on the screen."""
    caplog.set_level(logging.INFO)
    scene = FedScene()
    scene.update(make_result(0, (0, 0, 0)))
    try:
        window = open_window("test")
    except ViewerError as error:
        pytest.skip(str(error))
    window.show(scene.snapshot())
    wait_until(lambda: window.is_ready or "viewer:" in caplog.text)
    if "apt install" in caplog.text:
        pytest.skip(caplog.text)
    return window


def pixels_of(color: palette.Color, screen: Path) -> NDArray[np.bool_]:
    """Where (800, 1300) the screen has a colour."""
    pixels = np.frombuffer(screen.read_bytes()[-1300 * 800 * 4 :], np.uint8).reshape(800, 1300, 4)
    return np.asarray((np.abs(pixels[:, :, 2::-1] / 255.0 - color) < 0.08).all(axis=2))


def width_px(mask: NDArray[np.bool_]) -> int:
    columns = np.flatnonzero(mask.any(axis=0))
    return int(columns[-1] - columns[0]) if len(columns) else 0


def test_a_real_window_shows_the_scene_and_closes(
    screen: Path, real_window: ViewerWindow, street: SceneSnapshot, caplog: pytest.LogCaptureFixture
) -> None:
    real_window.show(street)
    wait_until(lambda: pixels_of(palette.CAMERA, screen).sum() > 300)
    real_window.close(street, hold=False)
    assert "window closed" in caplog.text


@pytest.mark.slow
def test_a_real_window_that_is_held_open_shows_the_whole_run(
    screen: Path, real_window: ViewerWindow, street: SceneSnapshot
) -> None:
    end = threading.Thread(target=real_window.close, args=(street, True))
    end.start()
    # From behind, the drive is in the middle; from above, it lies across the window.
    wait_until(lambda: width_px(pixels_of(palette.GROUND_TRUTH, screen)) > 700)
    assert end.is_alive()
    for process in multiprocessing.active_children():
        process.terminate()
    end.join()
