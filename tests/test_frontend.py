"""The whole front-end on a world with known answers, without images."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from map_invariants import check
from numpy.typing import NDArray
from world import CAMERA, World, WorldExtractor, frames, make_world, sideways

from vo_frontend.config import Config
from vo_frontend.config_files import override
from vo_frontend.geometry import se3
from vo_frontend.geometry.alignment import align
from vo_frontend.map_events import LandmarksRetired, SegmentEnded
from vo_frontend.session.build import build_frontend
from vo_frontend.types import Frame, FrameResult, Reason, Status

NUM_FRAMES = 30
MANY_KEYFRAMES = ("keyframes.max_tracked_share=1.0", "keyframes.min_motion_px=1.0")


def run(
    T_world_cam: NDArray[np.float64],
    input_frames: Iterable[Frame],
    *,
    noise_px: float = 0.2,
    settings: Sequence[str] = (),
    world: World | None = None,
) -> list[FrameResult]:
    extractor = WorldExtractor(world or make_world(num_points=900), T_world_cam, noise_px)
    frontend = build_frontend(override(Config(), list(settings)), CAMERA, extractor)
    results = []
    for frame in input_frames:
        results.append(frontend.process(frame))
        if frontend.sparse_map is not None:
            check(frontend.sparse_map)
    return results


def poses_of(
    results: Iterable[FrameResult], segment_id: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Collect frame indices (N,) and poses (N, 4, 4), those found in hindsight included."""
    found = {}
    for result in results:
        if result.segment_id == segment_id and result.T_world_cam is not None:
            found.update({pose.frame_index: pose.T_world_cam for pose in result.backfilled})
            found[result.frame_index] = result.T_world_cam
    return np.array(sorted(found)), np.array([found[index] for index in sorted(found)])


def assert_follows(
    results: Iterable[FrameResult],
    T_world_cam: NDArray[np.float64],
    segment_id: int = 0,
    tolerance: float = 0.02,
) -> None:
    index, found = poses_of(results, segment_id)
    truth = T_world_cam[index]
    similarity = align(found[:, :3, 3], truth[:, :3, 3], with_scale=True)
    error = np.linalg.norm(similarity.transform_poses(found)[:, :3, 3] - truth[:, :3, 3], axis=1)
    assert error.max() < tolerance, error.max()
    relative = se3.inverse(found[0]) @ found[-1], se3.inverse(truth[0]) @ truth[-1]
    angle_rad = se3.rotation_angle_rad(relative[0][:3, :3].T @ relative[1][:3, :3])
    assert np.rad2deg(angle_rad) < 0.3


@pytest.mark.parametrize("settings", [(), ("ransac.estimator=opencv",), ("matching.max_ratio=0.9",)])
def test_every_frame_gets_a_pose_and_the_path_has_the_right_shape(settings: tuple[str, ...]) -> None:
    T_world_cam = sideways(NUM_FRAMES)
    results = run(T_world_cam, frames(NUM_FRAMES), settings=settings)
    assert results[0].status is Status.INITIALIZING
    assert results[0].reason is Reason.FIRST_VIEW
    assert results[-1].status is Status.TRACKING
    index, _ = poses_of(results)
    assert index.tolist() == list(range(NUM_FRAMES))
    assert_follows(results, T_world_cam)


def test_every_frame_yields_one_result_in_order() -> None:
    results = run(sideways(10), frames(10, bad=frozenset({0, 4})))
    assert [result.frame_index for result in results] == list(range(10))


def test_a_bad_image_costs_one_pose_and_nothing_else() -> None:
    T_world_cam = sideways(NUM_FRAMES)
    results = run(T_world_cam, frames(NUM_FRAMES, bad=frozenset({15, 16})))
    assert [results[i].reason for i in (15, 16)] == [Reason.BAD_IMAGE] * 2
    assert results[15].status is Status.LOST
    assert results[15].T_world_cam is None
    assert results[17].status is Status.TRACKING
    assert_follows(results, T_world_cam)


