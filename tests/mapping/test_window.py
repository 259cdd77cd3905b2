"""Which keyframe leaves the window, what it is tied to, and what comes back: nothing is lost or doubled."""

from dataclasses import replace

import numpy as np
import pytest
from map_inputs import SIZE, RecordingKeeper, add_keyframe, frames_of, make_view, pose
from map_invariants import check
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.alignment import Similarity
from vo_frontend.map_events import (
    KeyframesMoved,
    LandmarksAdded,
    LandmarksMoved,
    LandmarksRecalled,
    LandmarksRetired,
    SegmentJoined,
)
from vo_frontend.mapping.eviction import least_useful
from vo_frontend.mapping.keyframe import NO_LANDMARK, Keyframe
from vo_frontend.mapping.landmarks import Landmarks
from vo_frontend.mapping.observations import Observations
from vo_frontend.mapping.sparse_map import SparseMap

SIMILARITY = Similarity(2.5, se3.so3_exp(np.array([0.2, -0.1, 0.4])), np.array([3.0, -1.0, 7.0]))


def seen_by(*keyframes: list[int]) -> Observations:
    """Observations of keyframes that see landmarks of these rows."""
    position = np.repeat(np.arange(len(keyframes)), [len(each) for each in keyframes])
    index = np.concatenate([np.arange(len(each)) for each in keyframes])
    return Observations(position, index, np.concatenate(keyframes).astype(np.int64))


class TestEviction:
    def test_the_oldest_redundant_keyframe_leaves_before_the_least_covisible(self) -> None:
        seen = seen_by([20, 21], [*range(10), 30], [*range(10)], [*range(10)], [*range(10)], [*range(5)])
        assert least_useful(seen, 6) == 1, "10 of its 11 landmarks have three other views"

    def test_of_keyframes_that_add_something_the_one_leaves_that_shares_least_with_the_newest(self) -> None:
        seen = seen_by([0, 1, 2], [1, 9], [0, 1, 8], [0, 7], [0, 1, 2])
        assert least_useful(seen, 5) == 1
        equal = seen_by([5, 6], [7, 8], [9, 10], [0, 1], [0, 1])
        assert least_useful(equal, 5) == 0, "of equals the oldest"

    def test_the_two_newest_never_leave_however_redundant(self) -> None:
        everyone = [[0, 1, 2, 100 + k] for k in range(3)]
        seen = seen_by(*everyone, [0, 1, 2], [0, 1, 2])
        assert least_useful(seen, 5) == 0
        assert least_useful(seen_by([4, 5], [0, 1], [2, 3]), 3) == 0

    def test_a_keyframe_that_sees_nothing_leaves_first(self) -> None:
        assert least_useful(seen_by([0, 1], [], [0, 1], [0, 1]), 4) == 1


class TestTies:
    def make(self) -> tuple[SparseMap, RecordingKeeper]:
        """Frames 0, 10, ... 50; frame 0 shares 8, 3, 6, 5 and 4 landmarks with those after it."""
        keeper = RecordingKeeper()
        sparse_map = SparseMap(0, max_keyframes=6, descriptor_size=SIZE, keeper=keeper)
        add_keyframe(sparse_map, 0)
        points = np.random.default_rng(0).uniform([-1, -1, 3], [1, 1, 9], (8, 3))
        sparse_map.add_landmarks(points, [(0, np.arange(8))])
        for k, count in enumerate([8, 3, 6, 5, 4]):
            add_keyframe(sparse_map, 10 * (k + 1), range(count))
        return sparse_map, keeper

    def test_a_keyframe_is_tied_to_the_next_and_to_those_that_share_most(self) -> None:
        sparse_map, _ = self.make()
        ties = sparse_map.ties(1)
        assert [(tie.frame_index, tie.other_index) for tie in ties] == [(10, 0), (10, 20), (10, 30), (10, 40)]
        assert [tie.num_shared for tie in ties] == [8, 3, 6, 5], "20 because it is the next"
        for tie in ties:
            expected = se3.inverse(pose(10)) @ pose(tie.other_index)
            np.testing.assert_allclose(tie.T_cam_other, expected, atol=1e-12)
        in_camera = se3.transform_points(se3.inverse(pose(10)), sparse_map.landmarks.points_world)
        assert ties[0].depth == pytest.approx(np.median(in_camera[:, 2]))

    def test_the_next_one_is_tied_although_nothing_is_shared(self) -> None:
        sparse_map, _ = self.make()
        add_keyframe(sparse_map, 60)
        position = len(sparse_map.keyframes) - 2
        assert 60 in [tie.other_index for tie in sparse_map.ties(position)]
        assert sparse_map.ties(len(sparse_map.keyframes) - 1) == [], "it shares nothing and has no next"

    def test_a_recalled_keyframe_has_no_ties_and_no_new_one_is_tied_to_it(self) -> None:
        sparse_map, keeper = self.make()
        add_keyframe(sparse_map, 60, range(3))
        (gone,) = keeper.keyframes.values()
        assert keeper.ties[gone.view.frame_index]
        sparse_map.recall([gone], Landmarks.empty(SIZE))
        position = frames_of(sparse_map).index(gone.view.frame_index)
        assert sparse_map.ties(position) == []
        for other in set(range(len(sparse_map.keyframes))) - {position}:
            tied = [tie.other_index for tie in sparse_map.ties(other)]
            assert gone.view.frame_index not in tied
        assert sparse_map.ties(0), "the others keep theirs"


