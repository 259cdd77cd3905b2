"""A gyroscope in a recording: rotations of the frames, what may be wrong, and a whole run."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from known import known
from pattern_world import CAMERA, DISTORTED, LENS, NUM_FRAMES, T_BODY_CAM, render
from tiny_bags import FIRST_NS, KINDS, LEFT, PERIOD_NS, RIGHT, BagWriter, stamp_ns

from vo_frontend.cli.arguments import build_parser
from vo_frontend.cli.run import configuration, main
from vo_frontend.errors import CameraError, ConfigError, SourceError, VoError
from vo_frontend.geometry.se3 import Transform, from_rotation_translation, inverse, so3_exp, so3_log
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.camera_files.writing import format_camera_file
from vo_frontend.sensors.rig import CameraRig, MountedCamera, MountedImu
from vo_frontend.session.opened_input import open_input
from vo_frontend.simulation.street import SyntheticSource, ground_truth
from vo_frontend.sources.base import FrameSource

IMU = "/imu0"
READING_NS = 5_000_000
RATE_IMU = np.array([0.2, -0.5, 0.9])
T_CAM_IMU: Transform = from_rotation_translation(so3_exp(np.array([0.5, 1.1, -0.3])), np.array([0.1, 0, 0]))
T_LEFT_RIGHT = inverse(T_BODY_CAM[0]) @ T_BODY_CAM[1]
NUM_READINGS = (NUM_FRAMES + 1) * PERIOD_NS // READING_NS


def write_bag(folder: Path, kind: str = "mcap", *, missing: range = range(0), covariance: float = 0) -> Path:
    """Write pairs, and readings from 2.4 ms before the first of them, which are recorded 30 ms late."""
    bag = BagWriter(folder, kind)
    with bag.writer:
        for i in range(NUM_FRAMES):
            for topic in (LEFT, RIGHT):
                bag.image(topic, render(DISTORTED, i), stamp_ns(i), "mono8")
        for i in range(NUM_READINGS):
            if i not in missing:
                when_ns = FIRST_NS - 2_400_000 + i * READING_NS
                bag.imu(IMU, RATE_IMU, when_ns, 30_000_000, covariance=covariance)
    return bag.path


def write_camera(folder: Path, *, shift_s: float = 0.0) -> Path:
    path = folder / "camchain-imucam.yaml"
    camera = Camera.from_pinhole(CAMERA, "radial-tangential", LENS)
    rig = CameraRig(
        MountedCamera(camera), MountedCamera(camera, T_LEFT_RIGHT), MountedImu(T_CAM_IMU, shift_s)
    )
    path.write_text(format_camera_file(rig, "kalibr"))
    return path


def opened(bag: Path, *arguments: str) -> FrameSource:
    args = build_parser().parse_args(["--bag", str(bag), "--topic", LEFT, *arguments])
    return open_input(configuration(args).run).source


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("right", [[], ["--topic-right", RIGHT]])
def test_the_imu_turns_the_camera_as_it_is_after_rectification(
    tmp_path: Path, kind: str, right: list[str]
) -> None:
    camera = str(write_camera(tmp_path))
    source = opened(write_bag(tmp_path, kind), "--topic-imu", IMU, "--camera", camera, *right)
    attitudes = [known(frame.attitude) for frame in source]
    assert len(attitudes) == NUM_FRAMES
    R_imu_cam = T_CAM_IMU[:3, :3].T @ source.T_body_cam[:3, :3]  # the body is the left camera as it is
    expected = R_imu_cam.T @ so3_exp(RATE_IMU * PERIOD_NS * 1e-9) @ R_imu_cam
    for before, after in zip(attitudes, attitudes[1:], strict=False):
        np.testing.assert_allclose(known(after.rotation_since(before)), expected, atol=1e-9)


def test_frames_come_with_or_without_readings(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """From the third image on 155 ms are missing; what follows has another beginning."""
    bag, camera = write_bag(tmp_path, missing=range(21, 51)), str(write_camera(tmp_path))
    frames = list(opened(bag, "--topic-imu", IMU, "--camera", camera, "--frames", "1:"))
    assert [frame.timestamp_ns for frame in frames] == [stamp_ns(i) for i in range(1, NUM_FRAMES)]
    assert [frame.attitude is None for frame in frames] == [False, True, True, True, True, False, False]
    first, last = known(frames[0].attitude), known(frames[-1].attitude)
    assert last.rotation_since(first) is None
    assert last.rotation_since(known(frames[5].attitude)) is not None
    assert f"{IMU}: 4 of 7 frames have no readings of the gyroscope around them" in caplog.text


def test_the_clock_of_the_imu_may_be_ahead(tmp_path: Path) -> None:
    """Then the readings end that much earlier by the clock of the camera."""
    bag, camera = write_bag(tmp_path), str(write_camera(tmp_path, shift_s=0.14))
    frames = list(opened(bag, "--topic-imu", IMU, "--camera", camera))
    assert [frame.attitude is None for frame in frames] == [False] * 7 + [True]


def test_readings_without_a_rate_are_refused(tmp_path: Path) -> None:
    """A covariance of -1 says so, as in the topic of an accelerometer."""
    bag, camera = write_bag(tmp_path, covariance=-1), str(write_camera(tmp_path))
    with pytest.raises(SourceError, match=f"{IMU} holds no rates of rotation; is it the topic of an acc"):
        opened(bag, "--topic-imu", IMU, "--camera", camera)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            "--camera cam.yaml --topic-imu /imu0",
            CameraError,
            "--topic-imu /imu0: nothing says how .* T_cam_imu",
        ),
        (
            "--camera guess:60 --topic-imu /imu0",
            CameraError,
            "--topic-imu /imu0: nothing says how .* T_cam_imu",
        ),
        (
            "--camera camchain-imucam.yaml --topic-imu /imu1",
            SourceError,
            "no topic '/imu1', did you mean '?/imu0",
        ),
        (
            f"--camera camchain-imucam.yaml --topic-imu {RIGHT}",
            SourceError,
            f"{RIGHT} holds sensor_msgs/msg/Image, no IMU; those are in /imu0",
        ),
        (
            "--camera camchain-imucam.yaml --imu",
            ConfigError,
            "--imu: does not apply here, .* with --topic-imu",
        ),
    ],
)
def test_what_does_not_fit_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, error: type[VoError], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    bag = write_bag(tmp_path)
    write_camera(tmp_path)
    Path("cam.yaml").write_text("intrinsics: [100, 102, 62.5, 47.25]\nresolution: [128, 96]\n")
    with pytest.raises(error, match=message) as caught:
        opened(bag, *arguments.split())
    assert "\n" not in str(caught.value)


def test_a_run_with_an_imu_is_repeated_by_its_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The street, with a gyroscope whose readings are the rotation between two frames."""
    monkeypatch.chdir(tmp_path)
    source, poses = SyntheticSource(frames=slice(0, 12)), ground_truth(12).T_world_cam
    bag = BagWriter(tmp_path, "mcap")
    period_ns = 1
    with bag.writer:
        stamps_ns = []
        for frame in source:
            stamps_ns.append(FIRST_NS + frame.timestamp_ns)
            bag.image("/image", known(frame.image), stamps_ns[-1], "rgb8")
        period_ns = stamps_ns[1] - stamps_ns[0]
        for before, after, begin_ns in zip(poses, poses[1:], stamps_ns, strict=False):
            turn = so3_log(before[:3, :3].T @ after[:3, :3])
            rate = T_CAM_IMU[:3, :3].T @ turn / (period_ns * 1e-9)
            for part in range(4):
                bag.imu(IMU, rate, begin_ns + part * period_ns // 4)
    rig = CameraRig(MountedCamera(Camera.from_pinhole(source.camera)), imu=MountedImu(T_CAM_IMU))
    Path("cam.yaml").write_text(format_camera_file(rig, "euroc"))
    fast = ["--features", "orb", "--no-view", "--deterministic"]
    arguments = ["--bag", str(bag.path), "--topic-imu", IMU, "--camera", "cam.yaml"]
    assert main([*fast, *arguments, "--out", "run"]) == 0
    written = yaml.safe_load(Path("run/config.yaml").read_text())["run"]
    assert written["topic_imu"] == IMU
    np.testing.assert_allclose(np.reshape(written["T_cam_imu"], (4, 4)), T_CAM_IMU)
    assert main(["--no-view", "--config", "run/config.yaml", "--out", "again"]) == 0
    trajectory = Path("run/trajectory_tum.txt").read_bytes()
    assert len(trajectory.splitlines()) > 5
    assert Path("again/trajectory_tum.txt").read_bytes() == trajectory
