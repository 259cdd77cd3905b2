"""Landmarks that a new keyframe brings, and the adjustment of the window, on a world with known answers."""

from dataclasses import replace

import numpy as np
import pytest
from map_inputs import RecordingKeeper
from map_invariants import check
from numpy.typing import NDArray
from world import CAMERA, make_world, sideways

from vo_frontend.config import MappingConfig
from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform
from vo_frontend.map_events import LandmarksMerged, LandmarksRemoved
from vo_frontend.mapping.keyframe import NO_LANDMARK, View
from vo_frontend.mapping.mapper import Mapper
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.tracking.matching import Matcher
from vo_frontend.types import Features, KeypointDepths

CONFIG = MappingConfig(
    num_neighbors=5,
    min_parallax_deg=0.5,
    max_epipolar_px=1.5,
    max_reprojection_px=2.5,
    max_depth_error=0.1,
    min_found_share=0.25,
    pixel_sigma_px=0.5,
    adjusted_keyframes=3,
    huber_px=1.0,
    max_iterations=10,
)
POSES = sideways(5, step=0.4)


def make_mapper() -> Mapper:
    return Mapper(CAMERA, Matcher(0.8), CONFIG)


def extend(mapper: Mapper, sparse_map: SparseMap) -> None:
    """Do all that is done for a keyframe."""
    mapper.extend(sparse_map)
    mapper.improve(sparse_map)


def add_keyframe(
    sparse_map: SparseMap,
    T_world_cam: Transform,
    number: int,
    noise_px: float = 0.0,
    with_depths: bool = False,
) -> None:
    rng, world = np.random.default_rng(number), make_world()
    features = world.features(T_world_cam, rng, noise_px)
    no_landmarks = np.full(len(features), NO_LANDMARK, np.int64)
    colors = np.zeros((len(features), 3), np.uint8)
    depths = world.depths(T_world_cam, features) if with_depths else None
    sparse_map.add_keyframe(View(number, number, features, colors, depths), T_world_cam, no_landmarks)


def make_map(num_keyframes: int = 2, *, noise_px: float = 0.0, with_depths: bool = False) -> SparseMap:
    sparse_map = SparseMap(0, max_keyframes=8, descriptor_size=64)
    for number in range(num_keyframes):
        add_keyframe(sparse_map, POSES[number], number, noise_px, with_depths)
    return sparse_map


def distance_to_truth(sparse_map: SparseMap) -> NDArray[np.float64]:
    """Return the distance (M,) of each landmark to the nearest true point."""
    points = make_world().points_world
    distances = np.linalg.norm(sparse_map.landmarks.points_world[:, None] - points, axis=2)
    return np.asarray(distances.min(axis=1))


def test_a_new_keyframe_gets_landmarks_where_the_points_are() -> None:
    sparse_map = make_map()
    extend(make_mapper(), sparse_map)
    check(sparse_map)
    assert len(sparse_map.landmarks) > 200
    assert np.median(distance_to_truth(sparse_map)) < 0.01


@pytest.mark.parametrize(("step_m", "has_landmarks"), [(0.02, False), (0.4, True)])
def test_without_parallax_no_landmark_is_made(step_m: float, has_landmarks: bool) -> None:
    sparse_map = SparseMap(0, max_keyframes=8, descriptor_size=64)
    for number, T_world_cam in enumerate(sideways(2, step_m)):
        add_keyframe(sparse_map, T_world_cam, number, noise_px=0.2)
    extend(make_mapper(), sparse_map)
    check(sparse_map)
    assert (len(sparse_map.landmarks) > 0) is has_landmarks


def test_adjustment_moves_a_disturbed_keyframe_back_and_keeps_the_invariants() -> None:
    sparse_map = make_map(4, noise_px=0.2)
    mapper = make_mapper()
    extend(mapper, sparse_map)
    poses = np.array([keyframe.T_world_cam for keyframe in sparse_map.keyframes])
    poses[3] = poses[3] @ se3.exp(np.array([0.02, -0.01, 0.02, 0.002, 0.001, -0.002]))
    sparse_map.move(poses, sparse_map.landmarks.points_world)
    mapper.adjust(sparse_map)
    check(sparse_map)
    error = np.linalg.norm(sparse_map.last_keyframe.T_world_cam[:3, 3] - POSES[3][:3, 3])
    assert error < 0.01


def test_landmarks_are_also_found_in_the_keyframes_in_between() -> None:
    sparse_map = make_map(4, noise_px=0.2)
    extend(make_mapper(), sparse_map)
    check(sparse_map)
    assert np.median(sparse_map.num_observations()) == 4