def small_map(keeper: RecordingKeeper) -> SparseMap:
    """Three keyframes, six landmarks: 0..3 seen by frames 0 and 1, 4 by 1 and 2, 5 by 0 alone."""
    sparse_map = SparseMap(4, max_keyframes=3, descriptor_size=SIZE, keeper=keeper)
    for frame_index in range(3):
        add_keyframe(sparse_map, frame_index)
    points = np.random.default_rng(1).uniform([-2, -2, 4], [2, 2, 8], (6, 3))
    sparse_map.add_landmarks(points[:4], [(0, np.arange(4)), (1, np.arange(4))])
    sparse_map.add_landmarks(points[4:5], [(1, np.array([4])), (2, np.array([0]))])
    sparse_map.add_landmarks(points[5:], [(0, np.array([9]))])
    sparse_map.take_events()
    return sparse_map


NEWEST = [1, 1, 1, 1, 2, 0]  # position of the newest keyframe that sees each landmark of the small map


@pytest.mark.parametrize("scales", [[1.0, 1.0, 1.0], [1.0, 1.5, 0.5]])
def test_a_correction_takes_each_landmark_along_with_its_newest_keyframe(scales: list[float]) -> None:
    sparse_map = small_map(RecordingKeeper())
    before, points = [k.T_world_cam for k in sparse_map.keyframes], sparse_map.landmarks.points_world
    after = np.array([pose(k + 3.0) @ se3.exp(np.linspace(0.0, 0.5, 6)) for k in range(3)])
    sparse_map.correct(after, np.array(scales))
    check(sparse_map)
    for row, k in enumerate(NEWEST):
        in_camera = scales[k] * se3.transform_points(se3.inverse(before[k]), points[row : row + 1])
        expected = se3.transform_points(after[k], in_camera)
        np.testing.assert_allclose(sparse_map.landmarks.points_world[row : row + 1], expected, atol=1e-12)
    moved, landmarks = sparse_map.take_events()
    assert isinstance(moved, KeyframesMoved)
    np.testing.assert_array_equal(moved.T_world_cam, after)
    assert isinstance(landmarks, LandmarksMoved)
    np.testing.assert_array_equal(landmarks.points_world, sparse_map.landmarks.points_world)


def test_joining_takes_all_to_the_world_and_the_segment_of_the_other() -> None:
    keeper = RecordingKeeper()
    sparse_map = small_map(keeper)
    before = np.array([k.T_world_cam for k in sparse_map.keyframes])
    points = sparse_map.landmarks.points_world
    sparse_map.join(1, SIMILARITY)
    check(sparse_map)
    assert sparse_map.segment_id == sparse_map.snapshot().segment_id == 1
    after = np.array([k.T_world_cam for k in sparse_map.keyframes])
    np.testing.assert_allclose(after, SIMILARITY.transform_poses(before), atol=1e-12)
    expected = SIMILARITY.transform_points(points)
    np.testing.assert_allclose(sparse_map.landmarks.points_world, expected, atol=1e-12)
    joined, *moves = sparse_map.take_events()
    assert joined == SegmentJoined(4, 1, SIMILARITY)
    assert [(type(event), event.segment_id) for event in moves] == [(KeyframesMoved, 1), (LandmarksMoved, 1)]
    sparse_map.end()
    assert keeper.segments == [1] * 3


