"""The examples run as they stand in the repository."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from vo_frontend.formats.trajectories import read_poses
from vo_frontend.simulation.street import SyntheticSource

EXAMPLES = Path(__file__).parents[1] / "examples"


def run_example(name: str, *arguments: str, cwd: Path) -> str:
    path = f"{EXAMPLES.parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    found = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert found.returncode == 0, found.stderr
    return found.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = SyntheticSource(frames=slice(12))
    for frame in source:
        assert frame.image is not None
        cv2.imwrite(str(tmp_path / f"{frame.index:04}.png"), frame.image)
    c = source.camera
    (tmp_path / "cam.yaml").write_text(
        f"intrinsics: [{c.fx}, {c.fy}, {c.cx}, {c.cy}]\nresolution: [{c.width}, {c.height}]\n"
    )
    return tmp_path


def test_own_frames(folder: Path) -> None:
    output = run_example("own_frames.py", str(folder), "cam.yaml", "--features", "orb", cwd=folder)
    assert "0011.png: tracking" in output
    assert len(read_poses(folder / "trajectory.txt")) == 12
    assert (folder / "map.ply").stat().st_size > 1000


def test_stereo_pairs(tmp_path: Path) -> None:
    output = run_example("stereo_pairs.py", "--frames", "6", "--features", "orb", cwd=tmp_path)
    assert "frame 5: 1000 keypoints" in output
    assert output.splitlines()[-1].startswith("driven ")


def test_compare_settings(tmp_path: Path) -> None:
    output = run_example("compare_settings.py", "--frames", "0:12", "--features", "orb", cwd=tmp_path)
    assert output.count("12 of 12 poses") == 2
    assert (tmp_path / "runs" / "keypoints-500" / "metrics.json").is_file()


@pytest.mark.slow
def test_localize_images(folder: Path) -> None:
    run = ["run", "--features", "vof-t16", "--frames", "0:12", "--no-view", "--save-map", "street.vomap"]
    command = [sys.executable, "-m", "vo_frontend", *run]
    env = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
    subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True)
    output = run_example("localize_images.py", "street.vomap", str(folder), cwd=folder)
    assert len([line for line in output.splitlines() if "landmarks agree" in line]) == 12


def test_every_example_is_tested() -> None:
    names = {path.stem for path in EXAMPLES.glob("*.py")}
    assert names == {"own_frames", "stereo_pairs", "compare_settings", "localize_images"}
