"""Windows under random operations: nothing is lost or doubled, and the keeper hears all of it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from map_inputs import SIZE, RecordingKeeper, add_keyframe, frames_of, recallable
from map_invariants import check

from vo_frontend.geometry import se3
from vo_frontend.map_events import LandmarksAdded, MapEvent
from vo_frontend.mapping.observations import Observations
from vo_frontend.mapping.sparse_map import SparseMap


def operate(
    sparse_map: SparseMap, keeper: RecordingKeeper, rng: np.random.Generator, next_frame_index: int
) -> str:
    """Do one random thing, where it is possible. Returns what."""
    choice = rng.choice(["keyframe", "landmarks", "fuse", "remove", "forget", "recall", "correct"])
    if choice == "keyframe" or len(sparse_map.keyframes) < 2:
        ids = sparse_map.landmarks.ids
        some = rng.permutation(ids)[: rng.integers(0, 15)]
        add_keyframe(sparse_map, next_frame_index, some.tolist())
        return "keyframe"
    if choice == "landmarks":
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
        return "recall"
    elif choice == "correct":
        after = np.array([k.T_world_cam @ se3.exp(0.1 * rng.normal(size=6)) for k in sparse_map.keyframes])
        sparse_map.correct(after, rng.uniform(0.5, 2, len(after)))
    return "another"


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


def is_one_piece(keeper: RecordingKeeper) -> bool:
    """Tell whether ties lead from the first keyframe to all others: else no pose graph could hold them."""
    pairs = [(tie.frame_index, tie.other_index) for ties in keeper.ties.values() for tie in ties]
    reached, last = {0}, 0
    while len(reached) > last:
        last = len(reached)
        reached |= {b for a, b in pairs if a in reached} | {a for a, b in pairs if b in reached}
    return reached == set(keeper.keyframes)


def added(events: Iterable[MapEvent]) -> set[int]:
    return {number for event in events if isinstance(event, LandmarksAdded) for number in event.ids.tolist()}


def check_that_nothing_is_lost(sparse_map: SparseMap, keeper: RecordingKeeper, made: set[int]) -> None:
    """Fail unless each landmark ever made is here, with the keeper, merged or removed, and in one place."""
    places = [
        set(sparse_map.landmarks.ids.tolist()),
        set(keeper.landmarks),
        set(keeper.heir),
        keeper.removed,
    ]
    assert sum(map(len, places)) == len(set().union(*places)), "something is in two places"
    assert set().union(*places) == made
    assert not set(keeper.keyframes) & set(frames_of(sparse_map))


@pytest.mark.parametrize("seed", range(5))
def test_random_operations_keep_the_invariants_and_the_keeper_hears_everything_exactly_once(
    seed: int,
) -> None:
    rng, keeper = np.random.default_rng(seed), RecordingKeeper()
    sparse_map = SparseMap(0, max_keyframes=5, descriptor_size=SIZE, keeper=keeper)
    done: Counter[str] = Counter()
    made: set[int] = set()
    for _ in range(150):
        done[operate(sparse_map, keeper, rng, done["keyframe"])] += 1
        check(sparse_map)
        made |= added(sparse_map.take_events())
        check_that_nothing_is_lost(sparse_map, keeper, made)
        assert set(keeper.keyframes) | set(frames_of(sparse_map)) == set(range(done["keyframe"]))
    assert done["recall"] > 5
    sparse_map.end()
    assert set(keeper.keyframes) == set(range(done["keyframe"]))
    assert set(keeper.landmarks) | set(keeper.heir) | keeper.removed == made
    assert is_one_piece(keeper)