def test_a_recall_after_the_window_has_moved_on_brings_back_what_left_and_nothing_else() -> None:
    keeper = RecordingKeeper()
    sparse_map = small_map(keeper)
    for frame_index, ids in ((3, [4]), (4, [4]), (5, [])):
        add_keyframe(sparse_map, frame_index, ids)
    assert list(keeper.keyframes) == [0, 2, 1], "2 because three others saw all that it did"
    old = keeper.keyframes.pop(0)
    gone = recallable(sparse_map, keeper, old)
    assert gone.ids.tolist() == [0, 1, 2, 3, 5]
    sparse_map.take_events()
    sparse_map.recall([old], gone)
    check(sparse_map, is_trimmed=False)
    assert frames_of(sparse_map) == [0, 3, 4, 5]
    assert sparse_map.landmarks.ids.tolist() == list(range(6))
    (event,) = sparse_map.take_events()
    assert isinstance(event, LandmarksRecalled)
    np.testing.assert_array_equal(event.ids, gone.ids)
    sparse_map.trim()
    check(sparse_map)
    assert frames_of(sparse_map)[-2:] == [4, 5]


@pytest.mark.parametrize("seed", range(5))
def test_random_operations_keep_the_invariants_and_the_keeper_hears_everything_exactly_once(
    seed: int,
) -> None:
    """After each: every landmark ever made is here, with the keeper, merged or removed, and in one place."""
    rng, keeper = np.random.default_rng(seed), RecordingKeeper()
    sparse_map = SparseMap(0, max_keyframes=5, descriptor_size=SIZE, keeper=keeper)
    frame_index, recalls = 0, 0
    made: set[int] = set()
    for _ in range(150):
        choice = rng.choice(["keyframe", "landmarks", "fuse", "remove", "forget", "recall", "correct"])
        if choice == "keyframe" or len(sparse_map.keyframes) < 2:
            ids = sparse_map.landmarks.ids
            some = rng.permutation(ids)[: rng.integers(0, 15)]
            add_keyframe(sparse_map, frame_index, some.tolist())
            frame_index += 1
        elif choice == "landmarks":
            add_random_landmarks(sparse_map, rng)
        elif choice == "fuse" and len(sparse_map.landmarks) > 6:
            kept, gone = rng.permutation(sparse_map.landmarks.ids)[:4].reshape(2, 2)
            sparse_map.fuse(kept, gone)
        elif choice == "remove" and len(sparse_map.landmarks) > 6:
            sparse_map.remove_landmarks(rng.random(len(sparse_map.landmarks)) < 0.1)
        elif choice == "forget":
            seen = sparse_map.observations()
            bad = rng.random(len(seen.position)) < 0.05
            sparse_map.remove_observations(Observations(*(column[bad] for column in seen)))
        elif choice == "recall" and keeper.keyframes:
            recall_some(sparse_map, keeper, rng)
            recalls += 1
        elif choice == "correct":
            after = np.array(
                [k.T_world_cam @ se3.exp(0.1 * rng.normal(size=6)) for k in sparse_map.keyframes]
            )
            sparse_map.correct(after, rng.uniform(0.5, 2, len(after)))
        check(sparse_map)
        made |= {
            number
            for event in sparse_map.take_events()
            if isinstance(event, LandmarksAdded)
            for number in event.ids.tolist()
        }
        places = [
            set(sparse_map.landmarks.ids.tolist()),
            set(keeper.landmarks),
            set(keeper.heir),
            keeper.removed,
        ]
        assert sum(map(len, places)) == len(set().union(*places)), "something is in two places"
        assert set().union(*places) == made
        assert set(keeper.keyframes) | set(frames_of(sparse_map)) == set(range(frame_index))
        assert not set(keeper.keyframes) & set(frames_of(sparse_map))
    assert recalls > 5
    sparse_map.end()
    assert set(keeper.keyframes) == set(range(frame_index))
    assert set(keeper.landmarks) | set(keeper.heir) | keeper.removed == made
    assert is_one_piece(keeper)


