"""What a keyframe is tied to when it leaves."""

import numpy as np
import pytest
from map_inputs import SIZE, RecordingKeeper, add_keyframe, frames_of, pose

from vo_frontend.geometry import se3
from vo_frontend.mapping.landmarks import Landmarks
from vo_frontend.mapping.sparse_map import SparseMap


def six_keyframes() -> tuple[SparseMap, RecordingKeeper]:
    """Frames 0, 10, ... 50; frame 0 shares 8, 3, 6, 5 and 4 landmarks with those after it."""
    keeper = RecordingKeeper()
    sparse_map = SparseMap(0, max_keyframes=6, descriptor_size=SIZE, keeper=keeper)
    add_keyframe(sparse_map, 0)
    points = np.random.default_rng(0).uniform([-1, -1, 3], [1, 1, 9], (8, 3))
    sparse_map.add_landmarks(points, [(0, np.arange(8))])
    for k, count in enumerate([8, 3, 6, 5, 4]):
        add_keyframe(sparse_map, 10 * (k + 1), range(count))
    return sparse_map, keeper


def test_a_keyframe_is_tied_to_the_next_and_to_those_that_share_most() -> None:
    sparse_map, _ = six_keyframes()
    ties = sparse_map.ties(1)
    assert [(tie.frame_index, tie.other_index) for tie in ties] == [(10, 0), (10, 20), (10, 30), (10, 40)]
    assert [tie.num_shared for tie in ties] == [8, 3, 6, 5], "20 because it is the next"
    for tie in ties:
        expected = se3.inverse(pose(10)) @ pose(tie.other_index)
        np.testing.assert_allclose(tie.T_cam_other, expected, atol=1e-12)
    in_camera = se3.transform_points(se3.inverse(pose(10)), sparse_map.landmarks.points_world)
    assert ties[0].depth == pytest.approx(np.median(in_camera[:, 2]))


def test_the_next_one_is_tied_although_nothing_is_shared() -> None:
    sparse_map, _ = six_keyframes()
    add_keyframe(sparse_map, 60)
    position = len(sparse_map.keyframes) - 2
    assert 60 in [tie.other_index for tie in sparse_map.ties(position)]
    assert sparse_map.ties(len(sparse_map.keyframes) - 1) == [], "it shares nothing and has no next"


def test_a_recalled_keyframe_has_no_ties_and_no_new_one_is_tied_to_it() -> None:
    sparse_map, keeper = six_keyframes()
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
