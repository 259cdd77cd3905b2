"""What must hold of a local map after every operation; numbered in the docstring of its module."""

import numpy as np

from vo_frontend.mapping.sparse_map import SparseMap


def check(sparse_map: SparseMap, *, is_trimmed: bool = True) -> None:
    """Assert the invariants; ``is_trimmed`` False: keyframes were recalled, so that it may be too large."""
    landmarks = sparse_map.landmarks
    assert (np.diff(landmarks.ids) > 0).all(), "landmark ids are not increasing"
    for keyframe in sparse_map.keyframes:
        ids = keyframe.landmark_ids[keyframe.has_landmark]
        assert len(np.unique(ids)) == len(ids), "a keyframe sees a landmark twice"
        assert np.isin(ids, landmarks.ids).all(), "a keyframe sees a landmark that is gone"
    assert (sparse_map.num_observations() > 0).all(), "a landmark that nobody sees"
    assert (landmarks.num_found <= landmarks.num_expected).all(), "found where it was not expected"
    frames = [keyframe.view.frame_index for keyframe in sparse_map.keyframes]
    assert frames == sorted(set(frames)), "keyframes are not in order"
    assert not is_trimmed or len(frames) <= sparse_map.max_keyframes, "the window is too large"