def add_random_landmarks(sparse_map: SparseMap, rng: np.random.Generator) -> None:
    """Add up to six landmarks, seen by the newest keyframe and perhaps the one before."""
    last = len(sparse_map.keyframes) - 1
    free = [np.flatnonzero(~sparse_map.keyframes[k].has_landmark) for k in (last - 1, last)]
    count = min(6, *(len(each) for each in free))
    if not count:
        return
    observations = [(last - 1, rng.permutation(free[0])[:count]), (last, rng.permutation(free[1])[:count])]
    points_world = rng.uniform([-3, -3, 3], [3, 3, 9], (count, 3))
    sparse_map.add_landmarks(points_world, observations[rng.integers(2) :])


def recall_some(sparse_map: SparseMap, keeper: RecordingKeeper, rng: np.random.Generator) -> None:
    """Take up to two keyframes back; the newest sees some of their landmarks again."""
    chosen = rng.permutation(sorted(keeper.keyframes))[:2].tolist()
    old = [keeper.keyframes.pop(index) for index in chosen]
    old = [replace(keyframe, landmark_ids=keeper.resolved(keyframe)) for keyframe in old]
    landmarks = recallable(sparse_map, keeper, *old)
    sparse_map.recall(old, landmarks)
    check(sparse_map, is_trimmed=False)
    newest, position = sparse_map.last_keyframe, len(sparse_map.keyframes) - 1
    if newest.view.frame_index not in chosen:
        free = np.flatnonzero(~newest.has_landmark)
        count = min(len(free), len(landmarks), 3)
        sparse_map.observe(position, free[:count], landmarks.ids[:count])
    sparse_map.trim()


def recallable(sparse_map: SparseMap, keeper: RecordingKeeper, *keyframes: Keyframe) -> Landmarks:
    """Take the landmarks from a keeper that keyframes see and the map has not."""
    ids = np.unique(np.concatenate([keyframe.landmark_ids for keyframe in keyframes]))
    ids = ids[(ids != NO_LANDMARK) & ~sparse_map.landmarks.contains(ids)]
    points = [keeper.landmarks.pop(number)[1] for number in ids.tolist()]
    points_world: NDArray[np.float64] = np.array(points).reshape(-1, 3)
    features = make_view(0, len(ids)).features
    return Landmarks.new(ids, points_world, features.descriptors, np.zeros((len(ids), 3), np.uint8))


def is_one_piece(keeper: RecordingKeeper) -> bool:
    """Tell whether ties lead from the first keyframe to all others: else no pose graph could hold them."""
    pairs = [(tie.frame_index, tie.other_index) for ties in keeper.ties.values() for tie in ties]
    reached, last = {0}, 0
    while len(reached) > last:
        last = len(reached)
        reached |= {b for a, b in pairs if a in reached} | {a for a, b in pairs if b in reached}
    return reached == set(keeper.keyframes)


def test_landmark_ids_go_on_where_the_segment_before_ended() -> None:
    keeper = RecordingKeeper()
    first = small_map(keeper)
    first.end()
    second = SparseMap(
        5, max_keyframes=5, descriptor_size=SIZE, first_landmark_id=first.next_landmark_id, keeper=keeper
    )
    add_keyframe(second, 10)
    add_keyframe(second, 11)
    second.add_landmarks(np.ones((3, 3)), [(0, np.arange(3)), (1, np.arange(3))])
    assert second.landmarks.ids.tolist() == [6, 7, 8]
    second.end()
    assert sorted(keeper.landmarks) == list(range(9))
    assert keeper.segments == [4, 4, 4, 5, 5]


def test_what_retires_at_the_end_hangs_on_the_newest_keyframe_that_sees_it() -> None:
    keeper = RecordingKeeper()
    sparse_map = small_map(keeper)
    points_world = sparse_map.landmarks.points_world
    sparse_map.end()
    assert [keeper.landmarks[number][0] for number in range(6)] == NEWEST
    np.testing.assert_array_equal([keeper.landmarks[number][1] for number in range(6)], points_world)
    (retired,) = [event for event in sparse_map.take_events() if isinstance(event, LandmarksRetired)]
    assert retired.ids.tolist() == list(range(6))
