"""``vo-frontend map`` as a user meets it."""

from pathlib import Path

import numpy as np
import pytest

from vo_frontend.atlas.archive import Archive
from vo_frontend.atlas.landmark_table import RetiredLandmarks
from vo_frontend.atlas.map_file import read_map, write_map
from vo_frontend.atlas.saved_map import MapOrigin, SavedMap
from vo_frontend.cli.main import main
from vo_frontend.config import AtlasConfig
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.mapping.keyframe import Keyframe, View
from vo_frontend.types import Features, Sensor


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write a map of six keyframes that all see the same ten landmarks."""
    archive, rng = Archive(4, AtlasConfig()), np.random.default_rng(0)
    for frame_index in range(6):
        pixels = rng.uniform(0, 100, (10, 2)).astype(np.float32)
        features = Features(pixels, np.full((10, 4), 0.5, np.float32), np.ones(10, np.float32))
        view = View(frame_index, frame_index * 10**9, features, np.zeros((10, 3), np.uint8))
        archive.add(Keyframe(view, np.eye(4), np.arange(10)), 0)
    counts, points_world = np.ones(10, np.int32), rng.uniform(4, 9, (10, 3))
    colors, anchors = np.zeros((10, 3), np.uint8), np.zeros(10, np.int64)
    archive.retire(RetiredLandmarks(np.arange(10), points_world, colors, counts, counts, anchors))
    camera = PinholeCamera(500.0, 500.0, 320.0, 240.0, 640, 480)
    origin = MapOrigin(camera, Sensor.MONO, None, "aliked-t16", 4, None)
    write_map(tmp_path / "a.vomap", SavedMap.of(archive, origin))
    return tmp_path / "a.vomap"


def test_info_says_what_each_map_holds(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["map", "info", str(path), str(path)]) == 0
    first, second = capsys.readouterr().out.split("\n\n")
    assert first == second.rstrip("\n")
    assert first.startswith(f"{path}, 0.0 MB\n")
    rows = {line[:24].strip(): line[24:].split() for line in first.splitlines()[1:]}
    assert rows["keyframes"] == ["6"]
    assert rows["time span"] == ["5", "s"]
    assert rows["landmarks per keyframe"] == ["10"]
    assert rows["keyframes per landmark"] == ["6"]
    assert rows["baseline"] == ["n/a", "m"]
    assert rows["features"] == ["aliked-t16,", "4", "numbers"]


def test_thin_writes_a_smaller_map(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = path.with_name("thin.vomap")
    assert main(["map", "thin", str(path), "--out", str(out)]) == 0
    assert f"{out}: 3 of 6 keyframes, 10 of 10 landmarks, 0.0 MB\n" == capsys.readouterr().out
    assert read_map(out).frame_indices.tolist() == [0, 4, 5]


def test_export_writes_what_was_asked_for(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ply, models = path.with_name("a.ply"), path.with_name("models")
    assert main(["map", "export", str(path), "--ply", str(ply), "--colmap", str(models)]) == 0
    assert capsys.readouterr().out == f"{ply}: 10 landmarks\n{models / '0'}: COLMAP text model\n"
    assert {each.name for each in (models / "0").iterdir()} == {"cameras.txt", "images.txt", "points3D.txt"}
    assert ply.stat().st_size > 100


@pytest.mark.parametrize("action", ["info", "thin", "export"])
def test_a_damaged_map_is_one_line_and_exit_code_two(
    path: Path, action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path.write_bytes(path.read_bytes()[:-1])
    options = {"info": [], "thin": ["--out", "x.vomap"], "export": ["--ply", "x.ply"]}[action]
    assert main(["map", action, str(path), *options]) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"error: {path}: the map file is cut off or was altered")
    assert printed.err.count("\n") == 1
    assert not printed.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["map"], "the following arguments are required: ACTION"),
        (["map", "merge", "a.vomap"], "the following arguments are required: B, --out"),
        (["map", "mix"], "invalid choice: 'mix'"),
        (["map", "export", "a.vomap"], "map export: give --ply FILE or --colmap DIR"),
        (["map", "thin", "a.vomap"], "the following arguments are required: --out"),
    ],
)
def test_a_wrong_command_line_says_what_is_missing(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert message in capsys.readouterr().err
