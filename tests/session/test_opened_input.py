"""From the command line to frames: which sensor they come from."""

from pathlib import Path

import numpy as np
import pytest
from command_lines import opened

from vo_frontend.cli.arguments import build_parser
from vo_frontend.errors import ConfigError, SourceError
from vo_frontend.types import Sensor


@pytest.mark.parametrize("name", ["street", "synthetic/street"])
def test_the_street_can_be_asked_for_by_name(name: str) -> None:
    source = opened("--seq", name, "--frames", "0:1", "--sensor", "stereo")
    assert (source.name, source.sensor, source.num_frames) == ("synthetic/street", Sensor.STEREO, 1)


def test_mono_is_the_default() -> None:
    source = opened("--frames", "0:1")
    frame = next(iter(source))
    assert source.sensor is Sensor.MONO
    assert source.baseline_m is None
    assert frame.image_right is None
    assert frame.depth_m is None


def test_the_street_delivers_what_the_sensor_promises() -> None:
    stereo = opened("--sensor", "stereo", "--frames", "0:1")
    assert stereo.sensor is Sensor.STEREO
    assert stereo.baseline_m == 0.5
    frame = next(iter(stereo))
    assert frame.image is not None
    assert frame.image_right is not None
    assert frame.image_right.shape == frame.image.shape
    rgbd = opened("--sensor", "rgbd", "--frames", "0:1")
    assert rgbd.sensor is Sensor.RGBD
    assert rgbd.baseline_m is None
    depth_m = next(iter(rgbd)).depth_m
    assert depth_m is not None
    assert np.isfinite(depth_m).mean() > 0.3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--imu"], "--imu: does not apply here, the built-in street has none"),
        (["--seq", "street", "--imu"], "--imu: does not apply here, the built-in street has none"),
        (["--images", "x", "--imu"], "--imu: does not apply here, it is for --seq"),
        (
            ["--video", "x", "--topic-imu", "/i"],
            "--topic-imu /i: does not apply here, it stands beside --bag",
        ),
    ],
)
def test_a_gyroscope_where_there_is_none_is_one_line(arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        opened(*arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("option", [("--images", "shots"), ("--video", "a.mp4"), ("--webcam", "0")])
@pytest.mark.parametrize("sensor", ["stereo", "rgbd"])
def test_one_camera_gives_no_depth(option: tuple[str, str], sensor: str) -> None:
    with pytest.raises(ConfigError, match=f"--sensor {sensor}: does not apply here, .* one camera") as error:
        opened(*option, "--sensor", sensor)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("sensor", ["stereo", "rgbd"])
def test_a_camera_height_is_of_no_use_beside_measured_depths(sensor: str) -> None:
    with pytest.raises(ConfigError, match=f"--camera-height 1.65: .*--sensor {sensor} measures") as error:
        opened("--camera-height", "1.65", "--sensor", sensor)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("height", ["0", "-1.65", "165"])
def test_a_camera_height_is_one_of_a_vehicle_in_metres(height: str) -> None:
    with pytest.raises(ConfigError, match=f"--camera-height {height}: .*more than 0 and at most 100"):
        opened(f"--camera-height={height}")


def test_the_street_is_as_long_as_the_frames_ask_for() -> None:
    assert opened("--frames", "0:400:100").num_frames == 4
    assert opened("--frames", "298:").num_frames == 2
    with pytest.raises(SourceError, match="got 1000000, expected 1 to 100000"):
        opened("--frames", "0:1000000")


def test_an_unknown_sensor_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["--sensor", "lidar"])
    assert "choose from" in capsys.readouterr().err


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "sensor", "message"),
    [
        ("kitti/06", "rgbd", "kitti/06: .*'rgbd'.* mono and stereo"),
        ("kitti/00", "stereo", "'stereo' needs image_1, which is not there; use sensor 'mono'"),
        ("tum/fr1_rpy", "stereo", "tum/fr1_rpy: .*'stereo'.* mono and rgbd"),
        ("tum/fr2_desk", "rgbd", "depth.txt: not found, sensor 'rgbd' needs it; use sensor 'mono'"),
    ],
)
def test_a_sequence_without_such_frames_says_what_it_has(
    name: str, sensor: str, message: str, data_root: Path
) -> None:
    with pytest.raises(SourceError, match=message) as error:
        opened("--seq", name, "--sensor", sensor, "--data-root", str(data_root))
    assert "\n" not in str(error.value)