def test_a_wrong_observation_is_forgotten() -> None:
    sparse_map = make_map(3)
    mapper = make_mapper()
    extend(mapper, sparse_map)
    ids = sparse_map.keyframes[1].landmark_ids
    thrice = sparse_map.landmarks.ids[sparse_map.num_observations() == 3]
    swapped = np.flatnonzero(np.isin(ids, thrice))[:2]
    a, b = ids[swapped]
    sparse_map.observe(1, swapped, np.array([b, a]))  # two landmarks change places in one view
    mapper.adjust(sparse_map)
    check(sparse_map)
    assert (sparse_map.keyframes[1].landmark_ids[swapped] != [b, a]).all()


def test_where_all_keypoints_are_inexact_few_observations_are_forgotten() -> None:
    sparse_map = make_map(4, noise_px=1.0)
    make_mapper().extend(sparse_map)
    num_before = int(sparse_map.num_observations().sum())
    strict = Mapper(CAMERA, Matcher(0.8), replace(CONFIG, max_reprojection_px=0.5))
    strict.adjust(sparse_map)  # most errors are beyond the limit
    assert sparse_map.num_observations().sum() > 0.95 * num_before > 500


@pytest.mark.parametrize("num_keyframes", [2, 5])
def test_the_oldest_keyframes_hold_the_gauge(num_keyframes: int) -> None:
    sparse_map = make_map(num_keyframes, noise_px=0.3)
    before = [keyframe.T_world_cam for keyframe in sparse_map.keyframes]
    extend(make_mapper(), sparse_map)
    num_fixed = max(1, num_keyframes - CONFIG.adjusted_keyframes)
    for position in range(num_fixed):
        np.testing.assert_allclose(sparse_map.keyframes[position].T_world_cam, before[position], atol=1e-12)
    assert not np.allclose(sparse_map.last_keyframe.T_world_cam, before[-1], atol=1e-6), "the others move"


def test_measured_depths_make_landmarks_in_metres_from_one_view() -> None:
    sparse_map = make_map(1, with_depths=True)
    make_mapper().add_measured(sparse_map)
    check(sparse_map)
    assert len(sparse_map.landmarks) == len(sparse_map.last_keyframe.features)
    assert distance_to_truth(sparse_map).max() < 1e-3


def test_uncertain_and_unknown_depths_make_none() -> None:
    sparse_map = make_map(1, with_depths=True)
    keyframe = sparse_map.last_keyframe
    depths = keyframe.view.depths
    assert depths is not None
    unknown = np.arange(len(depths)) % 3 == 0
    uncertain = np.arange(len(depths)) % 3 == 1
    inverse = np.where(unknown, np.nan, depths.inverse_depth_per_m)
    sigma = np.where(uncertain, 0.2 * inverse, depths.sigma_per_m)
    view = replace(keyframe.view, depths=KeypointDepths(inverse, np.where(unknown, np.nan, sigma)))
    sparse_map.keyframes[-1] = replace(keyframe, view=view)
    make_mapper().add_measured(sparse_map)
    seen = sparse_map.last_keyframe.has_landmark
    np.testing.assert_array_equal(seen, ~unknown & ~uncertain)


def test_measured_depths_hold_the_scale_of_the_window() -> None:
    sparse_map = make_map(4, noise_px=0.2, with_depths=True)
    mapper = make_mapper()
    extend(mapper, sparse_map)
    poses = np.array([keyframe.T_world_cam for keyframe in sparse_map.keyframes])
    poses[2:, :3, 3] *= 1.05  # as if the scale had drifted
    sparse_map.move(poses, 1.05 * sparse_map.landmarks.points_world)
    for _ in range(3):
        mapper.adjust(sparse_map)
    moved = sparse_map.last_keyframe.T_world_cam[:3, 3] - sparse_map.keyframes[0].T_world_cam[:3, 3]
    truth = POSES[3][:3, 3] - POSES[0][:3, 3]
    assert np.linalg.norm(moved) == pytest.approx(np.linalg.norm(truth), rel=0.01)


def test_depths_that_the_map_confirms_count_as_better_than_stated_and_make_more_landmarks() -> None:
    sparse_map, as_stated = make_map(5, with_depths=True), make_map(5, with_depths=True)
    mapper, trusting = make_mapper(), Mapper(CAMERA, Matcher(0.8), replace(CONFIG, min_depth_noise=1.0))
    for each, grown in ((mapper, sparse_map), (trusting, as_stated)):
        extend(each, grown)
        for _ in range(10):
            each.adjust(grown)
    assert sparse_map.depth_noise < 0.5
    assert as_stated.depth_noise == 1.0

    for each, grown in ((mapper, sparse_map), (trusting, as_stated)):
        add_keyframe(grown, POSES[4], 9, with_depths=True)
        depths = grown.last_keyframe.view.depths
        assert depths is not None
        depths = KeypointDepths(depths.inverse_depth_per_m, 0.2 * depths.inverse_depth_per_m)
        grown.keyframes[-1] = replace(
            grown.last_keyframe, view=replace(grown.last_keyframe.view, depths=depths)
        )
        each.add_measured(grown)
    assert sparse_map.last_keyframe.has_landmark.all()
    assert not as_stated.last_keyframe.has_landmark.any()


