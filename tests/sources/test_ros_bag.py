"""Recordings: what can be in them, and what a user may get wrong."""

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_lines import configured, opened
from known import known
from numpy.typing import NDArray
from pattern_world import CAMERA, DEPTH_M, DISTORTED, LENS, NUM_FRAMES, T_BODY_CAM, depth_image
from tiny_bags import (
    COLOUR,
    DEPTH,
    KINDS,
    LEFT,
    RIGHT,
    BagWriter,
    png,
    stamp_ns,
    write_mono_bag,
    write_rgbd_bag,
    write_stereo_bag,
)  # fmt: skip

from vo_frontend.errors import CameraError, ConfigError, SourceError
from vo_frontend.sensors.undistortion import Undistorter
from vo_frontend.session.opened_input import open_input
from vo_frontend.sources.bag_source import BagSource, DepthTopic
from vo_frontend.sources.ros_bag import RosBag
from vo_frontend.sources.stamped_messages import StampedMessage, pair_by_time
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
    source = opened(*arguments)
    assert source.sensor is Sensor.STEREO
    between_m = np.linalg.norm(T_BODY_CAM[1][:3, 3] - T_BODY_CAM[0][:3, 3])
    assert source.baseline_m == pytest.approx(between_m, rel=1e-6)
    assert all(frame.image_right is not None for frame in source)
    mono = opened("--bag", path, "--topic", RIGHT, "--frames", "2:5")
    assert [frame.index for frame in mono] == [2, 3, 4]
    with pytest.raises(SourceError, match=f"say with --topic which images to use; it holds {LEFT}, {RIGHT}"):
        configured("--bag", path)
    with pytest.raises(SourceError, match="no topic '/stereo/left/image_rav', did you mean"):
        configured("--bag", path, "--topic", "/stereo/left/image_rav")
    with pytest.raises(SourceError, match="camera_info holds sensor_msgs/msg/CameraInfo, no images"):
        configured("--bag", path, "--topic", "/stereo/left/camera_info")


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


DEPTH_ENCODINGS = ("16UC1", "32FC1", "16UC1; compressedDepth png", "32FC1; compressedDepth png")


def depths_of(path: Path, topic: str, units_per_m: float = 1000.0) -> NDArray[np.float32]:
    bag = RosBag(path)
    return known(bag.decode_depth(next(bag.read([topic], threading.Event()))[1], units_per_m))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("encoding", DEPTH_ENCODINGS)
def test_every_way_to_write_depths_comes_out_in_metres(tmp_path: Path, kind: str, encoding: str) -> None:
    bag = BagWriter(tmp_path, kind)
    units = depth_image(1000, 0)
    units[0, :3] = 500, 1000, 4000
    with bag.writer:
        bag.depth("/depth", units, 1, encoding)
    depth_m = depths_of(bag.path, "/depth")
    quantised = "32FC1;" in encoding  # inverse depths in steps of 1/200
    expected = np.where(units == 0, np.nan, units / 1000)
    np.testing.assert_allclose(depth_m, expected, rtol=0.011 if quantised else 1e-6)
    assert depth_m.dtype == np.float32


def test_whole_numbers_of_another_unit_follow_the_depth_scale(tmp_path: Path) -> None:
    bag = BagWriter(tmp_path, "ros2")
    with bag.writer:
        bag.depth("/depth", depth_image(5000, 0), 1, "16UC1")
    assert depths_of(bag.path, "/depth", 5000.0)[0, 0] == pytest.approx(DEPTH_M)


