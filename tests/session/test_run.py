"""Whole runs from Python, and runs that are repeated from the configuration they left behind."""

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import pytest
import yaml
from numpy.testing import assert_array_equal

import vo_frontend as vo
from vo_frontend.config_files import override, to_mapping
from vo_frontend.formats.trajectories import read_poses
from vo_frontend.simulation.street import SyntheticSource

FILES = ("trajectory_tum.txt", "trajectory_kitti.txt", "trajectory_euroc.csv", "map.ply")
FAST: dict[str, Any] = {"features": "orb", "keypoints": 500}


def content(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def rewritten(folder: Path, **changes: Any) -> Path:
    """Change fields of the run section of a config.yaml."""
    values = yaml.safe_load((folder / "config.yaml").read_text())
    values["run"].update(changes)
    path = folder.with_suffix(".yaml")
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image folder with its camera file beside it."""
    folder = tmp_path_factory.mktemp("shots")
    source = SyntheticSource(frames=slice(25))
    (folder / "images").mkdir()
    for frame in source:
        assert frame.image is not None
        cv2.imwrite(str(folder / "images" / f"{frame.index:04}.png"), frame.image)
    c = source.camera
    (folder / "cam.yaml").write_text(
        f"intrinsics: [{c.fx}, {c.fy}, {c.cx}, {c.cy}]\nresolution: [{c.width}, {c.height}]\n"
        "distortion_model: radial-tangential\ndistortion_coefficients: [1.0e-4, 0.0, 0.0, 0.0]\n"
    )
    return folder


def test_a_run_returns_what_its_folder_holds(tmp_path: Path) -> None:
    report = vo.run("street", frames="0:30", sensor="stereo", out=str(tmp_path / "run"), **FAST)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert report.folder == tmp_path / "run"
    assert report.evaluation is not None
    assert report.evaluation.ate_m is not None
    assert report.evaluation.ate_m.rmse == metrics["errors"]["ate_m"]["rmse"]
    assert report.statistics.num_poses == metrics["poses"] == len(report.trajectory) == 30
    assert metrics["complete"]
    files = read_poses(tmp_path / "run" / "trajectory_tum.txt")
    assert_array_equal(files.T_world_cam[:, :3, 3], report.trajectory.T_world_cam[:, :3, 3])
    assert metrics["errors_online"]["ate_m"]["rmse"] > 0
    assert 0 <= metrics["moved_in_hindsight"]["median"] <= metrics["moved_in_hindsight"]["max"] < 0.1
    header = (tmp_path / "run" / "map.ply").read_bytes().partition(b"end_header")[0]
    assert f"element vertex {metrics['map_points']:010d}" in header.decode()
    assert 0 < metrics["map_points"] < metrics["landmarks"]
    assert "ATE rmse, online / final" in report.table


@pytest.mark.parametrize(
    "options",
    [
        {"sequence": "street", "frames": "5:40", "sensor": "rgbd", "keypoints": 1000, "seed": 3},
        {"frames": "0:60:2", "camera_height_m": 1.65, "settings": ("mapping.max_keyframes=20",)},
        {"sequence": "synthetic/street", "sensor": "stereo", "frames": "0:20", "deterministic": True},
    ],
    ids=["rgbd", "height", "stereo"],
)
def test_the_configuration_of_a_run_repeats_it_byte_for_byte(options: dict[str, Any], tmp_path: Path) -> None:
    first = vo.run(out=tmp_path / "first", **{**FAST, **options})
    second = vo.run(config=first.folder / "config.yaml", out=tmp_path / "second")
    assert content(first.folder) == content(second.folder)
    assert len(first.trajectory) > 15
    written = [
        yaml.safe_load((folder / "config.yaml").read_text()) for folder in (first.folder, second.folder)
    ]
    assert written[0] == written[1]


def test_a_run_on_own_images_is_repeated_without_its_camera_file(shots: Path, tmp_path: Path) -> None:
    camera = tmp_path / "cam.yaml"
    shutil.copy(shots / "cam.yaml", camera)
    first = vo.run(
        images=shots / "images", camera=camera, fps=20.0, frames="2:22", out=tmp_path / "a", **FAST
    )
    camera.unlink()
    second = vo.run(config=str(tmp_path / "a" / "config.yaml"), out=tmp_path / "b")
    assert content(first.folder) == content(second.folder)
    assert len(second.trajectory) == 20


def test_the_configuration_names_the_whole_run(tmp_path: Path) -> None:
    vo.run("street", frames="0:12", sensor="stereo", out=tmp_path / "run", **FAST)
    run = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["run"]
    camera = SyntheticSource().camera
    assert (run["sequence"], run["sensor"], run["frames"]) == ("street", "stereo", "0:12")
    assert run["camera"]["intrinsics"] == [camera.fx, camera.fy, camera.cx, camera.cy]
    assert run["camera"]["resolution"] == [camera.width, camera.height]
    assert run["baseline_m"] == 0.5
    assert run["versions"]["numpy"]
    assert run["threads"] >= 1


def test_other_frames_leave_the_camera_and_the_range_of_the_recorded_run_behind(
    shots: Path, tmp_path: Path
) -> None:
    vo.run(images=shots / "images", camera=shots / "cam.yaml", frames="0:15", out=tmp_path / "a", **FAST)
    report = vo.run("street", frames="0:12", config=tmp_path / "a" / "config.yaml", out=tmp_path / "b")
    assert report.info.sequence == "synthetic/street"
    assert report.statistics.num_frames == 12


def test_a_sequence_whose_calibration_has_changed_is_refused(tmp_path: Path) -> None:
    vo.run("street", frames="0:12", out=tmp_path / "run", **FAST)
    camera = {"intrinsics": [300.0, 300.0, 319.5, 239.5], "resolution": [640, 480]}
    path = rewritten(tmp_path / "run", camera=camera)
    with pytest.raises(
        vo.VoError, match=r"synthetic/street: .* recorded with intrinsics \[300.0, .* the sequence has"
    ):
        vo.run(config=path, out=tmp_path / "again")


def test_other_versions_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    vo.run("street", frames="0:12", out=tmp_path / "run", **FAST)
    caplog.clear()
    vo.run(config=rewritten(tmp_path / "run", versions={"torch": "0.1"}, threads=999), out=tmp_path / "again")
    assert "may not be repeated to the last digit: torch 0.1 -> " in caplog.text
    assert "999 cores -> " in caplog.text


def test_without_a_folder_the_run_goes_where_runs_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report = vo.run(frames="0:12", **FAST)
    assert report.folder.parent == Path("runs/synthetic/street")
    assert (tmp_path / "runs/synthetic/street/latest/metrics.json").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": "none", "camera": None}, r"--images needs the camera's calibration"),
        ({"sequence": "kitti/06", "video": "a.mp4"}, "run: got sequence and video, expected at most one"),
        ({"sensor": "lidar"}, "run.sensor: got 'lidar', expected mono, stereo or rgbd"),
        ({"frames": "1"}, "--frames 1: expected start:stop"),
        ({"realtime": True, "deterministic": True}, "run.realtime: which frames come in time depends on"),
        ({"settings": ("run.fps=quick",)}, "run.fps: got 'quick', expected float"),
        ({"settings": ("run.camera={}",)}, "run.camera: intrinsics and resolution missing"),
    ],
)
def test_what_cannot_be_run_is_one_line(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(vo.VoError, match=message):
        vo.run(out=tmp_path / "run", **{**FAST, **options})
    assert not (tmp_path / "run").exists()


def test_every_value_of_the_run_section_survives_yaml() -> None:
    settings = ["run.video=a.mp4", "run.frames='0:9'", "run.fps=12.5", "run.versions={numpy: '2'}"]
    settings += ["run.camera={intrinsics: [1, 2, 3, 4.5], resolution: [640, 480]}"]
    config = override(vo.Config(), settings)
    assert override(vo.Config(), [f"run={json.dumps(to_mapping(config)['run'])}"]) == config
