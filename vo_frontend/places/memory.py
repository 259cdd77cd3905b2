"""What has left the local map, findable by what it shows."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vo_frontend.atlas.archive import Archive
from vo_frontend.atlas.landmark_table import RetiredLandmarks
from vo_frontend.atlas.motions import Motions
from vo_frontend.mapping.keyframe import Keyframe, View
from vo_frontend.mapping.landmarks import Landmarks
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.mapping.ties import Tie
from vo_frontend.places.index import Candidates, PlaceIndex
from vo_frontend.places.surroundings import Surroundings
from vo_frontend.places.vlad import Vlad


class PlaceMemory:
    """Keeps the keyframes and landmarks that leave the local map; a Keeper of the local map.

    Keyframes are found by VLAD of their own features, so that remembering needs no second network.
    """

    def __init__(self, archive: Archive, vlad: Vlad) -> None:
        self.archive = archive
        self.motions = Motions()
        self._vlad = vlad
        self._index = PlaceIndex(vlad.descriptor_size)

    def look_up(self, view: View, k: int, exclude: NDArray[np.int64]) -> Candidates:
        """Find the ``k`` keyframes that look most like a view, without those of some frames (E,)."""
        return self._index.query(self._vlad.describe(view.features.descriptors), k, exclude)

    def similarity(self, view: View, other: View) -> float:
        """Compare two views as :meth:`look_up` does: 1 for the same, about 0 for unrelated ones."""
        places = [self._vlad.describe(each.features.descriptors) for each in (view, other)]
        return float(places[0] @ places[1])

    def keep_keyframe(self, segment_id: int, keyframe: Keyframe, ties: Sequence[Tie]) -> None:
        """Take over a keyframe that leaves the local map, perhaps once more."""
        place = self._vlad.describe(keyframe.features.descriptors)
        if keyframe.view.frame_index not in self.archive:
            self._index.add(keyframe.view.frame_index, place)
        self.archive.add(keyframe, segment_id, place)
        self.motions.tie(ties)

    def keep_landmarks(
        self, segment_id: int, landmarks: Landmarks, anchor_indices: NDArray[np.int64]
    ) -> None:
        """Take over landmarks (M,) that hang on the keyframes of frames (M,)."""
        counts = landmarks.num_expected, landmarks.num_found
        self.archive.retire(
            RetiredLandmarks(landmarks.ids, landmarks.points_world, landmarks.colors, *counts, anchor_indices)
        )

    def recall(self, surroundings: Surroundings, sparse_map: SparseMap) -> None:
        """Bring keyframes and all that they saw back into the local map."""
        old = [self.archive.keyframe(k) for k in surroundings.members.tolist()]
        landmarks = surroundings.landmarks  # where they are now: a correction may have moved them
        points_world = self.archive.retired(landmarks.ids).points_world
        sparse_map.recall(old, replace(landmarks, points_world=points_world))

    def merge(self, kept_ids: NDArray[np.int64], gone_ids: NDArray[np.int64]) -> None:
        """Hear that pairs of landmarks (P,) are one."""
        self.archive.merge(kept_ids, gone_ids)

    def remove(self, ids: NDArray[np.int64]) -> None:
        """Hear that landmarks (L,) were wrong."""
        self.archive.remove(ids)
