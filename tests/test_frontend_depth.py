"""The whole front-end with measured depths, on a world with known answers: metric, and from the start."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Protocol, TypeAlias

import numpy as np
import pytest
from map_invariants import check
from numpy.typing import NDArray
from world import CAMERA, World, WorldExtractor, frames, make_world, sideways

from vo_frontend.config import Config
from vo_frontend.config_files import override
from vo_frontend.errors import ConfigError
from vo_frontend.geometry import se3
from vo_frontend.session.build import build_frontend
from vo_frontend.types import Features, Frame, FrameResult, Image, KeypointDepths, Reason, Sensor, Status

Distortion: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]  # of inverse depths (N,)

NUM_FRAMES = 24
POSES = sideways(NUM_FRAMES)
WORLD = make_world(num_points=900)


class WorldMeter:
    """Stands in for a depth camera: exact, but ``blind`` frames know no depth and ``absent`` ones lack it.

    ``wrong`` ones measure something else.
    """

    def __init__(
        self,
        world: World,
        T_world_cam: NDArray[np.float64],
        blind: Collection[int],
        absent: Collection[int],
        wrong: Mapping[int, Distortion],
    ) -> None:
        self._world, self._poses, self._blind, self._absent = world, T_world_cam, blind, absent
        self._wrong = wrong

    def second_image(self, frame: Frame) -> Image | None:
        return None

    def measure(self, frame: Frame, features: Features, second: Features | None) -> KeypointDepths | None:
        assert frame.image is not None
        number = int(frame.image[0, 0])
        if number in self._absent:
            return None
        if number in self._blind:
            return KeypointDepths(*np.full((2, len(features)), np.nan))
        exact = self._world.depths(self._poses[number], features)
        if number in self._wrong:
            return replace(exact, inverse_depth_per_m=self._wrong[number](exact.inverse_depth_per_m))
        return exact


class Run(Protocol):
    """Runs the front-end of a depth camera through the world."""

    def __call__(
        self,
        T_world_cam: NDArray[np.float64] = POSES,
        world: World = WORLD,
        *,
        settings: Sequence[str] = (),
        bad: frozenset[int] = frozenset(),
        blind: Collection[int] = (),
        absent: Collection[int] = (),
        wrong: Mapping[int, Distortion] = MappingProxyType({}),
    ) -> list[FrameResult]: ...


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    def run_frames(
        T_world_cam: NDArray[np.float64] = POSES,
        world: World = WORLD,
        *,
        settings: Sequence[str] = (),
        bad: frozenset[int] = frozenset(),
        blind: Collection[int] = (),
        absent: Collection[int] = (),
        wrong: Mapping[int, Distortion] = MappingProxyType({}),
    ) -> list[FrameResult]:
        meter = WorldMeter(world, T_world_cam, blind, absent, wrong)
        monkeypatch.setattr("vo_frontend.session.build.DepthImageMeter", lambda options: meter)
        extractor = WorldExtractor(world, T_world_cam, noise_px=0.2)
        config = override(Config(), list(settings))
        frontend = build_frontend(config, CAMERA, extractor, sensor=Sensor.RGBD)
        results = []
        for frame in frames(len(T_world_cam), bad):
            results.append(frontend.process(frame))
            if frontend.sparse_map is not None:
                check(frontend.sparse_map)
        return results

    return run_frames


def assert_follows(
    results: Sequence[FrameResult], T_world_cam: NDArray[np.float64] = POSES, tolerance_m: float = 0.01
) -> None:
    """Compare poses as they are, without any alignment; the world is the first camera that has a pose."""
    tracked = [(r.frame_index, r.T_world_cam) for r in results if r.T_world_cam is not None]
    first_index, first_pose = tracked[0]
    np.testing.assert_array_equal(first_pose, np.eye(4))
    T_world_first = se3.inverse(T_world_cam[first_index])
    for index, found in tracked:
        error = se3.inverse(T_world_first @ T_world_cam[index]) @ found
        assert np.linalg.norm(error[:3, 3]) < tolerance_m
        assert np.rad2deg(se3.rotation_angle_rad(error[:3, :3])) < 0.1


def test_every_frame_has_a_metric_pose_from_the_first_on(run: Run) -> None:
    results = run()
    assert {result.status for result in results} == {Status.TRACKING}
    assert results[0].is_keyframe
    assert results[0].map is not None
    assert results[0].map.T_world_keyframes.shape == (1, 4, 4)
    assert all(result.backfilled == () for result in results)
    assert_follows(results)


def test_a_still_camera_is_tracked_and_stays_where_it_is(run: Run) -> None:
    results = run(np.tile(np.eye(4), (15, 1, 1)))
    assert {result.status for result in results} == {Status.TRACKING}
    assert_follows(results, np.tile(np.eye(4), (15, 1, 1)))


def test_views_with_too_few_depths_wait_and_say_why(run: Run) -> None:
    results = run(blind=range(3), absent=range(3, 5))
    assert [(result.status, result.reason) for result in results[:5]] == [
        (Status.INITIALIZING, Reason.TOO_FEW_DEPTHS)
    ] * 5
    assert [result.num_matches for result in results[:5]] == [0] * 5
    assert {result.status for result in results[5:]} == {Status.TRACKING}
    assert_follows(results)


@pytest.mark.parametrize("gap", ["blind", "absent"])
def test_frames_without_depth_are_tracked_as_from_one_camera_in_the_same_metric_map(
    run: Run, gap: str
) -> None:
    every_frame_a_keyframe = ["keyframes.max_tracked_share=1.0", "keyframes.min_motion_px=1.0"]
    blind, absent = (range(8, 16) if name == gap else () for name in ("blind", "absent"))
    results = run(settings=every_frame_a_keyframe, blind=blind, absent=absent)
    assert {result.status for result in results} == {Status.TRACKING}
    assert any(result.is_keyframe for result in results[8:16])
    assert_follows(results)


@pytest.mark.parametrize(
    "distorted",
    [np.zeros_like, lambda exact: exact / 1.5, lambda exact: np.full_like(exact, 0.2), np.flip],
    ids=["both images are the same", "scaled by 1.5", "constant", "of another view"],
)
def test_depths_that_the_map_contradicts_are_not_used_and_the_result_says_so(
    run: Run, distorted: Distortion
) -> None:
    every_frame_a_keyframe = ["keyframes.max_tracked_share=1.0", "keyframes.min_motion_px=1.0"]
    results = run(settings=every_frame_a_keyframe, wrong=dict.fromkeys(range(8, 16), distorted))
    assert {result.status for result in results} == {Status.TRACKING}
    assert {result.reason for result in results[8:16]} == {Reason.WRONG_DEPTHS}
    assert {result.reason for result in (*results[:8], *results[16:])} == {Reason.NONE}
    assert_follows(results)


def test_after_a_jump_to_another_place_a_metric_segment_starts_with_the_next_frame(run: Run) -> None:
    first, second = sideways(15), sideways(30)[15:]
    second[:, 0, 3] += 500.0  # nothing of the first world is in sight
    far = make_world(seed=5, num_points=900)
    points = np.concatenate([WORLD.points_world, far.points_world + [502.5, 0, 0]])
    descriptors = np.concatenate([WORLD.descriptors, far.descriptors])
    T_world_cam = np.concatenate([first, second])
    both = replace(WORLD, points_world=points, descriptors=descriptors)
    results = run(T_world_cam, both, settings=["tracking.max_lost_s=0.25"])
    num_lost = sum(result.status is Status.LOST for result in results)
    assert 2 <= num_lost <= 4
    after = results[15 + num_lost :]
    assert {(result.status, result.segment_id) for result in after} == {(Status.TRACKING, 1)}
    assert_follows(results[:15], T_world_cam)
    assert_follows(after, T_world_cam)


def test_a_bad_image_costs_one_pose_and_no_scale(run: Run) -> None:
    results = run(bad=frozenset({10}))
    assert results[10].reason is Reason.BAD_IMAGE
    assert sum(result.T_world_cam is None for result in results) == 1
    assert_follows(results)


def test_a_stereo_camera_without_baseline_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs its baseline in m"):
        build_frontend(Config(), CAMERA, WorldExtractor(WORLD, POSES), sensor=Sensor.STEREO)
