"""What has left the local map, findable by what it shows."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vo_frontend.atlas.archive import Archive
from vo_frontend.atlas.archive_ties import ties_of_archive
from vo_frontend.atlas.covisibility import REDUNDANT_VIEWS
from vo_frontend.atlas.landmark_table import RetiredLandmarks
from vo_frontend.atlas.motions import Motions
from vo_frontend.config import AtlasConfig
from vo_frontend.geometry import se3
from vo_frontend.mapping.keyframe import Keyframe, View
from vo_frontend.mapping.landmarks import Landmarks
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.mapping.ties import Tie
from vo_frontend.places.index import Candidates, PlaceIndex
from vo_frontend.places.surroundings import Surroundings
from vo_frontend.places.vlad import Vlad

PLACE_METHOD = "vlad"
# A keyframe is known if so many of its landmarks are seen by three that are kept. ORB-SLAM asks for 0.9
# (section VI-E); then rounds through the same streets add keyframes forever, because no two views have all
# their keypoints in common.
KNOWN_SHARE = 0.7
NUM_RECENT = 64  # views whose places are remembered: about a window


class PlaceMemory:
    """Keeps the keyframes and landmarks that leave the local map; a Keeper of the local map.

    Keyframes are found by VLAD of their own features, so that remembering needs no second network.
    """

    def __init__(self, archive: Archive, vlad: Vlad) -> None:
        """Remember an archive, empty or from a map file."""
        self.archive = archive
        self.motions = Motions()
        self._vlad = vlad
        self._index = PlaceIndex(vlad.descriptor_size)
        self._recent: dict[int, NDArray[np.float32]] = {}  # places by frame index
        for frame_index in archive:
            self._index.add(frame_index, self._place(archive, frame_index))
        self.motions.tie(ties_of_archive(archive))

    def look_up(self, view: View, k: int, exclude: NDArray[np.int64]) -> Candidates:
        """Find the ``k`` keyframes that look most like a view, without those of some frames (E,)."""
        return self._index.query(self._described(view), k, exclude)

    def similarity(self, view: View, other: View) -> float:
        """Compare two views as :meth:`look_up` does: 1 for the same, about 0 for unrelated ones."""
        return float(self._described(view) @ self._described(other))

    def keep_keyframe(
        self, segment_id: int, keyframe: Keyframe, ties: Sequence[Tie], window: Sequence[Keyframe]
    ) -> int | None:
        """Take over a keyframe that leaves the local map, perhaps once more, unless the place is known.

        Returns:
            The frame of the kept keyframe that shares most with it, where it adds nothing; else None.
        """
        self.motions.tie(ties)
        heir_index = self._heir(segment_id, keyframe)
        if heir_index is not None:
            poses = {each.view.frame_index: each.T_world_cam for each in window}
            T_world_heir = poses.get(heir_index, self.archive.T_world_cam(np.array([heir_index]))[0])
            T_heir_gone = se3.inverse(T_world_heir) @ keyframe.T_world_cam
            depth = ties[0].depth if ties else 0.0
            self.motions.hand_over(keyframe.view.frame_index, heir_index, T_heir_gone, depth)
            return heir_index
        place = self._described(keyframe.view)
        if keyframe.view.frame_index not in self.archive:
            self._index.add(keyframe.view.frame_index, place)
        self.archive.add(keyframe, segment_id, place)
        return None

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

    def whole(self, sparse_map: SparseMap | None, config: AtlasConfig) -> Archive:
        """Copy all that is known, what is in the local map included; the memory itself stays as it is."""
        whole, archive = Archive(self.archive.descriptor_size, config), self.archive
        frames = archive.frame_indices()
        segment_ids, poses = archive.segment_ids(frames).tolist(), archive.T_world_cam(frames)
        for frame_index, segment_id, T_world_cam in zip(frames.tolist(), segment_ids, poses, strict=True):
            packed = archive.packed(frame_index)
            rows = packed.rows.copy()
            rows["landmark_id"] = archive.features_seen(packed)
            whole.add_packed(replace(packed, rows=rows), segment_id, T_world_cam)
        whole.retire(archive.retired(archive.landmark_ids()))
        if sparse_map is not None:
            for keyframe in sparse_map.keyframes:
                whole.add(keyframe, sparse_map.segment_id, self._described(keyframe.view))
            seen = sparse_map.landmarks
            values = seen.points_world, seen.colors, seen.num_expected, seen.num_found
            frames = np.array([keyframe.view.frame_index for keyframe in sparse_map.keyframes])
            whole.retire(RetiredLandmarks(seen.ids, *values, frames[sparse_map.newest_views()]))
        return whole

    def merge(self, kept_ids: NDArray[np.int64], gone_ids: NDArray[np.int64]) -> None:
        """Hear that pairs of landmarks (P,) are one."""
        self.archive.merge(kept_ids, gone_ids)

    def remove(self, ids: NDArray[np.int64]) -> None:
        """Hear that landmarks (L,) were wrong."""
        self.archive.remove(ids)

    def _heir(self, segment_id: int, keyframe: Keyframe) -> int | None:
        """Name the older kept keyframe that shares most with one that adds nothing, None where it adds."""
        archive, frame_index = self.archive, keyframe.view.frame_index
        ids = keyframe.landmark_ids[keyframe.has_landmark]
        if frame_index in archive or not len(ids):
            return None
        if (archive.num_views(ids) >= REDUNDANT_VIEWS).mean() < KNOWN_SHARE:
            return None
        older = archive.seeing(ids).frame_indices
        older = older[older < frame_index]
        older = older[archive.segment_ids(older) == segment_id]
        return int(older[0]) if len(older) else None

    def _described(self, view: View) -> NDArray[np.float32]:
        """Describe a view, once: it is looked up, compared with the next one, and kept when it leaves."""
        if view.frame_index not in self._recent:
            self._recent[view.frame_index] = self._vlad.describe(view.features.descriptors)
            if len(self._recent) > NUM_RECENT:
                del self._recent[next(iter(self._recent))]
        return self._recent[view.frame_index]

    def _place(self, archive: Archive, frame_index: int) -> NDArray[np.float32]:
        place = archive.place(frame_index)
        if place is not None and len(place) == self._vlad.descriptor_size:
            return place
        return self._vlad.describe(archive.keyframe(frame_index).features.descriptors)
