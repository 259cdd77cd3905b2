"""What has left the local map, findable by what it shows."""

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vo_frontend.atlas.archive import Archive
from vo_frontend.atlas.archive_ties import ties_of_archive
from vo_frontend.atlas.covisibility import REDUNDANT_SHARE, REDUNDANT_VIEWS
from vo_frontend.atlas.landmark_table import RetiredLandmarks
from vo_frontend.atlas.motions import Motions
from vo_frontend.config import AtlasConfig
from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform
from vo_frontend.map_events import KeyframeMerged, LandmarksRemoved, MapEvent
from vo_frontend.mapping.keeper import Kept
from vo_frontend.mapping.keyframe import Keyframe, View
from vo_frontend.mapping.landmarks import Landmarks
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.mapping.ties import Tie
from vo_frontend.places.index import Candidates, PlaceIndex
from vo_frontend.places.surroundings import Surroundings
from vo_frontend.places.vlad import Vlad

PLACE_METHOD = "vlad"
# A keyframe of a place that an earlier visit has mapped adds nothing either. ORB-SLAM's rule alone keeps
# keyframes of every round through the same streets: no two views have all their keypoints in common.
EARLIER_SHARE = 0.5  # of its landmarks, seen by keyframes of earlier visits
# A new keyframe of a known place takes the place of one that other visits replace, or the archive would grow
# with every visit: what frames find again of a place wears off.
WORN_SHARE = 0.5  # of its landmarks, seen by keyframes of other visits
# Where visits hardly find each other's landmarks again, no share tells that a place has keyframes enough: the
# number does of those that stand beside the new one and look the same way.
CROWD = 2  # such keyframes
BESIDE_DEPTH_SHARE = 0.15  # of the depth of the scene, between the cameras
BESIDE_COSINE = 0.966  # 15 degrees between the optical axes
NEAR_SHARED = 30  # landmarks that keyframes of one place share
NUM_RECENT = 64  # keyframes that make a visit, and whose places are remembered: more than a window


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
        self._recent: dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}  # descriptors, place
        self._left: list[int] = []  # frames of this run's keyframes that left, kept or not, in order
        self._past: list[int] = archive.frame_indices().tolist()  # of the keyframes of earlier runs
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
    ) -> Kept:
        """Take over a keyframe that leaves the local map, perhaps once more, unless the place is known.

        Where it adds nothing, the kept keyframe that shares most with it stands for it. Where it is kept, an
        older one of the same place may go.
        """
        self.motions.tie(ties)
        frame_index, depth = keyframe.view.frame_index, ties[0].depth if ties else 0.0
        heir_index = self._heir(segment_id, keyframe)
        is_new = frame_index not in self.archive
        if is_new:
            insort(self._left, frame_index)
        if heir_index is not None:
            T_heir_gone = self._T_cam_world(heir_index, window) @ keyframe.T_world_cam
            self.motions.hand_over(frame_index, heir_index, T_heir_gone, depth)
            return Kept(heir_index, (KeyframeMerged(segment_id, frame_index, heir_index),))
        place = self._described(keyframe.view)
        self.archive.add(keyframe, segment_id, place)
        if not is_new:
            return Kept(frame_index)
        self._index.add(frame_index, place)
        return Kept(frame_index, self._without_worn(segment_id, keyframe, window, depth))

    def keep_landmarks(
        self, segment_id: int, landmarks: Landmarks, anchor_indices: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Take over landmarks (M,) that hang on keyframes (M,), as far as a kept keyframe sees them."""
        is_seen = self.knows(landmarks.ids)
        seen = landmarks.select(is_seen)
        values = seen.points_world, seen.colors, seen.num_expected, seen.num_found
        self.archive.retire(RetiredLandmarks(seen.ids, *values, anchor_indices[is_seen]))
        self.archive.remove(landmarks.ids[~is_seen])
        return is_seen

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

    def knows(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which landmarks (L,) a kept keyframe sees."""
        return self.archive.num_views(ids) > 0

    def merge(self, kept_ids: NDArray[np.int64], gone_ids: NDArray[np.int64]) -> None:
        """Hear that pairs of landmarks (P,) are one."""
        self.archive.merge(kept_ids, gone_ids)

    def remove(self, ids: NDArray[np.int64]) -> None:
        """Hear that landmarks (L,) were wrong."""
        self.archive.remove(ids)

    def _T_cam_world(self, frame_index: int, window: Sequence[Keyframe]) -> Transform:
        """Return T_cam_world (4, 4) of a kept keyframe, as the local map has it where it is there."""
        poses = {each.view.frame_index: each.T_world_cam for each in window}
        kept = self.archive.T_world_cam(np.array([frame_index]))[0]
        return se3.inverse(poses.get(frame_index, kept))

    def _without_worn(
        self, segment_id: int, newest: Keyframe, window: Sequence[Keyframe], depth: float
    ) -> tuple[MapEvent, ...]:
        """Give up the old keyframe of the place of a new one that other visits replace best, if any."""
        archive = self.archive
        worn_index = self._most_worn(segment_id, newest, window, depth)
        if worn_index is None:
            return ()
        worn, ids = archive.keyframe(worn_index), archive.landmarks_seen(worn_index)
        heirs = archive.covisible(worn_index).frame_indices
        heirs = heirs[archive.segment_ids(heirs) == segment_id]
        heir_index = int(heirs[0]) if len(heirs) else newest.view.frame_index
        T_heir_worn = self._T_cam_world(heir_index, window) @ worn.T_world_cam
        # Its loops may be all that holds two parts of the graph together.
        self.motions.hand_over(worn_index, heir_index, T_heir_worn, depth, with_loops=True)
        archive.forget(worn_index)
        self._index.forget(worn_index)
        here = np.concatenate([each.landmark_ids for each in window])
        ids = ids[(archive.num_views(ids) == 0) & ~np.isin(ids, here)]
        archive.remove(ids)
        return KeyframeMerged(segment_id, worn_index, heir_index), LandmarksRemoved(segment_id, ids)

    def _most_worn(
        self, segment_id: int, newest: Keyframe, window: Sequence[Keyframe], depth: float
    ) -> int | None:
        """Name the keyframe, of earlier visits to the place of a new one, that other visits replace best.

        None where it is needed still.
        """
        archive, frame_index = self.archive, newest.view.frame_index
        frames = archive.frame_indices()
        frames = frames[archive.segment_ids(frames) == segment_id]
        first, here = frames[:1], [each.view.frame_index for each in window]  # the world is the first camera
        old = np.setdiff1d(frames[frames < self._visit_begin(frame_index)], np.append(first, here))
        near = np.intersect1d(archive.covisible(frame_index, NEAR_SHARED).frame_indices, old)
        beside = old[self._are_beside(newest.T_world_cam, old, depth)]
        shares = {each: self._replaced_share(each) for each in np.union1d(near, beside).tolist()}
        worn = [each for each in near.tolist() if shares[each] >= WORN_SHARE]
        crowd = beside.tolist() if len(beside) >= CROWD else []
        return max(worn + crowd, key=shares.__getitem__, default=None)

    def _are_beside(
        self, T_world_cam: Transform, frame_indices: NDArray[np.int64], depth: float
    ) -> NDArray[np.bool_]:
        """Tell which kept keyframes (K,) see what a camera sees that stands at a pose, before a depth."""
        poses = self.archive.T_world_cam(frame_indices)
        distances = np.linalg.norm(poses[:, :3, 3] - T_world_cam[:3, 3], axis=1)
        cosines = poses[:, :3, 2] @ T_world_cam[:3, 2]
        return (distances < BESIDE_DEPTH_SHARE * depth) & (cosines > BESIDE_COSINE)

    def _replaced_share(self, frame_index: int) -> float:
        """Return the share of the landmarks of a kept keyframe that keyframes of other visits see."""
        ids = self.archive.landmarks_seen(frame_index)
        frames = self._past if frame_index in self._past else self._left
        position = bisect_left(frames, frame_index)
        visit = frames[max(position - NUM_RECENT, 0) : position + NUM_RECENT]
        num_own = self.archive.num_views(ids, visit[-1] + 1) - self.archive.num_views(ids, visit[0])
        return float((self.archive.num_views(ids) > num_own).mean())

    def _heir(self, segment_id: int, keyframe: Keyframe) -> int | None:
        """Name the older kept keyframe that shares most with one that adds nothing, None where it adds."""
        archive, frame_index = self.archive, keyframe.view.frame_index
        ids = keyframe.landmark_ids[keyframe.has_landmark]
        if frame_index in archive or not len(ids):
            return None
        is_redundant = (archive.num_views(ids) >= REDUNDANT_VIEWS).mean() >= REDUNDANT_SHARE
        if not is_redundant and not self._is_of_known_place(ids, frame_index):
            return None
        older = archive.seeing(ids).frame_indices
        older = older[older < frame_index]
        older = older[archive.segment_ids(older) == segment_id]
        return int(older[0]) if len(older) else None

    def _is_of_known_place(self, ids: NDArray[np.int64], frame_index: int) -> bool:
        """Tell whether an earlier visit has mapped the place of a keyframe that sees landmarks (L,)."""
        earlier = self.archive.num_views(ids, self._visit_begin(frame_index)) > 0
        return bool(earlier.mean() >= EARLIER_SHARE)

    def _visit_begin(self, frame_index: int) -> int:
        """Return the frame with which the visit began that a keyframe is of."""
        visit = self._left[: bisect_left(self._left, frame_index)][-NUM_RECENT:]
        return visit[0] if len(visit) == NUM_RECENT else 0  # before 0: an earlier run

    def _described(self, view: View) -> NDArray[np.float32]:
        """Describe a view, once: it is looked up, compared with the next one, and kept when it leaves."""
        descriptors = view.features.descriptors
        known = self._recent.get(view.frame_index)
        if known is not None and known[0] is descriptors:  # another film may have a frame of that number
            return known[1]
        place = self._vlad.describe(descriptors)
        self._recent[view.frame_index] = descriptors, place
        if len(self._recent) > NUM_RECENT:
            del self._recent[next(iter(self._recent))]
        return place

    def _place(self, archive: Archive, frame_index: int) -> NDArray[np.float32]:
        place = archive.place(frame_index)
        if place is not None and len(place) == self._vlad.descriptor_size:
            return place
        return self._vlad.describe(archive.keyframe(frame_index).features.descriptors)
