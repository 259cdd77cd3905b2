"""A film that goes on elsewhere: no pose is invented, and what was doubted is placed once it is sure."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from map_invariants import check
from numpy.typing import NDArray
from world import CAMERA, World, WorldExtractor, frames, make_world, sideways

from vo_frontend.config import Config
from vo_frontend.config_files import override
from vo_frontend.geometry.alignment import align
from vo_frontend.mapping.trajectory import TrajectoryRecord
from vo_frontend.session.build import build_frontend
from vo_frontend.types import Features, FrameResult, Image, Reason, Status

CUT = 15
NUM_FRAMES = 30
AWAY_M = 500.0
NUM_COPIED = 45  # points of the first street that the second has too, as facades that were built twice
HERE = make_world(num_points=900)
SETTINGS = ["keyframes.max_tracked_share=1.0", "keyframes.min_motion_px=1.0"]


def two_streets() -> World:
    """Make a world of two places that share a facade."""
    far = make_world(seed=5, num_points=900)
    in_view = HERE.visible(sideways(NUM_FRAMES)[CUT])[1][:NUM_COPIED]
    points = np.concatenate(
        [HERE.points_world, far.points_world + [AWAY_M, 0, 0], HERE.points_world[in_view] + [AWAY_M, 0, 0]]
    )
    return replace(
        HERE,
        points_world=points,
        descriptors=np.concatenate([HERE.descriptors, far.descriptors, HERE.descriptors[in_view]]),
    )


class InOtherLight(WorldExtractor):
    """Sees most points of some frames, and half of those of the next one, in a light of their own."""

    def __init__(self, world: World, T_world_cam: NDArray[np.float64], other: Sequence[int]) -> None:
        super().__init__(world, T_world_cam, noise_px=0.2)
        self._known, self._other = world.descriptors, other
        self._in_other_light = make_world(seed=7, num_points=len(world.descriptors)).descriptors

    def extract(self, image: Image) -> Features:
        features, number = super().extract(image), int(image[0, 0])
        point = (features.descriptors @ self._known.T).argmax(axis=1)
        differs = np.zeros(len(features), bool)
        if number in self._other:
            differs[NUM_COPIED:] = True
        elif number - 1 in self._other:
            differs = point % 2 == 0
        seen = np.where(differs[:, None], self._in_other_light[point], features.descriptors)
        return replace(features, descriptors=seen)


def run(
    extractor: WorldExtractor, num_frames: int = NUM_FRAMES
) -> tuple[list[FrameResult], TrajectoryRecord]:
    frontend = build_frontend(override(Config(), SETTINGS), CAMERA, extractor)
    record, results = TrajectoryRecord(), []
    for frame in frames(num_frames):
        results.append(frontend.process(frame))
        record.update(results[-1])
        if frontend.sparse_map is not None:
            check(frontend.sparse_map)
    return results, record


def test_a_cut_to_a_place_with_the_same_facade_gets_no_pose_and_leaves_the_map_alone() -> None:
    T_world_cam = sideways(NUM_FRAMES)
    T_world_cam[CUT:, 0, 3] += AWAY_M
    results, _ = run(WorldExtractor(two_streets(), T_world_cam, noise_px=0.2))
    assert {result.status for result in results[CUT - 5 : CUT]} == {Status.TRACKING}
    after = [result for result in results[CUT:] if result.segment_id == 0]
    assert len(after) > 5
    assert {result.status for result in after} == {Status.LOST}
    assert Reason.UNCONFIRMED in {result.reason for result in after}
    assert not any(result.is_keyframe or result.backfilled for result in after)


def test_frames_that_were_lost_get_their_poses_in_the_map_that_starts_after_them() -> None:
    T_world_cam = sideways(NUM_FRAMES + 10)
    T_world_cam[CUT:, 0, 3] += AWAY_M
    results, record = run(WorldExtractor(two_streets(), T_world_cam, noise_px=0.2), NUM_FRAMES + 10)
    lost = [result.frame_index for result in results if result.status is Status.LOST]
    (started,) = (result for result in results if result.segment_id == 1 and result.backfilled)
    placed = [pose.frame_index for pose in started.backfilled]
    assert placed == list(range(lost[-5], started.frame_index)), "five lost frames, then those that waited"
    known = record.trajectory()
    assert (np.diff(known.frame_indices) > 0).all()
    assert not np.isin(lost, record.online().frame_indices).any()
    path = known.segments()[1]
    truth = T_world_cam[known.frame_indices[known.segment_ids == 1], :3, 3]
    aligned = align(path.positions_world, truth, with_scale=True).transform_points(path.positions_world)
    assert np.linalg.norm(aligned - truth, axis=1).max() < 0.03


@pytest.mark.parametrize("num_doubted", [1, 3])
def test_doubted_frames_get_their_poses_with_the_next_frame_that_is_sure(num_doubted: int) -> None:
    T_world_cam = sideways(NUM_FRAMES)
    doubted = list(range(CUT, CUT + num_doubted))
    results, record = run(InOtherLight(HERE, T_world_cam, doubted))
    for i in doubted:
        assert (results[i].status, results[i].reason) == (Status.LOST, Reason.UNCONFIRMED)
    sure = results[CUT + num_doubted]
    assert sure.status is Status.TRACKING
    assert [pose.frame_index for pose in sure.backfilled] == doubted
    known = record.trajectory()
    assert (np.diff(known.frame_indices) > 0).all()
    assert not np.isin(doubted, record.online().frame_indices).any()
    (path,) = known.segments().values()
    truth = T_world_cam[known.frame_indices, :3, 3]
    aligned = align(path.positions_world, truth, with_scale=True).transform_points(path.positions_world)
    assert np.linalg.norm(aligned - truth, axis=1).max() < 0.03