@pytest.mark.parametrize(
    ("kind", "data", "message"),
    [
        ("16UC1; compressedDepth rvl", b"", "format '16UC1; compressedDepth rvl', expected depths"),
        ("rgb8; jpeg compressed bgr8", b"", "format 'rgb8; jpeg compressed bgr8', expected depths"),
        ("16UC1; compressedDepth png", b"abc", "cannot decode the image"),
        ("16UC1; compressedDepth png", bytes(12) + png(np.zeros((9, 9, 3), np.uint16)), "expected 16 bits"),
    ],
)
def test_compressed_depths_that_are_none_are_named(
    tmp_path: Path, kind: str, data: bytes, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    bag = BagWriter(tmp_path, "ros2")
    with bag.writer:
        bag.jpeg("/depth/compressedDepth", data, 1, kind)
    with pytest.raises(SourceError, match="no image of /depth/compressedDepth can be decoded"):
        RosBag(bag.path).size_of("/depth/compressedDepth", is_depth=True)
    assert message in caplog.text


def test_colour_is_no_depth(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SourceError, match="no image of /camera/image_raw can be decoded"):
        RosBag(write_mono_bag(tmp_path, "ros2")).size_of("/camera/image_raw", is_depth=True)
    assert "encoding 'bgr8', expected depths: 16UC1, mono16, 32FC1" in caplog.text


@pytest.mark.parametrize("encoding", DEPTH_ENCODINGS)
def test_the_command_line_opens_colour_with_depths(tmp_path: Path, encoding: str) -> None:
    topic = f"{DEPTH}/compressedDepth" if ";" in encoding else DEPTH
    path = str(write_rgbd_bag(tmp_path, "mcap", encoding))
    arguments = ["--bag", path, "--topic", COLOUR, "--topic-depth", topic, "--resize", "0.5"]
    source = opened(*arguments)
    assert source.sensor is Sensor.RGBD
    frames = list(source)
    assert len(frames) == NUM_FRAMES
    for frame in frames:
        depth_m = known(frame.depth_m)
        assert depth_m.shape == known(frame.image).shape[:2] == (CAMERA.height // 2, CAMERA.width // 2)
        assert np.isnan(depth_m[23:25, 28:32]).all()
        np.testing.assert_allclose(depth_m[10:18, 10:50], DEPTH_M, rtol=0.005)


def test_a_frame_whose_depth_did_not_come_is_without(tmp_path: Path) -> None:
    bag = BagWriter(tmp_path, "ros1")
    with bag.writer:
        for i in range(3):
            bag.image("/image", np.zeros((96, 128), np.uint8), stamp_ns(i), "mono8")
            if i != 1:
                bag.depth("/depth", depth_image(1000, 0), stamp_ns(i) - 15_000_000, "16UC1")
    source = BagSource(
        RosBag(bag.path), "/image", Undistorter(DISTORTED), partner=DepthTopic("/depth", 1000.0)
    )
    assert [frame.depth_m is None for frame in source] == [False, True, False]


def test_depths_of_another_size_than_the_colour_image_are_refused_with_what_to_do(tmp_path: Path) -> None:
    bag = BagWriter(tmp_path, "ros1")
    with bag.writer:
        bag.image("/image", np.zeros((96, 128), np.uint8), stamp_ns(0), "mono8")
        bag.depth("/depth", np.ones((48, 64), np.uint16), stamp_ns(0), "16UC1")
    with pytest.raises(
        SourceError, match="/depth holds images of 64x48 px, expected 128x96 .* registered to"
    ):
        BagSource(RosBag(bag.path), "/image", Undistorter(DISTORTED), partner=DepthTopic("/depth", 1000.0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--images", "x", "--topic-depth", "/d"],
            "--topic-depth: does not apply here, it stands beside --bag",
        ),
        (["--topic-right", "/r", "--topic-depth", "/d"], "--topic-right and --topic-depth: expected one of"),
        (["--sensor", "rgbd"], "--sensor rgbd: does not apply here, .* add --topic-depth TOPIC"),
        (["--topic-depth", "/d"], "no topic '/d'"),
    ],
)
def test_options_that_contradict_a_recording_are_one_line(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    path = write_rgbd_bag(tmp_path, "ros2")
    camera = tmp_path / "cam.yaml"
    camera.write_text("intrinsics: [100, 102, 62.5, 47.25]\nresolution: [128, 96]\n")
    if "--images" not in arguments:
        arguments = ["--bag", str(path), "--topic", COLOUR, *arguments]
    config = configured(*arguments, "--camera", str(camera))
    with pytest.raises((ConfigError, SourceError), match=message):
        open_input(config.run)
