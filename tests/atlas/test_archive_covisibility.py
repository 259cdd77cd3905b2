"""Which keyframes of the archive see the same, and which could go because others do."""

import numpy as np
from atlas_inputs import SIZE, array, make_keyframe

from vo_frontend.atlas.archive import Archive
from vo_frontend.atlas.covisibility import covisibility_edges, redundant_keyframes
from vo_frontend.config import AtlasConfig


def test_covisible_keyframes_come_best_first(archive: Archive) -> None:
    for frame_index, ids in ((1, [0, 1, 2]), (2, [2, 3]), (3, [0, 1, 9]), (4, [2, 5])):
        archive.add(make_keyframe(frame_index, ids), 0)
    found = archive.covisible(1)
    assert found.frame_indices.tolist() == [3, 2, 4]
    assert found.num_shared.tolist() == [2, 1, 1]
    assert archive.covisible(1, min_shared=2).frame_indices.tolist() == [3]
    assert archive.seeing(array(2, 2, 3, 777)).frame_indices.tolist() == [2, 1, 4]
    edges = covisibility_edges(archive)
    assert [tuple(row) for row in np.stack(edges, axis=1).tolist()] == [
        (1, 2, 1),
        (1, 3, 2),
        (1, 4, 1),
        (2, 4, 1),
    ]
    assert len(covisibility_edges(archive, min_shared=2).num_shared) == 1


def test_merged_landmarks_make_keyframes_covisible(archive: Archive) -> None:
    archive.add(make_keyframe(1, [0, 1]), 0)
    archive.add(make_keyframe(2, [2, 3]), 0)
    assert archive.covisible(1).frame_indices.tolist() == []
    archive.merge(array(0, 1), array(2, 3))
    assert archive.covisible(1).num_shared.tolist() == [2]
    archive.remove(array(1))
    assert archive.covisible(2).num_shared.tolist() == [1]


def test_a_keyframe_is_redundant_while_three_that_stay_see_nearly_all_of_it(archive: Archive) -> None:
    for frame_index in range(5):
        archive.add(make_keyframe(frame_index, range(10)), 0)
    archive.add(make_keyframe(5, range(9, 19)), 0)
    assert redundant_keyframes(archive, archive.frame_indices()).tolist() == [0, 1]
    assert redundant_keyframes(archive, archive.frame_indices()[::-1]).tolist() == [4, 3]
    archive.add(make_keyframe(6, [*range(1, 10), 50]), 0)  # 9 of its 10 are seen by others
    assert 6 in redundant_keyframes(archive, array(6))
    archive.add(make_keyframe(6, [*range(2, 10), 50, 51]), 0)
    assert 6 not in redundant_keyframes(archive, array(6))


def test_ten_thousand_keyframes_find_their_neighbours_and_stay_within_the_budget() -> None:
    archive = Archive(SIZE, AtlasConfig(max_memory_mb=1))
    template = make_keyframe(0, [])
    for frame_index in range(10_000):
        ids = np.arange(frame_index * 3, frame_index * 3 + 12)
        view = type(template.view)(frame_index, frame_index, template.features, template.view.colors)
        archive.add(type(template)(view, template.T_world_cam, ids), 0)
    assert archive.bytes_in_memory <= 10**6
    assert archive.covisible(5000).num_shared.tolist() == [9, 9, 6, 6, 3, 3]
    edges = covisibility_edges(archive)
    assert len(edges.num_shared) == 9999 + 9998 + 9997
    assert set(edges.num_shared.tolist()) == {9, 6, 3}
    assert archive.keyframe(17).landmark_ids.tolist() == list(range(51, 63))
