"""What every source promises, on tiny data of a known world. See vo_frontend/sources/base.py."""

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fake_capture import FakeCapture
from known import known
from numpy.typing import NDArray
from pattern_world import (
    CAMERA,
    DEPTH_M,
    DISTORTED,
    NUM_FRAMES,
    STRAIGHT,
    T_BODY_CAM,
    colored,
    pattern,
    rays_of,
    rectified_pair,
    render,
)
from step_clock import PatientlyRead
from tiny_sources import FILE_SOURCES, RECORDED_SOURCES

from vo_frontend.sensors.calibration import Camera
from vo_frontend.simulation.faulty import FaultySource
from vo_frontend.simulation.street import SyntheticSource
from vo_frontend.sources.base import FrameSource
from vo_frontend.sources.frame_range import parse_frames
from vo_frontend.sources.webcam import WebcamPairSource, WebcamSource
from vo_frontend.types import Frame, Image, Sensor

BuildAny = Callable[[Path], FrameSource]


def build_webcam(folder: Path) -> FrameSource:
    capture = FakeCapture([colored(render(DISTORTED, 0))])
    feeder = threading.Thread(target=_feed, args=(capture,), daemon=True)
    source = WebcamSource("0", DISTORTED, open_capture=lambda *_: capture)
    feeder.start()
    return source


def _feed(capture: FakeCapture) -> None:
    for i in range(1, 3 * NUM_FRAMES):
        time.sleep(0.005)
        capture.push(colored(render(DISTORTED, i)))


def synthetic(sensor: Sensor) -> BuildAny:
    def build(folder: Path) -> FrameSource:
        return SyntheticSource(sensor=sensor, frames=slice(0, NUM_FRAMES))

    return build


def without_faults(build: BuildAny) -> BuildAny:
    return lambda folder: FaultySource(build(folder), [])


def build_webcam_pair(folder: Path) -> FrameSource:
    captures = {}
    for device, T in zip("01", T_BODY_CAM, strict=True):
        images = [colored(render(DISTORTED, i, T[:3, :3])) for i in range(3 * NUM_FRAMES)]
        captures[device] = (FakeCapture(images[:1]), images[1:])
    pair = rectified_pair()
    source = WebcamPairSource("0", "1", pair, open_capture=lambda device, *_: captures[device][0])
    threading.Thread(target=_feed_pair, args=(list(captures.values()),), daemon=True).start()
    return source


def _feed_pair(captures: list[tuple[FakeCapture, list[Image]]]) -> None:
    for position in range(len(captures[0][1])):
        time.sleep(0.05)  # far more than the two images of a pair are apart, however busy the machine is
        for capture, images in captures:
            capture.push(images[position])


def in_real_time(build: BuildAny) -> BuildAny:
    return lambda folder: PatientlyRead(build(folder))


REPEATABLE_SOURCES: dict[str, BuildAny] = {
    **RECORDED_SOURCES,
    "synthetic mono": synthetic(Sensor.MONO),
    "synthetic stereo": synthetic(Sensor.STEREO),
    "synthetic rgbd": synthetic(Sensor.RGBD),
}
SOURCES: dict[str, BuildAny] = {
    **REPEATABLE_SOURCES,
    **{f"{name} in real time": in_real_time(build) for name, build in REPEATABLE_SOURCES.items()},
    "webcam pair": build_webcam_pair,
    "webcam": build_webcam,
    "faulty kitti stereo": without_faults(RECORDED_SOURCES["kitti stereo"]),
    "faulty tum rgbd": without_faults(RECORDED_SOURCES["tum rgbd"]),
    "faulty webcam": without_faults(build_webcam),
}


@pytest.fixture(params=list(SOURCES))
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FrameSource]:
    source = SOURCES[request.param](tmp_path)
    yield source
    source.close()


def take(source: FrameSource) -> list[Frame]:
    return list(itertools.islice(source, NUM_FRAMES))


def test_indices_and_timestamps_increase_strictly(source: FrameSource) -> None:
    frames = take(source)
    assert len(frames) == NUM_FRAMES
    assert (np.diff([frame.index for frame in frames]) > 0).all()
    assert (np.diff([frame.timestamp_ns for frame in frames]) > 0).all()
    assert all(type(frame.timestamp_ns) is int and type(frame.index) is int for frame in frames)


def test_images_are_8_bit_and_of_the_size_of_the_camera(source: FrameSource) -> None:
    for frame in take(source):
        image = known(frame.image)
        assert image.dtype == np.uint8
        assert image.ndim in (2, 3)
        assert image.shape[:2] == (source.camera.height, source.camera.width)
        assert image.ndim == 2 or image.shape[2] == 3


def test_right_image_and_depth_come_with_their_sensor_only(source: FrameSource) -> None:
    size = (source.camera.height, source.camera.width)
    for frame in take(source):
        assert (frame.image_right is not None) == (source.sensor is Sensor.STEREO)
        assert (frame.depth_m is not None) == (source.sensor is Sensor.RGBD)
        if frame.image_right is not None:
            assert frame.image_right.shape == known(frame.image).shape
        if frame.depth_m is not None:
            assert frame.depth_m.shape == size
            assert frame.depth_m.dtype == np.float32
    assert (source.baseline_m is not None) == (source.sensor is Sensor.STEREO)


