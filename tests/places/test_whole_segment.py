"""Bundle adjustment of a whole segment, most of which has left the local map: back to the truth."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from round_trip import RoundTrip
from world import CAMERA

from vo_frontend.atlas.archive import Archive
from vo_frontend.config import AtlasConfig, MappingConfig
from vo_frontend.geometry import se3
from vo_frontend.geometry.alignment import align
from vo_frontend.map_events import KeyframesMoved, LandmarksMoved
from vo_frontend.mapping.keyframe import NO_LANDMARK, View
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.optimization.global_bundle import GlobalProblem, GlobalSolution, adjust_all
from vo_frontend.places import whole_map
from vo_frontend.places.memory import PlaceMemory
from vo_frontend.places.vlad import Vlad
from vo_frontend.places.vocabulary import shipped_vocabulary
from vo_frontend.places.whole_map import WholeMapAdjuster
from vo_frontend.types import KeypointDepths

NUM = 24  # keyframes, of which six stay in the local map
TRIP = RoundTrip()
TRUTH = TRIP.poses(np.arange(NUM))


class WholeMap:
    """A segment at its true poses and points; pixels have noise of 0.3 px."""

    def __init__(self, *, mono: bool, segment_id: int = 0, first_frame: int = 0) -> None:
        self.memory = PlaceMemory(Archive(64, AtlasConfig()), Vlad(shipped_vocabulary("aliked-t16")))
        self.true_point: dict[int, NDArray[np.float64]] = {}  # by landmark id
        self.local = SparseMap(segment_id, max_keyframes=6, descriptor_size=64, keeper=self.memory)
        id_of_look: dict[bytes, int] = {}  # the same descriptor is the same landmark
        for section in range(NUM):
            features, depths = TRIP.features(section, np.random.default_rng(section))
            view = View(
                first_frame + section,
                section * 10**8,
                features,
                np.zeros((len(features), 3), np.uint8),
                None if mono else depths,
            )
            self._add(view, section, depths, id_of_look)
        self.adjuster = WholeMapAdjuster(CAMERA, self.memory, MappingConfig(), num_threads=1)

    def _add(self, view: View, section: int, depths: KeypointDepths, id_of_look: dict[bytes, int]) -> None:
        looks = [each.tobytes() for each in view.features.descriptors]
        ids = np.array([id_of_look.get(look, NO_LANDMARK) for look in looks])
        ids[~self.local.landmarks.contains(ids)] = NO_LANDMARK
        self.local.add_keyframe(view, TRUTH[section], ids)
        new = np.flatnonzero(np.array([look not in id_of_look for look in looks]))
        # The depths are those of the noise-free points.
        rays = np.column_stack([CAMERA.rays(view.features.pixels[new]), np.ones(len(new))])
        points_world = se3.transform_points(TRUTH[section], rays / depths.inverse_depth_per_m[new, None])
        first = self.local.next_landmark_id
        self.local.add_landmarks(points_world, [(len(self.local.keyframes) - 1, new)])
        for number, (index, point) in enumerate(zip(new.tolist(), points_world, strict=True)):
            id_of_look[looks[index]] = first + number
            self.true_point[first + number] = point
        self.local.take_events()

    def frames(self) -> NDArray[np.int64]:
        """List the keyframes (K,) of the archive and of the local map; what adds nothing was left out."""
        here = [k.view.frame_index for k in self.local.keyframes]
        return np.union1d(self.memory.archive.frame_indices(), here)

    def poses(self) -> NDArray[np.float64]:
        """Collect their poses (K, 4, 4)."""
        here = {k.view.frame_index: k.T_world_cam for k in self.local.keyframes}
        archive = self.memory.archive
        kept = archive.frame_indices()
        known = dict(zip(kept.tolist(), archive.T_world_cam(kept), strict=True)) | here
        return np.array([known[index] for index in self.frames().tolist()])

    def points(self) -> dict[int, NDArray[np.float64]]:
        """Collect all landmarks by id."""
        archive, here = self.memory.archive, self.local.landmarks
        ids = archive.landmark_ids()
        found = dict(zip(ids.tolist(), archive.retired(ids).points_world, strict=True))
        return found | dict(zip(here.ids.tolist(), here.points_world, strict=True))

    def disturb(self, sigma: float, sigma_rad: float) -> None:
        """Move all keyframes but the first, and all landmarks."""
        rng = np.random.default_rng(9)
        archive = self.memory.archive
        kept = archive.frame_indices()
        moved = np.array([se3.exp(noise(rng, sigma, sigma_rad)) for _ in kept])
        moved[0] = np.eye(4)
        archive.move(kept, archive.T_world_cam(kept) @ moved)
        ids = archive.landmark_ids()
        points = archive.retired(ids).points_world
        archive.move_landmarks(ids, points + sigma * rng.normal(size=points.shape))
        poses = [k.T_world_cam @ se3.exp(noise(rng, sigma, sigma_rad)) for k in self.local.keyframes]
        points = self.local.landmarks.points_world
        self.local.move(np.array(poses), points + sigma * rng.normal(size=points.shape))
        self.local.take_events()


def noise(rng: np.random.Generator, sigma: float, sigma_rad: float) -> NDArray[np.float64]:
    return np.asarray(rng.normal(size=6) * np.repeat([sigma, sigma_rad], 3))


def pose_error(whole: WholeMap, *, mono: bool) -> float:
    found, truth = whole.poses(), TRUTH[whole.frames()]
    if mono:
        found = align(found[:, :3, 3], truth[:, :3, 3], with_scale=True).transform_poses(found)
    return float(np.linalg.norm(found[:, :3, 3] - truth[:, :3, 3], axis=1).max())


@pytest.fixture(params=[False, True], ids=["depths", "mono"])
def mono(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_disturbed_keyframes_and_landmarks_return_to_the_truth_and_the_first_stays_bit_for_bit(
    mono: bool,
) -> None:
    whole = WholeMap(mono=mono)
    first = whole.poses()[0].tobytes()
    whole.disturb(0.03, 0.003)
    assert pose_error(whole, mono=mono) > 0.03
    whole.adjuster.adjust(whole.local)
    assert pose_error(whole, mono=mono) < 0.01
    assert whole.poses()[0].tobytes() == first
    if not mono:
        points = whole.points()
        num_views = whole.memory.archive.num_views(np.arange(len(points)))
        known = np.flatnonzero(num_views >= 3).tolist()
        errors = [np.linalg.norm(points[k] - whole.true_point[k]) for k in known]
        assert np.median(errors) < 0.02


def test_one_camera_keeps_its_scale_whatever_the_solver_makes_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames between keyframes, and landmarks that one keyframe alone sees, do not take part."""

    def shrinking(problem: GlobalProblem, **options: Any) -> GlobalSolution:
        solution = adjust_all(problem, **options)
        origin = problem.T_world_cam[0, :3, 3]
        T_world_cam = solution.T_world_cam.copy()
        T_world_cam[:, :3, 3] = origin + 0.4 * (T_world_cam[:, :3, 3] - origin)
        points_world = origin + 0.4 * (solution.points_world - origin)
        return replace(solution, T_world_cam=T_world_cam, points_world=points_world)

    monkeypatch.setattr(whole_map, "adjust_all", shrinking)
    whole = WholeMap(mono=True)
    whole.adjuster.adjust(whole.local)
    assert pose_error(whole, mono=False) < 0.02
    found = whole.points()
    depth = np.median([np.linalg.norm(point) for point in found.values()])
    errors = [np.linalg.norm(found[k] - whole.true_point[k]) for k in found]
    assert np.percentile(errors, 95) < 0.1 * depth


