"""What each single fault does to the front-end on a world with known answers: nothing is invented, and
the track goes on afterwards."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from map_invariants import check
from numpy.typing import NDArray
from world import CAMERA, WorldExtractor, make_world, sideways

from vo_frontend.config import Config
from vo_frontend.config_files import override
from vo_frontend.geometry.alignment import align
from vo_frontend.session.build import build_frontend
from vo_frontend.simulation.faults import (
    OCCLUDER_GREY,
    BlackOut,
    Drop,
    Fault,
    Freeze,
    Occlude,
    Overtake,
    ShowAgain,
    StopClock,
    Truncate,
    When,
)
from vo_frontend.simulation.faulty import FaultySource
from vo_frontend.types import Features, Frame, FrameResult, Image, Reason, Sensor, Status

NUM_FRAMES = 32
POSES = sideways(NUM_FRAMES)
NO_SUPPORT = {Reason.TOO_FEW_MATCHES, Reason.DEGENERATE_GEOMETRY, Reason.REPEATED_FRAME}
MANY_KEYFRAMES = ["keyframes.max_tracked_share=1.0", "keyframes.min_motion_px=1.0"]


class Walk:
    """Frames whose images carry the number of their pose, plus one: 0 is black."""

    name, sensor, camera, baseline_m, is_live = "walk", Sensor.MONO, CAMERA, None, False
    T_body_cam, num_frames = np.eye(4), NUM_FRAMES

    def __iter__(self) -> Iterator[Frame]:
        for number in range(NUM_FRAMES):
            image = np.full((CAMERA.height, CAMERA.width), number + 1, np.uint8)
            yield Frame(number, number * 10**8, image)

    def close(self) -> None:
        pass


class Extractor(WorldExtractor):
    """Finds nothing of the world under an occluder, and only noise in a black image, as networks do."""

    def extract(self, image: Image) -> Features:
        row = image[0]
        visible = row[(row != 0) & (row != OCCLUDER_GREY)]
        if not len(visible):
            return noise(np.random.default_rng(0))
        features = super().extract(np.full_like(image, visible[0] - 1))
        column = np.rint(features.pixels[:, 0]).astype(int).clip(0, CAMERA.width - 1)
        return features.select(np.flatnonzero(row[column] == visible[0]))


def noise(rng: np.random.Generator) -> Features:
    descriptors = rng.normal(size=(400, 64)).astype(np.float32)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    pixels = rng.uniform(0, [CAMERA.width - 1, CAMERA.height - 1], size=(400, 2)).astype(np.float32)
    return Features(pixels, descriptors, np.linspace(1, 0.1, 400, dtype=np.float32))


def run(*faults: Fault) -> dict[int, FrameResult]:
    extractor = Extractor(make_world(num_points=900), POSES, noise_px=0.2)
    frontend = build_frontend(override(Config(), MANY_KEYFRAMES), CAMERA, extractor)
    results = {}
    for frame in FaultySource(Walk(), faults):
        results[frame.index] = frontend.process(frame)
        if frontend.sparse_map is not None:
            check(frontend.sparse_map)
    return results


def assert_nothing_is_wrong(results: Mapping[int, FrameResult]) -> None:
    """Expect one segment, and every pose in it where the camera was."""
    poses = {}
    for result in results.values():
        assert (result.T_world_cam is not None) == (result.status is Status.TRACKING)
        if result.reason is Reason.REPEATED_FRAME:
            continue  # a pose of another time, or none
        assert (result.reason is Reason.NONE) == (result.status is Status.TRACKING)
        assert result.segment_id == 0
        poses.update({pose.frame_index: pose.T_world_cam for pose in result.backfilled})
        if result.T_world_cam is not None:
            poses[result.frame_index] = result.T_world_cam
    index = np.array(sorted(poses))
    found, truth = np.array([poses[i] for i in index])[:, :3, 3], POSES[index, :3, 3]
    aligned = align(found, truth, with_scale=True).transform_points(found)
    assert np.linalg.norm(aligned - truth, axis=1).max() < 0.03


def assert_tracked(results: Mapping[int, FrameResult], positions: Iterable[int]) -> None:
    assert [i for i in positions if results[i].status is not Status.TRACKING] == []


def assert_same(found: NDArray[Any] | None, expected: NDArray[Any] | None) -> None:
    assert found is not None
    assert expected is not None
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("fault", "reasons"),
    [
        (Truncate(When.at(20, num_frames=3)), {Reason.BAD_IMAGE}),
        (BlackOut(When.at(20, num_frames=3)), NO_SUPPORT),
        (StopClock(When.at(20, num_frames=3)), {Reason.REPEATED_FRAME}),
        (ShowAgain(When.at(20, num_frames=3)), {Reason.REPEATED_FRAME}),
        (Occlude(When.at(20, num_frames=3), share=1.0), NO_SUPPORT),
    ],
    ids=["truncated", "black", "clock", "old", "covered"],
)
def test_frames_that_say_nothing_get_no_pose_and_the_next_one_does(
    fault: Fault, reasons: set[Reason]
) -> None:
    results = run(fault)
    struck = [results[i] for i in (20, 21, 22)]
    assert all(result.T_world_cam is None and not result.is_keyframe for result in struck)
    assert {result.reason for result in struck} <= reasons
    assert_tracked(results, [*range(10, 20), *range(23, NUM_FRAMES)])
    assert_nothing_is_wrong(results)


def test_dropped_frames_cost_only_themselves() -> None:
    results = run(Drop(When.at(12, 24, num_frames=4)))
    assert len(results) == NUM_FRAMES - 8
    assert_tracked(results, [i for i in results if i >= 10])
    assert_nothing_is_wrong(results)


def test_a_frame_that_was_overtaken_is_named_and_left_out() -> None:
    results = run(Overtake(When.at(15, 25)))
    assert [results[i].reason for i in (15, 25)] == [Reason.OUT_OF_ORDER] * 2
    assert [results[i].T_world_cam for i in (15, 25)] == [None, None]
    assert_tracked(results, [i for i in range(10, NUM_FRAMES) if i not in (15, 25)])
    assert_nothing_is_wrong(results)


def test_half_covered_frames_are_tracked_by_what_is_left() -> None:
    results = run(Occlude(When.at(20, num_frames=4), share=0.5))
    assert_tracked(results, range(10, NUM_FRAMES))
    assert_nothing_is_wrong(results)


@pytest.mark.parametrize("fault", [Truncate, BlackOut, Freeze, StopClock, Overtake, Drop])
def test_faults_before_there_is_a_map_only_delay_it(fault: Callable[[When], Fault]) -> None:
    results = run(fault(When.at(1, 3)))
    assert_tracked(results, range(12, NUM_FRAMES))
    assert_nothing_is_wrong(results)


def test_an_image_that_comes_twice_has_its_pose_twice_and_changes_nothing() -> None:
    results = run(Freeze(When.at(15, 20)))
    for i in (15, 20):
        assert results[i].reason is Reason.REPEATED_FRAME
        assert_same(results[i].T_world_cam, results[i - 1].T_world_cam)
    assert_tracked(results, range(10, NUM_FRAMES))
    assert_nothing_is_wrong(results)


def test_a_repeated_image_has_the_support_of_its_original() -> None:
    results = run(Freeze(When.at(15)))
    assert results[15].reason is Reason.REPEATED_FRAME
    assert results[15].num_inliers == results[14].num_inliers > 0
    assert results[15].num_matches == results[14].num_matches
    assert_same(results[15].landmark_ids, results[14].landmark_ids)
    assert not results[15].is_keyframe


def test_a_repetition_of_a_lost_frame_does_not_get_the_pose_of_a_frame_that_is_nearly_as_old() -> None:
    """Stamps of this century that differ by 50 ns are the same number as float seconds."""
    extractor = Extractor(make_world(num_points=900), POSES, noise_px=0.2)
    frontend = build_frontend(override(Config(), MANY_KEYFRAMES), CAMERA, extractor)
    epoch_ns = 1_700_000_000 * 10**9
    for frame in list(Walk())[:15]:
        tracked = frontend.process(replace(frame, timestamp_ns=epoch_ns + frame.timestamp_ns))
    assert tracked.status is Status.TRACKING
    black = np.zeros((CAMERA.height, CAMERA.width), np.uint8)
    lost = frontend.process(Frame(15, tracked.timestamp_ns + 50, black))
    repeated = frontend.process(Frame(16, tracked.timestamp_ns + 10**8, black))
    assert lost.T_world_cam is None
    assert repeated.reason is Reason.REPEATED_FRAME
    assert repeated.T_world_cam is None


def test_a_camera_that_hangs_for_long_is_not_said_to_stand_still() -> None:
    results = run(Freeze(When.at(20, num_frames=8)))
    assert all(results[i].reason is Reason.REPEATED_FRAME for i in range(20, 28))
    assert all(results[i].T_world_cam is None for i in range(21, 28))
    assert_tracked(results, range(28, NUM_FRAMES))
    assert_nothing_is_wrong(results)


def test_many_random_faults_at_once_leave_every_pose_right() -> None:
    faults: list[Fault] = [
        Drop(When.randomly(0.1)),
        Truncate(When.randomly(0.05)),
        BlackOut(When.randomly(0.05)),
        Freeze(When.randomly(0.05)),
        Overtake(When.randomly(0.05)),
    ]
    results = run(*faults)
    assert sum(result.status is Status.TRACKING for result in results.values()) >= 20
    assert_nothing_is_wrong(results)
