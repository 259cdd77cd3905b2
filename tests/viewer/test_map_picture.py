import dataclasses
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from viewer_street import FedScene

from vo_frontend.errors import ViewerError
from vo_frontend.viewer import palette
from vo_frontend.viewer.map_picture import render_map
from vo_frontend.viewer.scene import SceneSnapshot


def read(path: Path) -> NDArray[np.uint8]:
    """Read a picture (H, W, 3), BGR."""
    picture = cv2.imread(str(path))
    assert picture is not None
    return np.asarray(picture, np.uint8)


def count_near(picture_bgr: NDArray[np.uint8], color: palette.Color) -> int:
    return int((np.abs(picture_bgr[:, :, ::-1] / 255.0 - color).max(axis=2) < 0.06).sum())


@pytest.fixture(scope="module")
def picture(street: SceneSnapshot, tmp_path_factory: pytest.TempPathFactory) -> NDArray[np.uint8]:
    """The street, drawn without a display."""
    path = tmp_path_factory.mktemp("picture") / "map.png"
    try:
        render_map(street, path, 640, 360)
    except ViewerError as error:
        if "a bug" in str(error):
            raise
        pytest.skip(f"Open3D cannot draw on this machine: {error}")
    assert [file.name for file in path.parent.iterdir()] == ["map.png"]
    return read(path)


def test_the_picture_has_the_size_that_was_asked_for(picture: NDArray[np.uint8]) -> None:
    assert picture.shape == (360, 640, 3)


def test_the_picture_shows_trajectory_ground_truth_keyframes_and_cloud(picture: NDArray[np.uint8]) -> None:
    below_legend = picture[80:]
    assert count_near(below_legend, palette.segment_color(0)) > 300
    assert count_near(below_legend, palette.GROUND_TRUTH) > 300
    assert count_near(below_legend, palette.KEYFRAME) > 20
    grey = palette.brighten(np.full((1, 3), 200, np.uint8))[0]
    assert count_near(below_legend, tuple(grey)) > 1000


@pytest.mark.usefixtures("picture")
def test_a_loop_is_drawn_to_where_the_new_keyframe_was_and_is(street: SceneSnapshot, tmp_path: Path) -> None:
    loop = np.array([[[0, 0, 0], [6, 0, 30], [-4, 0, 36]]], np.float32)
    render_map(dataclasses.replace(street, loops=loop), tmp_path / "map.png", 640, 360)
    drawn = read(tmp_path / "map.png")[130:]  # below the legend
    assert count_near(drawn, palette.LOOP_BEFORE) > 100
    assert count_near(drawn, palette.LOOP) > 100


def test_open3d_is_never_imported_into_this_process(picture: NDArray[np.uint8]) -> None:
    assert "open3d" not in sys.modules


def test_a_scene_without_poses_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ViewerError, match="no camera pose is known"):
        render_map(FedScene().snapshot(), tmp_path / "map.png")


def test_a_renderer_that_takes_too_long_costs_only_the_picture(street: SceneSnapshot, tmp_path: Path) -> None:
    with pytest.raises(ViewerError, match="longer than 0.01 s"):
        render_map(street, tmp_path / "map.png", timeout_s=0.01)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("picture")
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are text")
def test_a_folder_whose_name_is_no_text_gets_its_picture(street: SceneSnapshot, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"bad\xff.png")
    render_map(street, path, 320, 240)
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_a_process_that_never_begins_costs_only_the_picture(
    street: SceneSnapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeper = tmp_path / "python"
    sleeper.write_text("#!/bin/sh\nexec sleep 60\n")
    sleeper.chmod(0o700)
    monkeypatch.setattr("multiprocessing.spawn._python_exe", str(sleeper).encode())
    large = np.zeros((300_000, 3), np.float32)  # more than a pipe holds
    scene = dataclasses.replace(street, active_points=large, active_colors=large.astype(np.uint8))
    with pytest.raises(ViewerError, match="longer than 0.5 s"):
        render_map(scene, tmp_path / "map.png", timeout_s=0.5)
    assert [path.name for path in tmp_path.iterdir()] == ["python"]


@pytest.mark.usefixtures("picture")
@pytest.mark.parametrize("num_frames", [1, 5])
def test_a_camera_that_never_moved_can_be_drawn(tmp_path: Path, num_frames: int) -> None:
    still = dataclasses.replace(
        FedScene().snapshot(),
        T_scene_cam=np.eye(4),
        trajectories=(np.zeros((num_frames, 3), np.float32),),
        active_points=np.array([[0, 0, 6]], np.float32),
        active_colors=np.zeros((1, 3), np.uint8),
        landmark_distance=6.0,
    )
    render_map(still, tmp_path / "map.png", 320, 240)
    assert count_near(read(tmp_path / "map.png"), palette.CAMERA) > 20


@pytest.mark.usefixtures("picture")
def test_a_folder_that_does_not_exist_is_named(street: SceneSnapshot, tmp_path: Path) -> None:
    with pytest.raises(ViewerError, match="missing: cannot write"):
        render_map(street, tmp_path / "missing" / "map.png", 320, 240)