def test_a_keyframe_that_sees_next_to_nothing_goes_with_the_one_before_it(mono: bool) -> None:
    whole = WholeMap(mono=mono)
    whole.disturb(0.02, 0.002)
    blurred = whole.local.keyframes[-2]
    seen = np.flatnonzero(blurred.has_landmark)
    few = blurred.landmark_ids.copy()
    few[seen[5:]] = NO_LANDMARK
    few[seen[:5]] = np.roll(few[seen[:5]], 1)  # and these are mistaken
    whole.local.keyframes[-2] = replace(blurred, landmark_ids=few)
    before = whole.poses()
    whole.adjuster.adjust(whole.local)
    after = whole.poses()
    assert np.linalg.norm(after[-3] - before[-3]) > 1e-3
    np.testing.assert_allclose(
        se3.inverse(after[-3]) @ after[-2], se3.inverse(before[-3]) @ before[-2], atol=1e-9
    )


def test_what_has_moved_is_told_of_all_keyframes_and_landmarks(mono: bool) -> None:
    whole = WholeMap(mono=mono)
    whole.disturb(0.02, 0.002)
    whole.adjuster.adjust(whole.local)
    poses, points = {}, {}
    for event in whole.local.take_events():
        if isinstance(event, KeyframesMoved):
            poses.update(dict(zip(event.frame_indices.tolist(), event.T_world_cam, strict=True)))
        elif isinstance(event, LandmarksMoved):
            points.update(dict(zip(event.ids.tolist(), event.points_world, strict=True)))
    np.testing.assert_array_equal([poses[index] for index in whole.frames().tolist()], whole.poses())
    found = whole.points()
    assert points.keys() == found.keys()
    np.testing.assert_array_equal([points[k] for k in found], list(found.values()))


