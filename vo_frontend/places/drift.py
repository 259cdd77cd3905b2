"""What a recognised place says of the drift since."""

import numpy as np

from vo_frontend.geometry import se3
from vo_frontend.geometry.alignment import Similarity
from vo_frontend.mapping.keyframe import NO_LANDMARK
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.places.recognizer import Recognition

MIN_SCALE_PAIRS = 15  # landmarks known in both scales


def measure_drift(sparse_map: SparseMap, recognition: Recognition, *, is_metric: bool) -> Similarity | None:
    """Find what takes the map as it is to where the newest keyframe is recognised; None without a sure scale.

    Args:
        sparse_map: the local map.
        recognition: of its newest keyframe.
        is_metric: whether scale is known, and does not drift.
    """
    newest, surroundings = sparse_map.last_keyframe, recognition.surroundings
    T_old, T_now, scale = recognition.T_world_cam, newest.T_world_cam, 1.0
    if not is_metric:
        own = newest.landmark_ids[recognition.pose.feature_index]
        known = own != NO_LANDMARK
        if known.sum() < MIN_SCALE_PAIRS:
            return None
        old = surroundings.landmarks.points_world[recognition.pose.landmark_rows[known]]
        now = sparse_map.landmarks.points_world[sparse_map.landmarks.rows(own[known])]
        depths_old = se3.transform_points(se3.inverse(T_old), old)[:, 2]
        depths_now = se3.transform_points(se3.inverse(T_now), now)[:, 2]
        scale = float(np.median(depths_old / depths_now))
    R = T_old[:3, :3] @ T_now[:3, :3].T
    return Similarity(scale, R, T_old[:3, 3] - scale * R @ T_now[:3, 3])