def test_two_landmarks_of_one_point_become_one() -> None:
    sparse_map = make_map(4)
    mapper = make_mapper()
    sparse_map.keyframes = sparse_map.keyframes[:2]
    extend(mapper, sparse_map)
    num_landmarks = len(sparse_map.landmarks)
    for number in (2, 3):  # these know nothing of the landmarks that they see
        add_keyframe(sparse_map, POSES[number], number)
    extend(mapper, sparse_map)
    check(sparse_map)
    merged = [event for event in sparse_map.take_events() if isinstance(event, LandmarksMerged)]
    assert sum(len(event.gone_ids) for event in merged) > 0.5 * num_landmarks
    assert len(sparse_map.landmarks) < 1.2 * num_landmarks
    assert sparse_map.num_observations().max() == 4


@pytest.mark.parametrize(("apart_px", "is_kept", "become_one"), [
    (6.0, True, False),
    (1.0, True, True),  # two keypoints of one blob
    (6.0, False, True),  # a young map
])  # fmt: skip
def test_what_has_left_is_never_fused_with_what_a_keyframe_sees_apart_from_it(
    monkeypatch: pytest.MonkeyPatch, apart_px: float, is_kept: bool, become_one: bool
) -> None:
    monkeypatch.setattr(RecordingKeeper, "knows", lambda self, ids: np.full(len(ids), is_kept))
    sparse_map = SparseMap(0, max_keyframes=8, descriptor_size=4, keeper=RecordingKeeper())
    pixels = np.array([[160.0, 120.0], [160.0 + apart_px, 120.0]], np.float32)
    for number, landmark_ids in enumerate(([-1, -1], [-1, -1], [0])):  # the newest sees one of the two
        count = len(landmark_ids)
        looks = np.tile(np.eye(1, 4, dtype=np.float32), (count, 1))
        seen = Features(pixels[:count], looks, np.ones(count, np.float32))
        view = View(number, number, seen, np.zeros((count, 3), np.uint8))
        sparse_map.add_keyframe(view, np.eye(4), np.array(landmark_ids))
        if number == 1:
            points_world = 5.0 * np.column_stack([CAMERA.rays(pixels), np.ones(2)])
            sparse_map.add_landmarks(points_world, [(0, np.arange(2)), (1, np.arange(2))])
    make_mapper().extend(sparse_map)
    check(sparse_map)
    assert len(sparse_map.landmarks) == (1 if become_one else 2)


def test_a_landmark_that_frames_keep_missing_is_forgotten() -> None:
    sparse_map = make_map(3)
    mapper = make_mapper()
    extend(mapper, sparse_map)
    rows = np.arange(len(sparse_map.landmarks))
    missed = sparse_map.landmarks.ids[:7]
    for _ in range(4):
        sparse_map.note_tracked(rows, rows[7:])
    sparse_map.take_events()
    extend(mapper, sparse_map)
    check(sparse_map)
    removed = [event for event in sparse_map.take_events() if isinstance(event, LandmarksRemoved)]
    assert [event.ids.tolist() for event in removed] == [missed.tolist()]


def test_frames_that_miss_a_landmark_do_not_wear_away_what_a_kept_keyframe_has_seen() -> None:
    keeper = RecordingKeeper()
    sparse_map, mapper = SparseMap(0, max_keyframes=3, descriptor_size=64, keeper=keeper), make_mapper()
    for number in range(4):
        add_keyframe(sparse_map, POSES[number], number)
        extend(mapper, sparse_map)
    (left,) = keeper.keyframes.values()
    in_both = np.isin(sparse_map.landmarks.ids, keeper.resolved(left))
    assert 100 < in_both.sum() <= len(in_both) - 10
    for _ in range(4):
        sparse_map.note_tracked(np.arange(len(in_both)), np.zeros(0, np.int64))
    before, known = sparse_map.landmarks.ids, sparse_map.landmarks.ids[in_both]
    extend(mapper, sparse_map)
    check(sparse_map)
    assert np.intersect1d(sparse_map.landmarks.ids, before).tolist() == known.tolist()