def test_a_stop_before_the_first_iteration_leaves_every_pose_where_it_is() -> None:
    whole = WholeMap(mono=False)
    whole.disturb(0.02, 0.002)
    before = whole.poses()
    whole.adjuster.adjust(whole.local, stop=lambda: True)
    np.testing.assert_allclose(whole.poses(), before, atol=1e-12)


def test_the_same_map_gives_the_same_bytes(mono: bool) -> None:
    found = []
    for _ in range(2):
        whole = WholeMap(mono=mono)
        whole.disturb(0.02, 0.002)
        whole.adjuster.adjust(whole.local)
        found.append(whole.poses().tobytes())
    assert found[0] == found[1]


def test_another_segment_in_the_archive_keeps_every_bit() -> None:
    whole = WholeMap(mono=False)
    whole.local.end()
    archive = whole.memory.archive
    frames = archive.frame_indices()
    ids, first = archive.landmark_ids(), whole.local.next_landmark_id
    before, points = archive.T_world_cam(frames), archive.retired(ids).points_world
    other = SparseMap(1, max_keyframes=6, descriptor_size=64, first_landmark_id=first, keeper=whole.memory)
    for section in range(3):
        features, depths = TRIP.features(section, np.random.default_rng(section))
        view = View(100 + section, 0, features, np.zeros((len(features), 3), np.uint8), depths)
        other.add_keyframe(view, np.eye(4), np.full(len(features), NO_LANDMARK))
    other.add_landmarks(np.ones((5, 3)), [(0, np.arange(5)), (1, np.arange(5))])
    other.take_events()
    whole.adjuster.adjust(other)
    np.testing.assert_array_equal(archive.T_world_cam(frames), before)
    np.testing.assert_array_equal(archive.retired(ids).points_world, points)


def test_a_map_of_one_keyframe_is_left_alone() -> None:
    memory = PlaceMemory(Archive(64, AtlasConfig()), Vlad(shipped_vocabulary("aliked-t16")))
    local = SparseMap(0, max_keyframes=6, descriptor_size=64, keeper=memory)
    features, depths = TRIP.features(0, np.random.default_rng(0))
    view = View(0, 0, features, np.zeros((len(features), 3), np.uint8), depths)
    local.add_keyframe(view, np.eye(4), np.full(len(features), NO_LANDMARK))
    WholeMapAdjuster(CAMERA, memory, MappingConfig(), num_threads=1).adjust(local)
    np.testing.assert_array_equal(local.last_keyframe.T_world_cam, np.eye(4))
