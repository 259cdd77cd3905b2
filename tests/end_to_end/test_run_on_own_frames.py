"""``run_vo.py`` on frames of one's own: pictures, videos, cameras, recordings in real time."""

import itertools
import json
import os
import re
import signal
import sys
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from running import FAST, RUN_FILES, TRAJECTORY, run_in_process, start_process, wait_for_rows, write_street

from vo_frontend.formats.trajectories import read_poses
from vo_frontend.types import Image


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs go into a folder of their own, and nothing is known of real data."""
    monkeypatch.chdir(tmp_path)
    for variable in ("VO_DATA_ROOT", "VO_WEIGHTS_DIR"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_street(tmp_path_factory.mktemp("street"), num_frames=40)


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
    wait_for_rows(process, 2, Path("run/frames.csv"))  # the header and the first frame
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
