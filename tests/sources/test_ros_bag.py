"""Recordings: what can be in them, and what a user may get wrong."""

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from known import known
from tiny_bags import KINDS, LEFT, RIGHT, BagWriter, stamp_ns, write_mono_bag, write_stereo_bag
from tiny_datasets import CAMERA, DISTORTED, LENS, NUM_FRAMES, T_BODY_CAM

from vo_frontend.cli.arguments import build_parser
from vo_frontend.cli.run import configuration
from vo_frontend.errors import CameraError, SourceError
from vo_frontend.sensors.undistortion import Undistorter
from vo_frontend.session.opened_input import open_input
from vo_frontend.sources.ros_bag import BagSource, RosBag, StampedMessage, pair_by_time
from vo_frontend.types import Image, Sensor


@pytest.mark.parametrize("kind", KINDS)
def test_stamps_are_those_of_the_headers_to_the_nanosecond(tmp_path: Path, kind: str) -> None:
    bag = RosBag(write_mono_bag(tmp_path, kind))
    source = BagSource(bag, "/camera/image_raw", Undistorter(DISTORTED))
    assert [frame.timestamp_ns for frame in source] == [stamp_ns(i) for i in range(NUM_FRAMES)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_calibration_in_a_recording_is_that_of_its_camera(tmp_path: Path, kind: str) -> None:
    camera = RosBag(write_mono_bag(tmp_path, kind)).camera("/camera/image_raw").calibration
    assert camera.pinhole == CAMERA
    assert camera.distortion[:4] == LENS


def test_a_single_mcap_file_is_a_recording(tmp_path: Path) -> None:
    folder = write_mono_bag(tmp_path, "mcap")
    assert RosBag(next(folder.glob("*.mcap"))).image_topic(None) == "/camera/image_raw"


@pytest.mark.parametrize("kind", ["ros1", "mcap"])
def test_the_command_line_opens_one_topic_or_two(tmp_path: Path, kind: str) -> None:
    path = str(write_stereo_bag(tmp_path, kind))
    arguments = ["--bag", path, "--topic", LEFT, "--topic-right", RIGHT]
    source = open_input(configuration(build_parser().parse_args(arguments)).run).source
    assert source.sensor is Sensor.STEREO
    between_m = np.linalg.norm(T_BODY_CAM[1][:3, 3] - T_BODY_CAM[0][:3, 3])
    assert source.baseline_m == pytest.approx(between_m, rel=1e-6)
    assert all(frame.image_right is not None for frame in source)
    mono = configuration(build_parser().parse_args(["--bag", path, "--topic", RIGHT, "--frames", "2:5"]))
    assert [frame.index for frame in open_input(mono.run).source] == [2, 3, 4]
    with pytest.raises(SourceError, match=f"say with --topic which images to use; it holds {LEFT}, {RIGHT}"):
        configuration(build_parser().parse_args(["--bag", path]))
    with pytest.raises(SourceError, match="no topic '/stereo/left/image_rav', did you mean"):
        configuration(build_parser().parse_args(["--bag", path, "--topic", "/stereo/left/image_rav"]))
    with pytest.raises(SourceError, match="camera_info holds sensor_msgs/msg/CameraInfo, no images"):
        configuration(build_parser().parse_args(["--bag", path, "--topic", "/stereo/left/camera_info"]))


RGB = np.zeros((4, 6, 3), np.uint8)
RGB[..., 0], RGB[..., 1], RGB[..., 2] = 200, 120, 40


def bayer(first_row: str, second_row: str) -> Image:
    """What a sensor behind a colour filter of this pattern sees of RGB."""
    raw = np.zeros(RGB.shape[:2], np.uint8)
    for row, names in enumerate((first_row, second_row)):
        for column, name in enumerate(names):
            raw[row::2, column::2] = RGB[row::2, column::2, "rgb".index(name)]
    return raw


@pytest.mark.parametrize(
    ("encoding", "raw"),
    [
        ("rgb8", RGB),
        ("bgr8", RGB[..., ::-1]),
        ("rgba8", np.dstack([RGB, RGB[..., :1]])),
        ("bgra8", np.dstack([RGB[..., ::-1], RGB[..., :1]])),
        ("bayer_rggb8", bayer("rg", "gb")),
        ("bayer_bggr8", bayer("bg", "gr")),
        ("bayer_gbrg8", bayer("gb", "rg")),
        ("bayer_grbg8", bayer("gr", "bg")),
    ],
)
def test_every_encoding_of_colour_comes_out_as_rgb(tmp_path: Path, encoding: str, raw: Image) -> None:
    bag = BagWriter(tmp_path, "ros2")
    with bag.writer:
        bag.image("/image", np.ascontiguousarray(raw), 1, encoding)
    recording = RosBag(bag.path)
    image = recording.decode(next(recording.read(["/image"], threading.Event()))[1])
    np.testing.assert_array_equal(known(image), RGB)


def test_sixteen_bits_of_either_order_become_eight(tmp_path: Path) -> None:
    values = np.arange(24, dtype="<u2").reshape(4, 6) * 2000
    bag = BagWriter(tmp_path, "ros1")
    with bag.writer:
        as_bytes = values.view(np.uint8).reshape(4, 6, 2)
        bag.write(
            "/image",
            "sensor_msgs/msg/Image",
            bag.message(
                "sensor_msgs/msg/Image", header=bag.header(5), height=4, width=6, encoding="mono16",
                is_bigendian=0, step=12, data=as_bytes.ravel(),
            ),
            5,
        )  # fmt: skip
    recording = RosBag(bag.path)
    image = recording.decode(next(recording.read(["/image"], threading.Event()))[1])
    np.testing.assert_array_equal(known(image), values >> 8)


def test_bad_images_cost_one_warning_each_and_no_frame(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = cv2.imencode(".png", np.zeros((96, 128), np.uint8))[1].tobytes()
    bag = BagWriter(tmp_path, "mcap")
    with bag.writer:
        for i, data in enumerate((good, good[:40], good)):
            bag.jpeg("/camera/image/compressed", data, stamp_ns(i))
    source = BagSource(RosBag(bag.path), "/camera/image/compressed", Undistorter(DISTORTED))
    caplog.clear()
    assert [frame.image is None for frame in source] == [False, True, False]
    assert caplog.text.count("frame 1 has no usable image") == 1
    with pytest.raises(CameraError, match=r"looked for /camera/camera_info\); add --camera cam.yaml"):
        RosBag(bag.path).camera("/camera/image/compressed")


def test_an_encoding_that_nobody_knows_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bag = BagWriter(tmp_path, "ros2")
    with bag.writer:
        bag.image("/image", np.zeros((4, 6), np.uint8), 1, "jpeg2000")
    with pytest.raises(SourceError, match="no image of /image can be decoded"):
        RosBag(bag.path).size_of("/image")
    assert "encoding 'jpeg2000', expected mono8" in caplog.text


def stamped(timestamp_ms: int) -> StampedMessage:
    return StampedMessage(0, timestamp_ms * 1_000_000, None)


@pytest.mark.parametrize(
    ("arriving", "expected"),
    [
        ("L0 R0 L50 R50", [(0, 0), (50, 50)]),
        ("R3 L0 R53 L50", [(0, 3), (50, 53)]),
        ("L0 L50 R2 R49", [(0, 2), (50, 49)]),
        ("L0 R0 L50 L100 R100", [(0, 0), (50, None), (100, 100)]),
        ("R0 R50 L30 R100", [(30, 50)]),
        ("R0 R40 L19 L100", [(19, 0), (100, None)]),
        ("L0 L50", [(0, None), (50, None)]),
    ],
)
def test_images_pair_with_the_nearest_in_time_and_with_none_that_is_too_far(
    arriving: str, expected: list[tuple[int, int | None]]
) -> None:
    messages = ((each[0] == "L", stamped(int(each[1:]))) for each in arriving.split())
    pairs = [
        (left.timestamp_ns // 1_000_000, None if right is None else right.timestamp_ns // 1_000_000)
        for left, right in pair_by_time(messages)
    ]
    assert pairs == expected
