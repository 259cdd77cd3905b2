"""``run_vo.py`` as a user starts it."""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from file_limit import file_limit

from vo_frontend.cli.keyboard import POLITE_SIGNALS
from vo_frontend.cli.run import main
from vo_frontend.formats.trajectories import read_poses
from vo_frontend.simulation.street import SyntheticSource, ground_truth
from vo_frontend.types import Image

ROOT = Path(__file__).parents[2]
RUN_FILES = {
    "config.yaml", "trajectory_tum.txt", "trajectory_kitti.txt", "trajectory_kitti_frames.txt",
    "trajectory_euroc.csv", "trajectory_online_tum.txt", "trajectory_online_kitti.txt",
    "trajectory_online_kitti_frames.txt", "trajectory_online_euroc.csv",
    "map.ply", "metrics.json", "trajectory.png", "log.txt", "frames.csv", "errors.csv",
    "map.png", "report.html",
}  # fmt: skip
FAST = ["--features", "orb", "--no-view"]
TRAJECTORY = Path("run/trajectory_tum.txt")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs go into a folder of their own, and nothing is known of real data."""
    monkeypatch.chdir(tmp_path)
    for variable in ("VO_DATA_ROOT", "VO_WEIGHTS_DIR"):
        monkeypatch.delenv(variable, raising=False)


def run_in_process(*args: str) -> int:
    return main([*FAST, *args])


def start_process(*args: str) -> "subprocess.Popen[str]":
    environment = {k: v for k, v in os.environ.items() if k not in ("VO_DATA_ROOT", "VO_WEIGHTS_DIR")}
    command = [sys.executable, str(ROOT / "run_vo.py"), *args]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for_poses(process: "subprocess.Popen[str]", num_poses: int, path: Path = TRAJECTORY) -> None:
    """Wait until a run with ``--out run`` has written so many."""
    deadline = time.monotonic() + 120
    while not (path.is_file() and len(path.read_text().splitlines()) > num_poses):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 40 frames of the built-in street as an image folder with its camera file."""
    folder = tmp_path_factory.mktemp("street")
    source = SyntheticSource(frames=slice(0, 40))
    for frame in source:
        assert frame.image is not None
        cv2.imwrite(str(folder / f"{frame.index:04}.png"), cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR))
    c = source.camera
    (folder / "cam.yaml").write_text(
        f"intrinsics: [{c.fx}, {c.fy}, {c.cx}, {c.cy}]\nresolution: [{c.width}, {c.height}]\n"
    )
    return folder


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
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], street: Path
) -> None:
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


def test_a_folder_of_images_gives_the_poses_of_the_street_itself(street: Path) -> None:
    camera = str(street / "cam.yaml")
    assert run_in_process("--images", str(street), "--camera", camera, "--fps", "30", "--out", "folder") == 0
    assert run_in_process("--frames", "0:40", "--out", "direct") == 0
    found, expected = (read_poses(Path(name) / "trajectory_tum.txt") for name in ("folder", "direct"))
    np.testing.assert_allclose(found.T_world_cam, expected.T_world_cam, atol=1e-9)
    metrics = json.loads(Path("folder/metrics.json").read_text())
    assert metrics["errors"] is None, "there is no ground truth for a folder"


