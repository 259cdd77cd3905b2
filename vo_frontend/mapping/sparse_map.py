"""The local map: a window of keyframes and the landmarks they see. The only mutable state.

Invariants, checked in tests after every operation (``tests/map_invariants.py``):

1. landmark ids are strictly increasing and never reused;
2. an id in a keyframe's ``landmark_ids`` is -1 or a landmark of the map, at most once per keyframe;
3. every landmark is seen by at least one keyframe of the window;
4. a landmark was never found in more frames than it was expected in;
5. the window, once trimmed, holds at most ``max_keyframes``.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry.alignment import Similarity
from vo_frontend.geometry.se3 import Transform
from vo_frontend.map_events import (
    KeyframeAdded,
    KeyframesMoved,
    LandmarksAdded,
    LandmarksMerged,
    LandmarksMoved,
    LandmarksRecalled,
    LandmarksRemoved,
    LandmarksRetired,
    MapEvent,
    SegmentBegun,
    SegmentEnded,
    SegmentJoined,
)
from vo_frontend.mapping.eviction import least_useful
from vo_frontend.mapping.keeper import Forgetful, Keeper
from vo_frontend.mapping.keyframe import NO_LANDMARK, Keyframe, View
from vo_frontend.mapping.landmarks import Landmarks
from vo_frontend.mapping.observations import LatestObservations, Observations
from vo_frontend.mapping.ties import Tie, carried, ties_of
from vo_frontend.types import MapSnapshot


class SparseMap:
    """Holds the keyframes (oldest first) and landmarks of one segment, and tells by events what changes."""

    def __init__(
        self,
        segment_id: int,
        *,
        max_keyframes: int,
        descriptor_size: int,
        first_landmark_id: int = 0,
        keeper: Keeper = Forgetful(),  # noqa: B008  it has no state
    ) -> None:
        self.segment_id = segment_id
        self.keyframes: list[Keyframe] = []
        self.landmarks = Landmarks.empty(descriptor_size)
        self.next_landmark_id = first_landmark_id
        self.max_keyframes = max_keyframes
        self.depth_noise = 1.0  # errors of measured depths over their stated sigma, as the map shows it
        self._keeper = keeper
        self._recalled: set[int] = set()  # frame indices: their ties are known
        self._latest = LatestObservations()
        self._events: list[MapEvent] = [SegmentBegun(segment_id)]

    @property
    def last_keyframe(self) -> Keyframe:
        """Return the newest keyframe."""
        return self.keyframes[-1]

    def tell(self, event: MapEvent) -> None:
        """Pass on what has happened to the part of the segment that is not here."""
        self._events.append(event)

    def take_events(self) -> tuple[MapEvent, ...]:
        """Hand over what has happened since the last call; the front-end passes it on to all readers."""
        events, self._events = tuple(self._events), []
        return events

    def add_keyframe(self, view: View, T_world_cam: Transform, landmark_ids: NDArray[np.int64]) -> None:
        """Append a keyframe. When the window is full one leaves, and its unseen landmarks retire.

        Args:
            view: with N features.
            T_world_cam: (4, 4) its pose.
            landmark_ids: (N,) of each feature, NO_LANDMARK where it has none.
        """
        self.keyframes.append(Keyframe(view, T_world_cam, landmark_ids))
        self._events.append(KeyframeAdded(self.segment_id, view.frame_index, view.timestamp_ns, T_world_cam))
        seen = np.flatnonzero(self.last_keyframe.has_landmark)
        # The latest view looks most like the next frame.
        rows = self.landmarks.rows(landmark_ids[seen])
        self.landmarks = self.landmarks.looking_like(rows, view.features.descriptors[seen])
        self.trim()

    def recall(self, keyframes: Sequence[Keyframe], landmarks: Landmarks) -> None:
        """Take keyframes that left before, and all landmarks that only they see, back into the window.

        It may be too large then: :meth:`trim` it, once the newest keyframe has noted what it sees again.
        """
        self._recalled.update(keyframe.view.frame_index for keyframe in keyframes)
        self.keyframes = sorted([*self.keyframes, *keyframes], key=lambda keyframe: keyframe.view.frame_index)
        self.landmarks = self.landmarks.merged(landmarks)
        self._events.append(LandmarksRecalled(self.segment_id, landmarks.ids))

    def trim(self) -> None:
        """Let keyframes go until the window is as large as it may be; what only they see retires."""
        retired = np.zeros(len(self.landmarks), bool)
        while len(self.keyframes) > self.max_keyframes:
            position = least_useful(self.observations(), len(self.keyframes))
            left = self._hand_over(position)
            del self.keyframes[position]
            unseen = (self.num_observations() == 0) & ~retired
            if unseen.any():
                self._retire(unseen, np.full(unseen.sum(), left))
            retired |= unseen
        if retired.any():
            self.landmarks = self.landmarks.select(~retired)

    def add_landmarks(
        self, points_world: NDArray[np.float64], observations: list[tuple[int, NDArray[np.int64]]]
    ) -> None:
        """Add landmarks seen by keyframes.

        Args:
            points_world: (M, 3) in map units.
            observations: pairs of position in ``keyframes`` and (M,) feature indices there. Descriptor
                and colour come from the last pair.
        """
        ids = np.arange(self.next_landmark_id, self.next_landmark_id + len(points_world))
        self.next_landmark_id += len(points_world)
        for position, feature_index in observations:
            self.observe(position, feature_index, ids)
        view = self.keyframes[position].view
        new = Landmarks.new(
            ids, points_world, view.features.descriptors[feature_index], view.colors[feature_index]
        )
        self.landmarks = self.landmarks.joined(new)
        if len(ids):
            self._events.append(LandmarksAdded(self.segment_id, ids, new.points_world, new.colors))

    def observe(
        self, position: int, feature_index: NDArray[np.int64], landmark_ids: NDArray[np.int64]
    ) -> None:
        """Note that a keyframe sees landmarks (L,) with its features (L,), NO_LANDMARK: none any more."""
        self.keyframes[position] = self.keyframes[position].seeing(feature_index, landmark_ids)

    def note_tracked(self, expected_rows: NDArray[np.int64], found_rows: NDArray[np.int64]) -> None:
        """Count, for landmarks by row (E,) and (F,), that a frame should have seen them, and that it did."""
        self.landmarks = self.landmarks.tracked(expected_rows, found_rows)

    def ids_by_feature(
        self, view: View, feature_index: NDArray[np.int64], landmark_rows: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Spread matches, pairs of feature index and landmark row (I,), over the features of a view.

        Returns:
            (N,) landmark id of each feature, NO_LANDMARK where it has none.
        """
        landmark_ids = np.full(len(view.features), NO_LANDMARK, np.int64)
        landmark_ids[feature_index] = self.landmarks.ids[landmark_rows]
        return landmark_ids

    def move(self, T_world_keyframes: NDArray[np.float64], points_world: NDArray[np.float64]) -> None:
        """Take over adjusted poses (K, 4, 4) and points (M, 3), in the order of the map."""
        pairs = zip(self.keyframes, T_world_keyframes, strict=True)
        self.keyframes = [replace(keyframe, T_world_cam=T) for keyframe, T in pairs]
        self.landmarks = replace(self.landmarks, points_world=points_world)
        self._events.append(KeyframesMoved(self.segment_id, self._frame_indices(), T_world_keyframes))
        self._events.append(LandmarksMoved(self.segment_id, self.landmarks.ids, points_world))

    def fuse(self, kept_ids: NDArray[np.int64], gone_ids: NDArray[np.int64]) -> None:
        """Merge pairs of landmarks (P,) that are one point: the second's views become the first's.

        No id may occur twice. A view that saw both keeps its observation of the first.
        """
        if not len(kept_ids):
            return
        heir = np.arange(len(self.landmarks))
        heir[self.landmarks.rows(gone_ids)] = self.landmarks.rows(kept_ids)
        changed = self.observations().inherited(heir)
        self._note(changed, np.append(self.landmarks.ids, NO_LANDMARK)[changed.landmark_row])
        self.landmarks = self.landmarks.select(heir == np.arange(len(heir)))
        self._keeper.merge(kept_ids, gone_ids)
        self._events.append(LandmarksMerged(self.segment_id, kept_ids, gone_ids))

    def remove_observations(self, bad: Observations) -> None:
        """Forget observations, as :meth:`observations` lists them, and landmarks that keep fewer than two."""
        self._note(bad, NO_LANDMARK)
        unsupported = np.zeros(len(self.landmarks), bool)  # one view says nothing of a depth
        unsupported[bad.landmark_row] = True
        self.remove_landmarks(unsupported & (self.num_observations() < 2))

    def remove_landmarks(self, mask: NDArray[np.bool_]) -> None:
        """Forget the landmarks of a mask (M,) for good: they were wrong, and become part of no output."""
        if mask.any():
            self._keeper.remove(self.landmarks.ids[mask])
            self._events.append(LandmarksRemoved(self.segment_id, self.landmarks.ids[mask]))
            self._drop(mask)

    def end(self) -> None:
        """Give the segment up: every landmark retires, and no keyframe is left."""
        left = [self._hand_over(position) for position in range(len(self.keyframes))]
        self._retire(np.ones(len(self.landmarks), bool), np.array(left, np.int64)[self.newest_views()])
        self.keyframes, self.landmarks = [], self.landmarks.select(slice(0))
        self._events.append(SegmentEnded(self.segment_id))

    def _drop(self, mask: NDArray[np.bool_]) -> None:
        """Take the landmarks of a mask (M,) and their observations out of the map."""
        seen = self.observations()
        self._note(seen.select(mask[seen.landmark_row]), NO_LANDMARK)
        self.landmarks = self.landmarks.select(~mask)

    def _note(self, changed: Observations, landmark_ids: NDArray[np.int64] | int) -> None:
        """Note that observations (O,) are of landmarks (O,) now, or all of one or none."""
        ids = np.broadcast_to(landmark_ids, len(changed.position))
        for position in np.unique(changed.position).tolist():
            own = changed.position == position
            self.observe(position, changed.feature_index[own], ids[own])

    def observations(self) -> Observations:
        """Return every observation in the window, ordered by keyframe, then by feature."""
        return self._latest.of([keyframe.landmark_ids for keyframe in self.keyframes], self.landmarks)

    def num_observations(self) -> NDArray[np.int64]:
        """Count the keyframes that see each landmark (M,)."""
        return np.bincount(self.observations().landmark_row, minlength=len(self.landmarks))

    def newest_views(self) -> NDArray[np.int64]:
        """Find the position (M,) of the newest keyframe that sees each landmark."""
        return self.observations().newest(len(self.landmarks))

    def is_kept(self) -> NDArray[np.bool_]:
        """Tell which landmarks (M,) a keyframe that has left the window has seen."""
        return self._keeper.knows(self.landmarks.ids)

    def covisibility(self, position: int) -> NDArray[np.int64]:
        """Count the landmarks (K,) that each keyframe shares with the one at ``position``; 0 for itself."""
        return self.observations().shared_with(position, len(self.keyframes), len(self.landmarks))

    def rows_seen_by(self, keyframe: Keyframe) -> NDArray[np.int64]:
        """Find the rows (L,) of a keyframe's landmarks, in the order of its features."""
        return self.landmarks.rows(keyframe.landmark_ids[keyframe.has_landmark])

    def snapshot(self) -> MapSnapshot:
        """Copy the local map as it is now."""
        return MapSnapshot(
            segment_id=self.segment_id,
            landmark_ids=self.landmarks.ids.copy(),
            points_world=self.landmarks.points_world.copy(),
            colors=self.landmarks.colors.copy(),
            T_world_keyframes=np.array([k.T_world_cam for k in self.keyframes]).reshape(-1, 4, 4),
            keyframe_indices=self._frame_indices(),
        )

    def correct(self, T_world_keyframes: NDArray[np.float64], scales: NDArray[np.float64]) -> None:
        """Give keyframes other poses (K, 4, 4), each with the landmarks that no newer keyframe sees.

        Args:
            T_world_keyframes: in the order of the keyframes.
            scales: (K,) by which distances from each keyframe grow.
        """
        anchor, points_world = self.newest_views(), self.landmarks.points_world
        T_old = np.array([keyframe.T_world_cam for keyframe in self.keyframes])
        self.move(T_world_keyframes, carried(points_world, anchor, T_old, T_world_keyframes, scales))

    def join(self, into_segment_id: int, similarity: Similarity) -> None:
        """Go over to the world of another segment, and be part of it from now on."""
        self._events.append(SegmentJoined(self.segment_id, into_segment_id, similarity))
        self.segment_id = into_segment_id
        T_world_cam = similarity.transform_poses(np.array([each.T_world_cam for each in self.keyframes]))
        self.correct(T_world_cam, np.full(len(self.keyframes), similarity.scale))

    def ties(self, position: int) -> list[Tie]:
        """List the ties of a keyframe; a recalled one has had its own since it left first."""
        if self.keyframes[position].view.frame_index in self._recalled:
            return []
        is_new = np.array([each.view.frame_index not in self._recalled for each in self.keyframes])
        points_world = self.landmarks.points_world[self.rows_seen_by(self.keyframes[position])]
        shared = self.covisibility(position)
        return ties_of(self.keyframes, position, shared, np.flatnonzero(is_new), points_world)

    def _hand_over(self, position: int) -> int:
        """Give a keyframe to the keeper, and name the frame that stands for it there: its own, or another."""
        gone = self.keyframes[position]
        kept = self._keeper.keep_keyframe(self.segment_id, gone, self.ties(position), self.keyframes)
        self._events.extend(kept.events)
        return kept.frame_index

    def _retire(self, mask: NDArray[np.bool_], anchor_indices: NDArray[np.int64]) -> None:
        """Give landmarks of a mask (M,) to the keeper; whoever calls takes their rows out."""
        left = self.landmarks.select(np.flatnonzero(mask))
        is_kept = self._keeper.keep_landmarks(self.segment_id, left, anchor_indices)
        kept = left.select(is_kept)
        self._events.append(LandmarksRetired(self.segment_id, kept.ids, kept.points_world, kept.colors))
        if not is_kept.all():
            self._events.append(LandmarksRemoved(self.segment_id, left.ids[~is_kept]))

    def _frame_indices(self) -> NDArray[np.int64]:
        return np.array([keyframe.view.frame_index for keyframe in self.keyframes], np.int64)
