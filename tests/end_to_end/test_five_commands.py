"""From pictures of a board to a path and a map of an own video: the commands that README shows."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vo_frontend.cli.main import main
from vo_frontend.sensors.calibration import Camera

FILM = Path(__file__).parents[2] / "tools" / "film.py"


@pytest.mark.slow
@pytest.mark.real
def test_a_new_user_comes_from_a_board_to_a_path_without_editing_a_file(
    data_root: Path, weights_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The video is made of frames of another camera through the lens just calibrated: truth is known."""
    monkeypatch.chdir(tmp_path)
    Path("board").mkdir()
    for picture in (data_root / "chessboard").glob("left*.jpg"):
        shutil.copy(picture, "board")
    assert main(["calibrate", "--images", "board", "--board", "chessboard:9x6:0.025"]) == 0
    assert Camera.from_yaml("cam.yaml").fx == pytest.approx(533.5, rel=0.01)

    film = [sys.executable, str(FILM), "7scenes/redkitchen", "cam.yaml", "kitchen.mp4"]
    subprocess.run(film, check=True, capture_output=True)
    own = ["--video", "kitchen.mp4", "--camera", "cam.yaml", "--save-map", "kitchen.vomap"]
    assert main(["run", *own, "--frames", "0:150", "--no-view", "--out", "run"]) == 0
    metrics = json.loads(Path("run/metrics.json").read_text())
    assert metrics["poses"] == 150
    assert metrics["num_segments"] == 1
    assert {"trajectory.png", "map.ply"} <= {path.name for path in Path("run").iterdir()}

    assert main(["map", "export", "kitchen.vomap", "--colmap", "models"]) == 0
    assert {path.name for path in Path("models/0").iterdir()} == {"cameras.txt", "images.txt", "points3D.txt"}
    compare = ["run/trajectory_kitti.txt", "kitchen_truth.txt", "--json", "errors.json"]
    assert main(["evaluate", *compare]) == 0
    errors = json.loads(Path("errors.json").read_text())
    assert np.isfinite(errors["scale"])
    assert errors["ate_m"]["rmse"] < 0.05
