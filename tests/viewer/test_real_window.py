"""The window itself, on a virtual screen."""

import logging
import multiprocessing
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.errors import ViewerError
from vo_frontend.viewer import palette
from vo_frontend.viewer.image_view import ImageView
from vo_frontend.viewer.run_state import RunState
from vo_frontend.viewer.scene import SceneSnapshot
from vo_frontend.viewer.view_process import ViewProcess
from vo_frontend.viewer.view_update import Update
from vo_frontend.viewer.window_process import open_window


def wait_until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    give_up_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up_s, "nothing happened"
        time.sleep(0.05)


@pytest.fixture
def real_window(
    screen: Path, tmp_path: Path, street: SceneSnapshot, caplog: pytest.LogCaptureFixture
) -> ViewProcess:
    """A window that has opened on the screen, and has taken its first update."""
    caplog.set_level(logging.INFO)
    try:
        window = open_window("test", tmp_path)
    except ViewerError as error:
        pytest.skip(str(error))
    window.show(update_of(street))
    wait_until(lambda: window.is_ready or "viewer:" in caplog.text)
    if "apt install" in caplog.text:
        pytest.skip(caplog.text)
    return window


def update_of(scene: SceneSnapshot, *, is_last: bool = False, hold: bool = False) -> Update:
    image = np.full((40, 60, 3), 255, np.uint8)
    image[:20] = 255, 0, 255
    none, nowhere = np.empty(0, np.int64), np.empty((0, 2), np.float32)
    view = ImageView(image, 1.0, nowhere, none, np.empty((0, 1, 2), np.float32))
    return Update(scene, RunState(7), view, is_last=is_last, hold=hold)


def press(key: str) -> None:
    if shutil.which("xdotool") is None:
        pytest.skip("xdotool is not installed")
    subprocess.run(["xdotool", "key", key], check=True)


def pixels_of(color: palette.Color, screen: Path) -> NDArray[np.bool_]:
    """Where (800, 1300) the screen has a colour."""
    pixels = np.frombuffer(screen.read_bytes()[-1300 * 800 * 4 :], np.uint8).reshape(800, 1300, 4)
    return np.asarray((np.abs(pixels[:, :, 2::-1] / 255.0 - color) < 0.08).all(axis=2))


def width_px(mask: NDArray[np.bool_]) -> int:
    columns = np.flatnonzero(mask.any(axis=0))
    return int(columns[-1] - columns[0]) if len(columns) else 0


def test_a_real_window_shows_the_scene_and_closes(
    screen: Path, real_window: ViewProcess, street: SceneSnapshot, caplog: pytest.LogCaptureFixture
) -> None:
    wait_until(lambda: pixels_of(palette.CAMERA, screen).sum() > 300)
    real_window.finish(update_of(street, is_last=True), lambda: False)
    assert "viewer: closed" in caplog.text


@pytest.mark.slow
def test_the_image_stands_upright(screen: Path, real_window: ViewProcess, street: SceneSnapshot) -> None:
    upper, lower = (0.75, 0.0, 0.75), (0.75, 0.75, 0.75)  # images are drawn darker than they are
    wait_until(lambda: pixels_of(upper, screen).sum() > 1000)
    rows_of = [np.flatnonzero(pixels_of(color, screen)[:, 20:200].all(axis=1)) for color in (upper, lower)]
    assert rows_of[0].max() < rows_of[1].min()
    real_window.finish(update_of(street, is_last=True), lambda: False)


@pytest.mark.slow
def test_keys_pause_and_step_the_run_hide_layers_and_save_a_picture(
    screen: Path, tmp_path: Path, real_window: ViewProcess, street: SceneSnapshot
) -> None:
    wait_until(lambda: pixels_of(palette.GROUND_TRUTH, screen).sum() > 300)
    press("space")
    wait_until(lambda: not real_window.may_go_on())
    press("s")
    wait_until(real_window.may_go_on)
    assert not real_window.may_go_on()
    press("4")
    wait_until(lambda: pixels_of(palette.GROUND_TRUTH, screen).sum() < 100)
    press("p")
    wait_until((tmp_path / "view_000007.png").exists)
    press("space")
    wait_until(real_window.may_go_on)
    press("q")
    wait_until(lambda: real_window.stop_requested)
    real_window.finish(update_of(street, is_last=True), lambda: False)


@pytest.mark.slow
def test_a_real_window_that_is_held_open_shows_the_whole_run_until_q(
    screen: Path, real_window: ViewProcess, street: SceneSnapshot
) -> None:
    last = update_of(street, is_last=True, hold=True)
    end = threading.Thread(target=real_window.finish, args=(last, lambda: False), daemon=True)
    end.start()
    # From behind, the drive is in the middle; from above, it lies across the window.
    wait_until(lambda: width_px(pixels_of(palette.GROUND_TRUTH, screen)) > 700)
    assert end.is_alive()
    press("q")
    end.join(60)
    assert not end.is_alive()


@pytest.mark.slow
def test_a_real_window_keeps_its_memory_over_a_hundred_updates(
    screen: Path, real_window: ViewProcess, street: SceneSnapshot
) -> None:
    used_mb = []
    for num_updates in (20, 100):
        for _ in range(num_updates):
            wait_until(lambda: real_window.is_ready)
            real_window.show(update_of(street))
        used_mb.append(window_memory_mb())
    real_window.finish(update_of(street, is_last=True), lambda: False)
    assert used_mb[1] - used_mb[0] < 40  # each redraw by a driver that leaks costs 2


def window_memory_mb() -> float:
    (process,) = multiprocessing.active_children()
    found = re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024