def test_a_still_camera_is_never_given_a_motion() -> None:
    results = run(np.tile(np.eye(4), (20, 1, 1)), frames(20), noise_px=0.3)
    assert all(result.T_world_cam is None for result in results)
    assert {result.reason for result in results[1:]} <= {Reason.TOO_LITTLE_PARALLAX, Reason.TOO_FEW_MATCHES}


def test_pure_rotation_is_never_given_a_translation() -> None:
    rotations = se3.so3_exp(np.linspace(0, 0.3, 20)[:, None] * np.array([0.0, 1.0, 0.1]))
    T_world_cam = se3.from_rotation_translation(rotations, np.zeros((20, 3)))
    results = run(T_world_cam, frames(20), noise_px=0.3)
    assert all(result.T_world_cam is None for result in results)


def test_after_a_jump_to_another_place_a_new_segment_starts_and_the_old_one_is_kept() -> None:
    first, second = sideways(20), sideways(40)[20:]
    second[:, 0, 3] += 500.0  # nothing of the first world is in sight
    world, far = make_world(num_points=900), make_world(seed=5, num_points=900)
    points = np.concatenate([world.points_world, far.points_world + [502.5, 0, 0]])
    both = replace(
        world, points_world=points, descriptors=np.concatenate([world.descriptors, far.descriptors])
    )
    T_world_cam = np.concatenate([first, second])
    results = run(T_world_cam, frames(40), world=both, settings=["tracking.max_lost_s=0.25"])
    lost = [result for result in results if result.status is Status.LOST]
    assert {result.segment_id for result in lost} == {0}
    assert 2 <= len(lost) <= 4
    *_, retired, ended = lost[-1].events
    assert isinstance(retired, LandmarksRetired)
    assert len(retired.points_world) > 100, "the old map is handed over when it is given up"
    assert ended == SegmentEnded(0)
    assert lost[-1].map is not None
    assert len(lost[-1].map.points_world) == 0
    assert results[-1].segment_id == 1
    assert results[-1].status is Status.TRACKING
    assert_follows(results, T_world_cam, segment_id=0)
    assert_follows(results, T_world_cam, segment_id=1)


def test_a_short_loss_is_recovered_in_the_same_segment() -> None:
    T_world_cam = sideways(NUM_FRAMES)
    black = frozenset(range(12, 16))
    results = run(T_world_cam, frames(NUM_FRAMES, bad=black))
    assert results[-1].segment_id == 0
    assert_follows(results, T_world_cam)


def test_few_features_are_named_as_such() -> None:
    results = run(sideways(3), frames(3), world=make_world(num_points=25))
    assert {result.reason for result in results} == {Reason.TOO_FEW_FEATURES}


def test_same_input_gives_identical_poses() -> None:
    first, second = (poses_of(run(sideways(12), frames(12)))[1] for _ in range(2))
    assert len(first) == 12
    np.testing.assert_array_equal(first, second)


def test_memory_is_bounded_by_the_window() -> None:
    settings = ["mapping.max_keyframes=9", "mapping.adjusted_keyframes=5", *MANY_KEYFRAMES]
    results = run(sideways(NUM_FRAMES), frames(NUM_FRAMES), settings=settings)
    snapshots = [result.map for result in results if result.map is not None]
    assert len(snapshots) > 9
    assert max(len(snapshot.T_world_keyframes) for snapshot in snapshots) == 9


def test_stage_times_are_reported_in_execution_order() -> None:
    results = run(sideways(12), frames(12), settings=MANY_KEYFRAMES)
    assert list(results[0].stage_seconds) == ["extract", "start"]
    keyframe = next(result for result in results[5:] if result.is_keyframe)
    assert list(keyframe.stage_seconds) == ["extract", "track", "map", "look back"]
