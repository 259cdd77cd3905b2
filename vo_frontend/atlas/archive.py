"""Everything that has left the window: keyframes, landmarks, and which keyframe sees which landmark."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.atlas.keyframe_table import NO_ROW, KeyframeTable
from vo_frontend.atlas.landmark_table import (
    NO_ANCHOR,
    NO_FRAME,
    LandmarkRows,
    LandmarkTable,
    RetiredLandmarks,
    without_repeats,
)
from vo_frontend.atlas.packed_keyframe import PackedKeyframe, descriptors_seen
from vo_frontend.atlas.record_store import RecordStore
from vo_frontend.atlas.sightings import Covisible, Sightings
from vo_frontend.config import AtlasConfig
from vo_frontend.geometry.alignment import Similarity
from vo_frontend.geometry.se3 import Transform
from vo_frontend.mapping.keyframe import NO_LANDMARK, Keyframe
from vo_frontend.mapping.landmarks import Landmarks

Ids = NDArray[np.int64]


class Archive:
    """Keeps keyframes by frame index and landmarks by id; both unique over the whole run, ids dense from 0.

    A landmark is here (it has retired), elsewhere (in the window), merged into another, or removed: the
    archive must be told. One that is here hangs on a keyframe, its anchor, and follows when that moves. What
    is recalled into the window stays here as it was, until it comes again and replaces that.

    Memory: packed keyframes up to the budget, the others in a temporary file that goes with the archive;
    beside them about 0.5 kB a keyframe, 12 bytes a sighting and 71 a landmark. For one thread; what it
    returns are copies.
    """

    def __init__(self, descriptor_size: int, config: AtlasConfig) -> None:
        self.descriptor_size = descriptor_size
        self._records = RecordStore(config.max_memory_mb)
        self._keyframes = KeyframeTable(self._records)
        self._landmarks = LandmarkTable()
        self._sightings = Sightings()
        self._seen: dict[int, NDArray[np.int32]] = {}  # by row: landmarks as they were when the keyframe came

    def __len__(self) -> int:
        return len(self._keyframes)

    def __contains__(self, frame_index: int) -> bool:
        return frame_index in self._keyframes

    def __iter__(self) -> Iterator[int]:
        return iter(self.frame_indices().tolist())

    @property
    def bytes_in_memory(self) -> int:
        """Return how many bytes of packed keyframes are in memory: at most the budget."""
        return self._records.memory_bytes

    def frame_indices(self) -> Ids:
        """List the keyframes (K,) in time order."""
        return self._keyframes.frame_indices()

    def add(self, keyframe: Keyframe, segment_id: int, place: NDArray[np.float32] | None = None) -> None:
        """Take over a keyframe that leaves the window.

        One that is here already is replaced, and what hangs on it follows to its new pose.

        Args:
            keyframe: with N features; its landmarks may be anywhere.
            segment_id: whose world its pose is in.
            place: (P,) descriptor for place recognition.

        Raises:
            ValueError: its descriptors are of another size.
            OutputError: the temporary file cannot be made or is full.
        """
        self.add_packed(PackedKeyframe.of(keyframe, place), segment_id, keyframe.T_world_cam)

    def add_packed(self, packed: PackedKeyframe, segment_id: int, T_world_cam: Transform) -> None:
        """Take over a keyframe that is packed already, as in a map file; see :meth:`add`."""
        size = packed.rows.dtype["descriptor"].shape[0]
        if size != self.descriptor_size:
            raise ValueError(
                f"frame {packed.frame_index}: descriptors of {size} numbers, not {self.descriptor_size}"
            )
        if packed.frame_index in self:
            self.move(np.array([packed.frame_index]), T_world_cam[None])
            self._forget_sightings(self._keyframes.row(packed.frame_index))
        row = self._keyframes.put(packed, segment_id, T_world_cam)
        self._seen[row] = packed.landmark_ids[packed.landmark_ids != NO_LANDMARK].astype(np.int32)
        self._sightings.add(row, self._heirs(self._seen[row]))

    def forget(self, frame_index: int) -> None:
        """Give a keyframe up. What hangs on it goes to the newest other that sees it, else to the nearest.

        Raises:
            ValueError: it is not here.
        """
        row = self._keyframes.row(frame_index)
        self._forget_sightings(row)
        self._keyframes.remove(frame_index)
        orphans = self._landmarks.anchored_at(row)
        if not len(orphans):
            return
        anchors = self._sightings.newest_view(orphans, self._keyframes.frame_index_of_row)
        others = self._keyframes.rows(self.frame_indices())
        poses = self._keyframes.poses(np.append(others, row))
        others = others[poses.segment_ids[:-1] == poses.segment_ids[-1]]
        nearest = NO_ANCHOR
        if len(others):
            distance = np.abs(self._keyframes.poses(others).frame_indices - frame_index)
            nearest = int(others[distance.argmin()])
        self._landmarks.anchor(orphans, np.where(anchors == NO_ROW, nearest, anchors))

    def keyframe(self, frame_index: int) -> Keyframe:
        """Return a keyframe as it is now: its pose, and the heirs of its landmarks, each once.

        Raises:
            ValueError: it is not here.
        """
        packed = self.packed(frame_index)
        T_world_cam = self.T_world_cam(np.array([frame_index]))[0]
        return Keyframe(packed.view(), T_world_cam, self.features_seen(packed))

    def packed(self, frame_index: int) -> PackedKeyframe:
        """Return what is stored of a keyframe, with its landmarks as they were when it came."""
        return self._keyframes.packed(self._keyframes.row(frame_index))

    def place(self, frame_index: int) -> NDArray[np.float32] | None:
        """Return the place descriptor (P,) of a keyframe, None if it came without."""
        return self.packed(frame_index).place

    def T_world_cam(self, frame_indices: Ids) -> NDArray[np.float64]:
        """Return the poses (K, 4, 4) of keyframes (K,), each in the world of its segment."""
        return self._keyframes.poses(self._keyframes.rows(frame_indices)).T_world_cam

    def segment_ids(self, frame_indices: Ids) -> Ids:
        """Return the segments (K,) of keyframes (K,)."""
        return self._keyframes.poses(self._keyframes.rows(frame_indices)).segment_ids

    def move(
        self,
        frame_indices: Ids,
        T_world_cam: NDArray[np.float64],
        scales: NDArray[np.float64] | None = None,
    ) -> None:
        """Give keyframes other poses. What hangs on them follows: ``x_new = T_new * (scale * T_old^-1 * x)``.

        Args:
            frame_indices: (K,) each once.
            T_world_cam: (K, 4, 4) new.
            scales: (K,) by which distances from each keyframe grow; None is 1.

        Raises:
            ValueError: a keyframe is not here.
        """
        rows = self._keyframes.rows(frame_indices)
        T_old = self._keyframes.poses(rows).T_world_cam
        factors = np.ones(len(rows)) if scales is None else scales
        S_new_old = T_world_cam[:, :3].copy()
        S_new_old[:, :, :3] @= factors[:, None, None] * T_old[:, :3, :3].swapaxes(1, 2)
        S_new_old[:, :, 3] -= np.einsum("kij,kj->ki", S_new_old[:, :, :3], T_old[:, :3, 3])
        part_of_row = np.full(self._keyframes.num_rows, NO_ROW)
        part_of_row[rows] = np.arange(len(rows))
        self._landmarks.transform(part_of_row, S_new_old)
        self._keyframes.move(rows, T_world_cam)

    def join(self, segment_id: int, into_segment_id: int, similarity: Similarity) -> None:
        """Take all of one segment, which has keyframes, into the world of another."""
        every = self.frame_indices()
        own = every[self.segment_ids(every) == segment_id]
        self.move(own, similarity.transform_poses(self.T_world_cam(own)), np.full(len(own), similarity.scale))
        self._keyframes.assign(self._keyframes.rows(own), into_segment_id)

    def landmarks_seen(self, frame_index: int) -> Ids:
        """List the landmarks (L,) that a keyframe sees, as far as they still exist, in increasing order."""
        return self._heirs(self._seen[self._keyframes.row(frame_index)])

    def features_seen(self, packed: PackedKeyframe) -> Ids:
        """Find the heir (N,) that each feature of a keyframe sees, NO_LANDMARK where it sees none."""
        return without_repeats(packed.landmark_ids, self.resolve(packed.landmark_ids))

    def num_views(self, landmark_ids: Ids, before: int | None = None) -> Ids:
        """Count the keyframes, all or those before a frame, that see each landmark (L,), its own heir."""
        frames = self._keyframes.frame_index_of_row
        counts_row = np.full(len(frames), True) if before is None else frames < before
        return self._sightings.count_views(landmark_ids, counts_row)

    def seeing(self, landmark_ids: Ids, min_shared: int = 1) -> Covisible:
        """Find the keyframes that see at least ``min_shared`` of any landmarks (L,), as of a frame."""
        counts = self._sightings.count_shared(self._heirs(landmark_ids), self._keyframes.num_rows)
        rows = np.flatnonzero(counts >= max(min_shared, 1))
        frame_indices = self._keyframes.frame_index_of_row[rows]
        order = np.lexsort((frame_indices, -counts[rows]))
        return Covisible(frame_indices[order], counts[rows][order])

    def covisible(self, frame_index: int, min_shared: int = 1) -> Covisible:
        """Find the other keyframes that share at least ``min_shared`` landmarks with one."""
        found = self.seeing(self.landmarks_seen(frame_index), min_shared)
        other = found.frame_indices != frame_index
        return Covisible(found.frame_indices[other], found.num_shared[other])

    def retire(self, landmarks: RetiredLandmarks) -> None:
        """Take over landmarks that the window lets go; those that were here before are replaced.

        The anchors, usually the last keyframe that saw each, must be here.

        Raises:
            ValueError: one was merged or removed, or an anchor is not here.
        """
        if (self.resolve(landmarks.ids) != landmarks.ids).any():
            raise ValueError("retire: a landmark was merged or removed before")
        frames, inverse = np.unique(landmarks.anchors, return_inverse=True)
        anchored = frames != NO_FRAME
        rows = np.full(len(frames), NO_ANCHOR)
        rows[anchored] = self._keyframes.rows(frames[anchored])
        values = landmarks.points_world, landmarks.colors, landmarks.num_expected, landmarks.num_found
        self._landmarks.put(landmarks.ids, LandmarkRows(*values, rows[inverse]))

    def landmark_ids(self) -> Ids:
        """List the landmarks that are here, in increasing order."""
        return self._landmarks.ids()

    def contains(self, landmark_ids: Ids) -> NDArray[np.bool_]:
        """Tell which of any landmarks (L,) are here, as a mask (L,)."""
        return self._landmarks.contains(landmark_ids)

    def retired(self, landmark_ids: Ids) -> RetiredLandmarks:
        """Return landmarks (M,) that are here."""
        rows = self._landmarks.get(landmark_ids)
        anchors = np.append(self._keyframes.frame_index_of_row, NO_FRAME)[rows.anchors]
        return RetiredLandmarks(landmark_ids, *rows[:-1], anchors)

    def landmarks(self, landmark_ids: Ids) -> Landmarks:
        """Return landmarks (M,) that are here, with their descriptors in the newest keyframe that sees each.

        Args:
            landmark_ids: strictly increasing.

        Raises:
            ValueError: one is not here, or no keyframe sees it.
        """
        if not (is_here := self.contains(landmark_ids)).all():
            raise ValueError(f"landmarks: {landmark_ids[~is_here][0]} is not in the archive")
        views = self._sightings.newest_view(landmark_ids, self._keyframes.frame_index_of_row)
        if (views == NO_ROW).any():
            raise ValueError(f"landmarks: no keyframe sees landmark {landmark_ids[views == NO_ROW][0]}")
        rows, view = np.unique(views, return_inverse=True)
        packed = [self._keyframes.packed(row) for row in rows.tolist()]
        descriptors = descriptors_seen(packed, self.resolve, landmark_ids, view, self.descriptor_size)
        points_world, colors, num_expected, num_found, _ = self._landmarks.get(landmark_ids)
        return Landmarks(landmark_ids, points_world, descriptors, colors, num_expected, num_found)

    def move_landmarks(self, landmark_ids: Ids, points_world: NDArray[np.float64]) -> None:
        """Give landmarks (M,) that are here other positions (M, 3)."""
        self._landmarks.move(landmark_ids, points_world)

    def merge(self, kept_ids: Ids, gone_ids: Ids) -> None:
        """Merge pairs of any landmarks (M,), one after the other: the second's views become the first's."""
        heirs, gone = self._landmarks.merge(kept_ids, gone_ids)
        is_removed = heirs == NO_LANDMARK
        self._sightings.merge(heirs[~is_removed], gone[~is_removed])
        self._sightings.remove_landmarks(gone[is_removed])
        self._landmarks.forget_heirs(self._seen.values())

    def remove(self, landmark_ids: Ids) -> None:
        """Forget any landmarks (L,) for good: they were wrong."""
        ids = self._heirs(landmark_ids)
        self._landmarks.remove(ids)
        self._sightings.remove_landmarks(ids)
        self._landmarks.forget_heirs(self._seen.values())

    def resolve(self, landmark_ids: NDArray[np.integer[Any]]) -> Ids:
        """Follow any landmarks (L,) to their last heirs (L,), NO_LANDMARK where they were removed."""
        return self._landmarks.resolve(landmark_ids)

    def _heirs(self, landmark_ids: NDArray[np.integer[Any]]) -> Ids:
        """List the existing heirs of landmarks, each once, in increasing order."""
        ids = np.unique(self.resolve(landmark_ids))
        return ids[ids != NO_LANDMARK]

    def _forget_sightings(self, row: int) -> None:
        self._sightings.remove_keyframe(row, self._heirs(self._seen.pop(row)))
