"""``run_vo.py`` as a user starts it."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from file_limit import file_limit
from running import FAST, RUN_FILES, TRAJECTORY, run_in_process, start_process, wait_for_poses, write_street

from vo_frontend.cli.keyboard import POLITE_SIGNALS
from vo_frontend.cli.run import main
from vo_frontend.formats.trajectories import read_poses
from vo_frontend.simulation.street import ground_truth


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs go into a folder of their own, and nothing is known of real data."""
    monkeypatch.chdir(tmp_path)
    for variable in ("VO_DATA_ROOT", "VO_WEIGHTS_DIR"):
        monkeypatch.delenv(variable, raising=False)


def test_the_built_in_street_is_tracked_and_judged(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_in_process("--frames", "0:60", "--out", "run") == 0
    assert {path.name for path in Path("run").iterdir()} >= RUN_FILES
    metrics = json.loads(Path("run/metrics.json").read_text())
    assert metrics["frames"] == 60
    assert metrics["poses"] >= 57
    assert metrics["num_segments"] == 1
    assert metrics["complete"] is True
    assert metrics["errors"]["alignment"] == "Sim(3)"
    assert metrics["errors"]["ate_m"]["rmse"] < 0.01 * metrics["errors"]["path_length_m"]
    assert metrics["features"] == "orb"
    assert "ATE rmse" in capsys.readouterr().out


@pytest.mark.parametrize("sensor", ["stereo", "rgbd"])
def test_measured_depths_make_the_street_metric(sensor: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_in_process("--sensor", sensor, "--frames", "0:20", "--out", "run") == 0
    metrics = json.loads(Path("run/metrics.json").read_text())
    errors = metrics["errors"]
    assert (metrics["sensor"], metrics["poses"], metrics["initializing"]) == (sensor, 20, 0)
    assert errors["alignment"] == "SE(3)"
    assert abs(errors["scale_error_percent"]) < 1.0
    assert errors["ate_m"]["rmse"] < 0.05
    found = read_poses(Path("run/trajectory_tum.txt")).T_world_cam
    reach_m = np.linalg.norm(ground_truth(20).positions_world[-1])
    assert np.linalg.norm(found[-1, :3, 3]) == pytest.approx(reach_m, rel=0.01)
    partner = "right image" if sensor == "stereo" else "depth image"
    table = capsys.readouterr().out
    assert re.search(rf"without {partner} +0  frames", table)
    assert re.search(r"ATE rmse +[0-9.]+  m\n", table)


def test_the_camera_height_makes_a_monocular_run_metric(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_in_process("--frames", "0:60", "--camera-height", "1.65", "--out", "run") == 0
    metrics = json.loads(Path("run/metrics.json").read_text())
    scale, errors = metrics["scale_from_camera_height"]["0"], metrics["errors"]
    assert errors["alignment"] == "SE(3)"
    assert abs(errors["scale_error_percent"]) < 3.0
    assert scale["num_keyframes"] >= 3
    assert 0 < scale["spread"] < 0.1
    table = capsys.readouterr().out
    assert re.search(r"scale from camera height +[0-9.]+  m per map unit \+- [0-9.]+%, \d+ keyframes", table)
    length_m = np.linalg.norm(ground_truth(60).positions_world[-1])
    for name in ("trajectory_tum.txt", "trajectory_kitti.txt", "trajectory_euroc.csv"):
        end = read_poses(Path("run", name)).T_world_cam[-1, :3, 3]
        assert np.linalg.norm(end) == pytest.approx(length_m, rel=0.03)


def test_where_no_road_was_seen_the_run_keeps_its_map_units_and_says_so(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vo_frontend.session.camera_height.find_road_plane", lambda points_cam: None)
    assert run_in_process("--frames", "0:20", "--camera-height", "1.65", "--out", "run") == 0
    metrics = json.loads(Path("run/metrics.json").read_text())
    assert metrics["scale_from_camera_height"] == {}
    assert metrics["errors"]["alignment"] == "Sim(3)"
    assert caplog.text.count("segment 0: too little road seen") == 1
    assert re.search(r"scale from camera height +n/a  no road seen", capsys.readouterr().out)


def test_without_weights_and_network_the_street_falls_back_to_our_own_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(Path.cwd()))
    monkeypatch.setattr("urllib.request.urlopen", offline)
    assert main(["--no-view", "--frames", "0:5", "--out", "run"]) == 0
    assert "using our own vof-t16 for the built-in street" in caplog.text
    assert json.loads(Path("run/metrics.json").read_text())["features"] == "vof-t16"


def test_nothing_else_falls_back(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    street = write_street(tmp_path, num_frames=1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(Path.cwd()))
    monkeypatch.setattr("urllib.request.urlopen", offline)
    camera = str(street / "cam.yaml")
    assert main(["--no-view", "--quiet", "--images", str(street), "--camera", camera]) == 2
    assert main(["--no-view", "--quiet", "--features", "aliked-t16"]) == 2
    errors = capsys.readouterr().err.strip().splitlines()
    assert len(errors) == 2
    assert all(line.startswith("error: ") and "aliked-t16.pth" in line for line in errors)


def test_two_runs_with_the_same_seed_are_identical_to_the_byte() -> None:
    for name in ("first", "second"):
        assert run_in_process("--frames", "0:30", "--out", name) == 0
    for name in ("trajectory_tum.txt", "trajectory_kitti.txt", "trajectory_euroc.csv", "map.ply"):
        assert Path("first", name).read_bytes() == Path("second", name).read_bytes()


def test_runs_are_kept_side_by_side_with_a_link_to_the_latest() -> None:
    for _ in range(2):
        assert run_in_process("--frames", "0:3") == 0
    folder = Path("runs/synthetic/street")
    assert len([path for path in folder.iterdir() if not path.is_symlink()]) == 2
    assert (folder / "latest" / "metrics.json").is_file()


@pytest.mark.parametrize(
    "name", ["SIGINT", *(pytest.param(n, marks=pytest.mark.slow) for n in POLITE_SIGNALS)]
)
def test_a_signal_stops_after_the_frame_and_the_report_is_still_written(name: str) -> None:
    process = start_process(*FAST, "--camera-height", "1.65", "--out", "run")
    wait_for_poses(process, 30)
    process.send_signal(signal.Signals[name])
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "stopped before the end" in output
    assert "Traceback" not in errors
    assert Path("run/report.html").is_file()
    metrics = json.loads(Path("run/metrics.json").read_text())
    assert metrics["complete"] is False
    assert 30 <= metrics["poses"] == len(read_poses(TRAJECTORY))
    assert metrics["errors"]["alignment"] == "SE(3)", "the camera height holds for what was seen"


def test_kill_loses_at_most_the_last_frame() -> None:
    process = start_process(*FAST, "--out", "run")
    wait_for_poses(process, 10)
    process.kill()
    process.wait()
    log = [line.split(",") for line in Path("run/frames.csv").read_text().splitlines()[1:]]
    tracked = [int(columns[0]) for columns in log if columns[2] == "tracking"]
    written = read_poses(Path("run/trajectory_kitti.txt")).frame_indices
    assert written is not None
    assert abs(int(written[-1]) - tracked[-1]) <= 1
    header, _, vertices = Path("run/map.ply").read_bytes().partition(b"end_header\n")
    count = re.search(rb"element vertex (\d+)", header)
    assert count is not None
    assert 100 < int(count[1]) <= len(vertices) / 15, "the local map is in the file"


@pytest.mark.slow
def test_a_full_disk_ends_a_run_with_what_fits_and_names_the_first_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    args = ("--frames", "0:60", "--out", "run")
    assert run_in_process(*args) == 0, "compiles what is compiled later, whose files are not those meant"
    capsys.readouterr()
    with file_limit(9000):
        assert run_in_process(*args) == 2
    output = capsys.readouterr()
    assert re.search(r"error: run/trajectory_kitti\.txt: cannot write .* the \d+ poses before", output.err)
    assert "trajectory.png" not in {path.name for path in Path("run").iterdir()}, "no empty picture"
    metrics = json.loads(Path("run/metrics.json").read_text())
    assert metrics["complete"] is False
    assert len(read_poses(TRAJECTORY)) == len(read_poses(Path("run/trajectory_kitti.txt"))) > 20
    assert "poses" in output.out, "the closing table is shown"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--seq", "kitti/06"], "kitti/06: no data root; say where the datasets are with --data-root"),
        (["--seq", "kiti/06", "--data-root", "."], "unknown sequence 'kiti/06', did you mean"),
        (["--seq", "kitti/06", "--data-root", "."], "looked for"),
        (["--images", "nowhere", "--camera", "cam.yaml"], "cam.yaml: cannot read the camera file"),
        (["--images", "nowhere"], "--images needs the camera's calibration"),
        (["--frames", "5"], "--frames 5"),
        (["--frames", "400:"], "--frames 400:"),
        (["--camera-height", "-1"], "--camera-height -1: expected the height above the road in metres"),
        (["--camera-height", "2", "--sensor", "stereo"], "--sensor stereo measures the scale itself"),
        (["--set", "features.max_keypoint=5"], "did you mean 'max_keypoints'"),
        (["--features", "alikd-t16"], "did you mean 'alike"),
        (["--device", "cuda:9", "--features", "alike-t"], "cuda:9"),
        (["--config", "none.yaml"], "none.yaml: cannot read the file"),
        (["--keypoints", "3"], "features.max_keypoints: got 3, expected 50..50000"),
    ],
)
def test_wrong_input_is_one_clear_line_and_exit_code_two(
    capsys: pytest.CaptureFixture[str], args: list[str], message: str
) -> None:
    assert main(["--no-view", *args]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert not Path("runs").exists(), "nothing is created for a run that cannot start"


def test_list_says_what_is_known_and_present(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    output = capsys.readouterr().out
    assert "kitti/06" in output
    assert "VO_DATA_ROOT" in output


def test_help_is_fast_because_it_imports_nothing_heavy() -> None:
    code = (
        "import sys; from vo_frontend.cli.arguments import build_parser; build_parser().format_help();"
        "print([name for name in ('torch', 'cv2', 'numpy', 'open3d', 'numba') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def offline(*_: object, **__: object) -> None:
    raise OSError("network is unreachable")
