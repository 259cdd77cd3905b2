"""The tool that shows recorded frames through another lens."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from vo_frontend.formats.trajectories import read_poses
from vo_frontend.simulation.street import SyntheticSource, ground_truth

TOOLS = Path(__file__).parents[2] / "tools"
NUM_FRAMES = 3


def call(tool: str, *arguments: str, data_root: Path) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "VO_DATA_ROOT": str(data_root)}
    command = [sys.executable, str(TOOLS / tool), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    sizes = ["--frames", str(NUM_FRAMES), "--size", "320", "240", "--sensor", "mono"]
    done = call("export_synthetic.py", str(folder), *sizes, data_root=folder)
    assert done.returncode == 0, done.stderr
    return folder


def write_camera(path: Path, lens: str = "") -> None:
    c = SyntheticSource(1, 320, 240).camera
    path.write_text(
        f"intrinsics: [{c.fx}, {c.fy}, {c.cx}, {c.cy}]\nresolution: [{c.width}, {c.height}]\n{lens}"
    )


def first_frame(video: Path) -> np.ndarray:
    done, picture = cv2.VideoCapture(str(video)).read()
    assert done
    return cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float64)


def test_through_its_own_lens_a_video_shows_the_frames_and_the_truth_lies_beside_it(
    data_root: Path, tmp_path: Path
) -> None:
    write_camera(tmp_path / "cam.yaml")
    done = call(
        "film.py", "kitti/00", str(tmp_path / "cam.yaml"), str(tmp_path / "v.mp4"), data_root=data_root
    )
    assert done.stdout.endswith(f"v.mp4: {NUM_FRAMES} frames of 320x240 px\n"), done.stderr
    recorded = cv2.imread(str(data_root / "kitti/sequences/00/image_0/000000.png"), cv2.IMREAD_GRAYSCALE)
    assert recorded is not None
    assert np.abs(first_frame(tmp_path / "v.mp4") - recorded).mean() < 6.0, "but for what mp4 loses"
    truth = read_poses(tmp_path / "v_truth.txt").T_world_cam
    np.testing.assert_allclose(truth, ground_truth(NUM_FRAMES).T_world_cam, atol=1e-6)


def test_a_barrel_lens_draws_the_image_together_and_leaves_its_centre(
    data_root: Path, tmp_path: Path
) -> None:
    for name, lens in (
        ("flat", ""),
        ("barrel", "distortion_model: radial-tangential\ndistortion_coefficients: [-0.3, 0.1, 0, 0]\n"),
    ):
        write_camera(tmp_path / f"{name}.yaml", lens)
        call(
            "film.py",
            "kitti/00",
            str(tmp_path / f"{name}.yaml"),
            str(tmp_path / f"{name}.mp4"),
            data_root=data_root,
        )
    change = np.abs(first_frame(tmp_path / "barrel.mp4") - first_frame(tmp_path / "flat.mp4"))
    assert change[115:125, 155:165].mean() < 6.0
    assert change.mean() > 10.0


def test_a_sequence_that_is_not_here_is_one_line(data_root: Path, tmp_path: Path) -> None:
    write_camera(tmp_path / "cam.yaml")
    done = call(
        "film.py", "kitti/07", str(tmp_path / "cam.yaml"), str(tmp_path / "v.mp4"), data_root=data_root
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: kitti/07: data missing")
    assert done.stderr.count("\n") == 1