def test_body_pose_is_a_rigid_transform(source: FrameSource) -> None:
    rotation = source.T_body_cam[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-8)
    assert source.T_body_cam.dtype == np.float64


def test_name_can_be_a_folder_name(source: FrameSource) -> None:
    assert source.name
    assert not source.name.startswith("/")


def test_closing_twice_is_fine_and_ends_the_iteration(source: FrameSource) -> None:
    iterator = iter(source)
    next(iterator)
    source.close()
    source.close()
    assert next(iterator, None) is None


def test_frames_of_live_sources_alone_say_when_they_were_captured(source: FrameSource) -> None:
    captures = [frame.capture for frame in take(source)]
    if not source.is_live:
        assert captures == [None] * NUM_FRAMES
    else:
        assert (np.diff([known(capture).captured_ns for capture in captures]) > 0).all()


def test_recorded_sources_end_after_num_frames_and_live_ones_do_not_know(source: FrameSource) -> None:
    if source.is_live:
        assert source.num_frames is None
    else:
        assert len(list(source)) == source.num_frames == NUM_FRAMES


def grey(image: Image) -> NDArray[np.float64]:
    return (image if image.ndim == 2 else image[..., 1]).astype(float)


@pytest.mark.parametrize("kind", [*RECORDED_SOURCES, "webcam", "webcam pair"])
def test_frames_show_the_world_through_an_ideal_camera(kind: str, tmp_path: Path) -> None:
    source = SOURCES[kind](tmp_path)
    rays = rays_of(Camera.from_pinhole(source.camera), source.T_body_cam[:3, :3])
    inner = np.s_[12:-12, 16:-16]  # a lens shows nothing in the corners of an undistorted image
    for i, frame in enumerate(take(source)):
        expected = pattern(rays, frame.index if source.is_live else i)[inner]
        image = known(frame.image)
        assert np.abs(grey(image)[inner] - expected).mean() < 3.0
        if source.sensor is Sensor.STEREO:
            assert np.abs(grey(known(frame.image_right))[inner] - expected).mean() < 3.0
        if image.ndim == 3:
            assert image[..., 0][inner].mean() == pytest.approx(230, abs=4)  # red first
            assert image[..., 2][inner].mean() == pytest.approx(20, abs=4)
    source.close()


@pytest.mark.parametrize("kind", RECORDED_SOURCES)
@pytest.mark.parametrize("text", ["0:5:2", "-3:", "1:-1:3"])
def test_frames_select_positions_like_python_slices(kind: str, text: str, tmp_path: Path) -> None:
    frames = parse_frames(text)
    everything = list(RECORDED_SOURCES[kind](tmp_path / "all"))
    selected = RECORDED_SOURCES[kind](tmp_path / "part", frames=frames)
    expected = everything[frames]
    got = list(selected)
    assert [f.index for f in got] == [f.index for f in expected]
    assert [f.timestamp_ns for f in got] == [f.timestamp_ns for f in expected]
    assert selected.num_frames == len(expected)
    np.testing.assert_array_equal(known(got[-1].image), known(expected[-1].image))


@pytest.mark.parametrize("kind", FILE_SOURCES)
def test_a_truncated_image_is_one_warning_and_one_frame_without_image(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = FILE_SOURCES[kind](tmp_path, broken=3)
    with caplog.at_level(logging.WARNING):
        frames = list(source)
    assert [frame.image is None for frame in frames] == [i == 3 for i in range(NUM_FRAMES)]
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert f"frame {frames[3].index} " in warnings[0].getMessage()


@pytest.mark.parametrize("kind", FILE_SOURCES)
def test_a_truncated_first_image_does_not_stop_the_source(kind: str, tmp_path: Path) -> None:
    source = FILE_SOURCES[kind](tmp_path, broken=0)
    assert source.camera.width == (96 if kind == "images resized" else CAMERA.width)
    assert [frame.image is None for frame in source] == [True] + [False] * (NUM_FRAMES - 1)


@pytest.mark.parametrize("kind", ["tum rgbd", "7scenes rgbd", "images rgbd", "bag rgbd"])
def test_depth_is_in_metres_and_nan_where_invalid(kind: str, tmp_path: Path) -> None:
    depth_m = known(next(iter(RECORDED_SOURCES[kind](tmp_path))).depth_m)
    assert np.isnan(depth_m[46:50, 56:64]).all()
    np.testing.assert_array_equal(depth_m[20:36, 20:100], np.float32(DEPTH_M))


def test_undistorted_sources_keep_the_raw_camera_and_pass_straight_images_untouched(tmp_path: Path) -> None:
    source = FILE_SOURCES["7scenes mono"](tmp_path)
    assert source.camera == STRAIGHT.pinhole
    np.testing.assert_array_equal(known(next(iter(source)).image)[..., 1], render(STRAIGHT, 0))
