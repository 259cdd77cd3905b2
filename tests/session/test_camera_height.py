"""The scale of a monocular map from the height of the camera above a made-up road."""

import re
from collections.abc import Iterable

import numpy as np
import pytest

from vo_frontend.geometry import se3
from vo_frontend.session.camera_height import CameraHeightSink, warn_of_segments_without_scale
from vo_frontend.types import Frame, FrameResult, MapSnapshot, Reason, Status

CAMERA_HEIGHT_M = 1.65


def result(
    index: int,
    *,
    segment_id: int = 0,
    unit_m: float = 20.0,
    has_road: bool = True,
    height_m: float = CAMERA_HEIGHT_M,
) -> FrameResult:
    """Make a keyframe above a road, in a map whose unit is ``unit_m`` metres."""
    rng = np.random.default_rng(index)
    T_world_cam = se3.from_rotation_translation(
        se3.so3_exp(np.array([0, 0.1 * index, 0])), np.array([index, 0.0, 0.0])
    )
    points_cam = np.column_stack(
        [rng.uniform(-2, 2, 200), height_m + 0.02 * rng.normal(size=200), rng.uniform(3, 15, 200)]
    )
    if not has_road:
        points_cam[:, 1] *= -1
    T_world_cam[:3, 3] /= unit_m
    snapshot = MapSnapshot(
        segment_id,
        np.arange(200),
        se3.transform_points(T_world_cam, points_cam / unit_m),
        np.zeros((200, 3), np.uint8),
        np.stack([np.eye(4), T_world_cam]),
        np.array([0, index]),
    )
    return FrameResult(
        index, index * 10**8, Status.TRACKING, Reason.NONE, segment_id, T_world_cam, map=snapshot
    )


def consume(sink: CameraHeightSink, results: Iterable[FrameResult]) -> None:
    for each in results:
        sink.consume(Frame(each.frame_index, each.timestamp_ns, None), each)


def test_each_segment_gets_the_scale_of_its_own_map() -> None:
    sink = CameraHeightSink(CAMERA_HEIGHT_M)
    consume(sink, [result(i, unit_m=20.0) for i in range(8)])
    consume(sink, [result(i, segment_id=1, unit_m=0.5) for i in range(8, 16)])
    scales = sink.scales()
    assert scales[0].scale_m == pytest.approx(20.0, rel=0.01)
    assert scales[1].scale_m == pytest.approx(0.5, rel=0.01)
    assert scales[0].num_keyframes == 8
    assert scales[0].spread < 0.01
    assert re.fullmatch(r"\d+(\.\d+)? m per map unit \+- 0\.\d% over 8 keyframes", str(scales[0]))


def test_the_spread_is_that_of_single_keyframes_and_outliers_move_nothing() -> None:
    rng = np.random.default_rng(0)
    heights = CAMERA_HEIGHT_M * (1 + 0.03 * rng.normal(size=60))
    heights[::10] *= 1.6
    sink = CameraHeightSink(CAMERA_HEIGHT_M)
    consume(sink, [result(i, height_m=height) for i, height in enumerate(heights)])
    scale = sink.scales()[0]
    assert scale.scale_m == pytest.approx(20.0, rel=0.02)
    assert scale.spread == pytest.approx(0.03, rel=0.4)


def test_where_too_few_keyframes_saw_a_road_there_is_no_scale() -> None:
    sink = CameraHeightSink(CAMERA_HEIGHT_M)
    consume(sink, [result(i, has_road=i < 2) for i in range(10)])
    assert sink.scales() == {}


def test_frames_without_a_map_are_passed_over() -> None:
    sink = CameraHeightSink(CAMERA_HEIGHT_M)
    lost = FrameResult(0, 0, Status.LOST, Reason.BAD_IMAGE, 0, None)
    given_up = MapSnapshot(
        0, np.zeros(0, np.int64), np.zeros((0, 3)), np.zeros((0, 3), np.uint8),
        np.zeros((0, 4, 4)), np.zeros(0, np.int64),
    )  # fmt: skip
    consume(sink, [lost, FrameResult(1, 1, Status.LOST, Reason.BAD_IMAGE, 0, None, map=given_up)])
    assert sink.scales() == {}


def test_segments_that_saw_too_little_road_are_named(caplog: pytest.LogCaptureFixture) -> None:
    sink = CameraHeightSink(CAMERA_HEIGHT_M)
    consume(sink, [result(i) for i in range(8)])
    warn_of_segments_without_scale([0, 1, 2], sink.scales())
    assert caplog.text.count("segment 1, 2: too little road seen") == 1
