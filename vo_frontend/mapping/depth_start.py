"""Starting a metric map: one view with measured depths is enough."""

import numpy as np

from vo_frontend.mapping.keeper import Keeper
from vo_frontend.mapping.keyframe import NO_LANDMARK, View
from vo_frontend.mapping.map_start import StartOutcome
from vo_frontend.mapping.mapper import Mapper
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.types import Reason


class DepthStart:
    """Makes the first view of a stereo or RGB-D camera the first keyframe. World: that camera, in m."""

    def __init__(self, mapper: Mapper, *, min_landmarks: int, max_keyframes: int, keeper: Keeper) -> None:
        self._mapper = mapper
        self._min_landmarks = min_landmarks
        self._max_keyframes = max_keyframes
        self._keeper = keeper

    def offer(self, view: View, segment_id: int, first_landmark_id: int) -> StartOutcome:
        """Start a map from a view, if enough of its features have a depth."""
        sparse_map = SparseMap(
            segment_id,
            max_keyframes=self._max_keyframes,
            descriptor_size=view.features.descriptors.shape[1],
            first_landmark_id=first_landmark_id,
            keeper=self._keeper,
        )
        no_landmarks = np.full(len(view.features), NO_LANDMARK, np.int64)
        sparse_map.add_keyframe(view, np.eye(4), no_landmarks)
        self._mapper.add_measured(sparse_map)
        num_landmarks = len(sparse_map.landmarks)
        if num_landmarks < self._min_landmarks:
            return StartOutcome(Reason.TOO_FEW_DEPTHS, num_landmarks)
        return StartOutcome(Reason.NONE, num_landmarks, sparse_map, np.eye(4))
