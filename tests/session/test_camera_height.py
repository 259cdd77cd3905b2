import re

import numpy as np
import pytest

from vo_frontend.errors import OutputError
from vo_frontend.formats.trajectories import read_poses
from vo_frontend.geometry import se3
from vo_frontend.reports.metric_scale import MetricScaleSink
from vo_frontend.reports.point_cloud import END_OF_HEADER, MAP_NAME, VERTEX, PointCloudSink
from vo_frontend.reports.rescale import rescale_map, rescale_trajectories
from vo_frontend.reports.trajectory_files import EUROC_NAME, KITTI_NAME, TUM_NAME, TrajectorySink
from vo_frontend.types import Frame, FrameResult, MapSnapshot, Reason, Status

CAMERA_HEIGHT_M = 1.65


def result(index, *, segment_id=0, unit_m=20.0, has_road=True, height_m=CAMERA_HEIGHT_M):
    """A keyframe above a road, in a map whose unit is ``unit_m`` metres."""
    rng = np.random.default_rng(index)
    T_world_cam = se3.from_rotation_translation(se3.so3_exp(np.array([0, 0.1 * index, 0])), [index, 0, 0])
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
        np.zeros((0, 3)),
        np.zeros((0, 3), np.uint8),
        np.stack([np.eye(4), T_world_cam]),
        np.array([0, index]),
    )
    return FrameResult(
        index, index * 10**8, Status.TRACKING, Reason.NONE, segment_id, T_world_cam, map=snapshot
    )


def consume(sink, results):
    for each in results:
        sink.consume(Frame(each.frame_index, each.timestamp_ns, None), each)


def test_each_segment_gets_the_scale_of_its_own_map():
    sink = MetricScaleSink(CAMERA_HEIGHT_M)
    consume(sink, [result(i, unit_m=20.0) for i in range(8)])
    consume(sink, [result(i, segment_id=1, unit_m=0.5) for i in range(8, 16)])
    scales = sink.scales()
    assert scales[0].scale_m == pytest.approx(20.0, rel=0.01)
    assert scales[1].scale_m == pytest.approx(0.5, rel=0.01)
    assert scales[0].num_keyframes == 8
    assert scales[0].spread < 0.01
    assert re.fullmatch(r"\d+(\.\d+)? m per map unit \+- 0\.\d% over 8 keyframes", str(scales[0]))


def test_the_spread_is_that_of_single_keyframes_and_outliers_move_nothing():
    rng = np.random.default_rng(0)
    heights = CAMERA_HEIGHT_M * (1 + 0.03 * rng.normal(size=60))
    heights[::10] *= 1.6
    sink = MetricScaleSink(CAMERA_HEIGHT_M)
    consume(sink, [result(i, height_m=height) for i, height in enumerate(heights)])
    scale = sink.scales()[0]
    assert scale.scale_m == pytest.approx(20.0, rel=0.02)
    assert scale.spread == pytest.approx(0.03, rel=0.4)


def test_where_too_few_keyframes_saw_a_road_there_is_no_scale():
    sink = MetricScaleSink(CAMERA_HEIGHT_M)
    consume(sink, [result(i, has_road=i < 2) for i in range(10)])
    assert sink.scales() == {}


def test_frames_without_a_map_are_passed_over():
    sink = MetricScaleSink(CAMERA_HEIGHT_M)
    lost = FrameResult(0, 0, Status.LOST, Reason.BAD_IMAGE, 0, None)
    given_up = MapSnapshot(
        0, np.zeros(0, np.int64), np.zeros((0, 3)), np.zeros((0, 3), np.uint8),
        np.zeros((5, 3)), np.zeros((5, 3), np.uint8), np.zeros((0, 4, 4)), np.zeros(0, np.int64),
    )  # fmt: skip
    consume(sink, [lost, FrameResult(1, 1, Status.LOST, Reason.BAD_IMAGE, 0, None, map=given_up)])
    assert sink.scales() == {}


@pytest.fixture
def folder(tmp_path):
    sink = TrajectorySink(tmp_path)
    consume(sink, [result(i, segment_id=i // 3) for i in range(6)])
    sink.close()
    return tmp_path


def test_all_three_trajectories_become_metric_segment_by_segment(folder):
    names = (TUM_NAME, KITTI_NAME, EUROC_NAME)
    before = {name: read_poses(folder / name) for name in names}
    rescale_trajectories(folder, {0: 2.0, 1: 10.0})
    for name in names:
        after = read_poses(folder / name)
        factors = np.repeat([2.0, 10.0], 3)[:, None]
        np.testing.assert_array_equal(
            after.T_world_cam[:, :3, 3], factors * before[name].T_world_cam[:, :3, 3]
        )
        np.testing.assert_array_equal(after.T_world_cam[:, :3, :3], before[name].T_world_cam[:, :3, :3])
    assert read_poses(folder / TUM_NAME).segment_ids.tolist() == [0, 0, 0, 1, 1, 1]
    assert not list(folder.glob("*.new"))


def test_a_segment_without_a_scale_keeps_its_bytes(folder):
    before = (folder / KITTI_NAME).read_text().splitlines()
    rescale_trajectories(folder, {1: 3.0})
    after = (folder / KITTI_NAME).read_text().splitlines()
    assert before[:3] == after[:3]
    assert before[3:] != after[3:]


def vertices_of(folder):
    return np.frombuffer((folder / MAP_NAME).read_bytes().split(END_OF_HEADER)[1], VERTEX)["xyz"]


def test_the_map_becomes_metric_segment_by_segment(tmp_path):
    sink = PointCloudSink(tmp_path)
    consume(sink, [result(i, segment_id=i // 3) for i in range(6)])
    sink.close()
    before = vertices_of(tmp_path)
    rescale_map(tmp_path, sink.num_by_segment, {1: 10.0})
    after = vertices_of(tmp_path)
    assert dict(sink.num_by_segment) == {0: 200, 1: 200}
    np.testing.assert_array_equal(after[:200], before[:200])
    np.testing.assert_allclose(after[200:], 10 * before[200:], rtol=1e-6)


def test_what_cannot_be_written_is_one_line_and_the_old_file_stays(folder, monkeypatch):
    before = (folder / TUM_NAME).read_bytes()

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full_disk)
    with pytest.raises(OutputError, match=r"cannot write it in metres \(No space left on device\)"):
        rescale_trajectories(folder, {0: 2.0})
    assert (folder / TUM_NAME).read_bytes() == before
    assert not list(folder.glob("*.new"))