def test_a_truncated_image_costs_one_frame(
    street: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copy = tmp_path / "broken"
    copy.mkdir()
    for path in street.iterdir():
        content = path.read_bytes()
        (copy / path.name).write_bytes(content[: len(content) // 3] if path.name == "0025.png" else content)
    assert run_in_process("--images", str(copy), "--camera", str(copy / "cam.yaml"), "--out", "run") == 0
    metrics = json.loads(Path("run/metrics.json").read_text())
    assert metrics["bad_images"] == 1
    assert metrics["frames"] == 40
    assert metrics["poses"] >= 37
    assert caplog.text.count("0025.png") == 1


def write_drive(street: Path) -> None:
    writer = cv2.VideoWriter("drive.avi", cv2.VideoWriter.fourcc(*"MJPG"), 30, (640, 480))
    for path in sorted(street.glob("*.png")):
        picture = cv2.imread(str(path))
        assert picture is not None
        writer.write(picture)
    writer.release()


def test_a_video_runs(street: Path) -> None:
    write_drive(street)
    camera = str(street / "cam.yaml")
    assert run_in_process("--video", "drive.avi", "--camera", camera, "--out", "run") == 0
    metrics = json.loads(Path("run/metrics.json").read_text())
    assert metrics["poses"] >= 35
    assert metrics["complete"] is True


def test_a_video_that_breaks_off_is_used_as_far_as_it_goes_and_not_called_complete(
    street: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_drive(street)
    video = Path("drive.avi")
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    camera = str(street / "cam.yaml")
    assert run_in_process("--video", "drive.avi", "--camera", camera, "--out", "run") == 2
    assert re.search(r"error: drive\.avi: breaks off after \d+ of 40 frames", capsys.readouterr().err)
    metrics = json.loads(Path("run/metrics.json").read_text())
    assert 10 < metrics["poses"] == len(read_poses(TRAJECTORY))
    assert metrics["complete"] is False


def test_an_image_with_an_absurd_header_costs_one_frame(
    street: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for path in sorted(street.glob("*.png"))[:12]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    good = (tmp_path / "0005.png").read_bytes()
    absurd = good[:16] + (60000).to_bytes(4, "big") * 2 + good[24:29]
    crc = zlib.crc32(absurd[12:]).to_bytes(4, "big")
    (tmp_path / "0005.png").write_bytes(absurd + crc + good[33:])
    camera = str(street / "cam.yaml")
    assert run_in_process("--images", str(tmp_path), "--camera", camera, "--out", "run") == 0
    assert json.loads(Path("run/metrics.json").read_text())["bad_images"] == 1
    assert re.search(r"0005\.png: .*expected at most 67 million px", caplog.text)


class FakeCamera:
    """Stands in for ``cv2.VideoCapture``: the street at 30 Hz, and one Ctrl-C after five results."""

    def __init__(self, folder: Path) -> None:
        self._paths = itertools.cycle(sorted(folder.glob("*.png")))
        self._is_stopped = False

    def read(self) -> tuple[bool, Image | None]:
        time.sleep(1 / 30)
        frames = Path("run/frames.csv")
        if not self._is_stopped and frames.is_file() and len(frames.read_text().splitlines()) > 5:
            self._is_stopped = True
            signal.raise_signal(signal.SIGINT)
        picture = cv2.imread(str(next(self._paths)))
        return True, None if picture is None else np.asarray(picture, np.uint8)

    def get(self, property_id: int) -> float:
        return 0.0

    def release(self) -> None:
        pass


def test_a_camera_runs_until_ctrl_c_and_counts_what_it_dropped(
    street: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from vo_frontend.sources import live_camera

    monkeypatch.setattr(live_camera, "open_opencv_capture", lambda *_: FakeCamera(street))
    assert run_in_process("--webcam", "0", "--camera", str(street / "cam.yaml"), "--out", "run") == 0
    metrics = json.loads(Path("run/metrics.json").read_text())
    assert metrics["complete"] is False
    assert metrics["frames"] >= 5
    frames = [int(line.split(",")[0]) for line in Path("run/frames.csv").read_text().splitlines()[1:]]
    assert metrics["dropped"] == frames[-1] - frames[0] + 1 - len(frames)
    assert metrics["latency_ms"] is None or metrics["latency_ms"]["max"] > 0
    assert "dropped because we were late" in capsys.readouterr().out


@pytest.mark.parametrize("sensor", ["stereo", "rgbd"])
def test_a_recording_in_real_time_says_what_came_too_early_and_how_late_its_poses_are(
    sensor: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_in_process("--realtime", "--sensor", sensor, "--frames", "0:24:2", "--out", "run") == 0
    metrics = json.loads(Path("run/metrics.json").read_text())
    assert metrics["complete"]
    assert metrics["frames"] + metrics["dropped"] == 12, "numbers left out on purpose are not dropped"
    assert 0 < metrics["latency_ms"]["p50"] <= metrics["latency_ms"]["p95"] <= metrics["latency_ms"]["max"]
    output = capsys.readouterr().out
    assert "dropped because we were late" in output
    assert "from capture to pose, p50 / p95 / max" in output
    assert "From capture to pose" in Path("run/report.html").read_text()


def test_ctrl_c_ends_a_run_that_waits_for_a_frame_of_a_recording(street: Path) -> None:
    camera = ("--camera", str(street / "cam.yaml"))
    images = ("--images", str(street), *camera, "--fps", "0.2")  # five seconds each
    process = start_process(*FAST, *images, "--realtime", "--out", "run")
    wait_for_poses(process, 1, Path("run/frames.csv"))  # below the header: the first frame
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "stopped before the end" in output
    assert json.loads(Path("run/metrics.json").read_text())["complete"] is False


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are text")
@pytest.mark.parametrize("locale", [{}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}])
def test_names_of_any_bytes_run_in_any_locale(
    locale: dict[str, str], street: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in locale.items():
        monkeypatch.setenv(name, value)
    images, out = (tmp_path / os.fsdecode(name) for name in (b"\xff $\\frac{1}$ \xc3\x9f\n", b"out\xfe"))
    images.mkdir()
    for path in sorted(street.glob("*.png"))[:8]:
        (images / path.name).write_bytes(path.read_bytes())
    camera = ("--camera", str(street / "cam.yaml"))
    process = start_process(*FAST, "--images", str(images), *camera, "--out", str(out))
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert {path.name for path in out.iterdir()} >= RUN_FILES - {"errors.csv"}  # there is no truth


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
