"""The local map: a window of keyframes and the landmarks they see. The only mutable state.

Invariants, checked by :meth:`SparseMap.check` in tests after every operation:

1. landmark ids are strictly increasing and never reused;
2. an id in a keyframe's ``landmark_ids`` is -1 or a landmark of the map, at most once per keyframe;
3. every landmark is seen by at least one keyframe of the window.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry.se3 import Transform
from vo_frontend.types import Features, MapSnapshot

NO_LANDMARK = -1


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A frame that the map remembers. Replaced, not changed, when its pose or landmarks change."""

    keyframe_id: int
    frame_index: int
    T_world_cam: Transform
    features: Features
    colors: NDArray[np.uint8]  # (N, 3) RGB at the features
    landmark_ids: NDArray[np.int64]  # (N,) of each feature, NO_LANDMARK where it has none


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Points of the map, one row each, ids strictly increasing."""

    ids: NDArray[np.int64]  # (M,)
    points_world: NDArray[np.float64]  # (M, 3)
    descriptors: NDArray[np.float32]  # (M, D) of the latest observation
    colors: NDArray[np.uint8]  # (M, 3) RGB

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Row of each id, which must exist."""
        return np.searchsorted(self.ids, ids)

    def select(self, mask_or_index: NDArray[Any] | slice) -> "Landmarks":
        """A subset; the order must be kept."""
        s = mask_or_index
        return Landmarks(self.ids[s], self.points_world[s], self.descriptors[s], self.colors[s])


class SparseMap:
    """Keyframes (oldest first) and landmarks of one segment."""

    def __init__(self, segment_id: int, *, max_keyframes: int, descriptor_size: int) -> None:
        self.segment_id = segment_id
        self.keyframes: list[Keyframe] = []
        self.landmarks = _no_landmarks(descriptor_size)
        self._max_keyframes = max_keyframes
        self._next_landmark_id = 0
        self._next_keyframe_id = 0
        self._retired = [self.landmarks]

    @property
    def last_keyframe(self) -> Keyframe:
        """The newest keyframe."""
        return self.keyframes[-1]

    def add_keyframe(
        self,
        frame_index: int,
        T_world_cam: Transform,
        features: Features,
        colors: NDArray[np.uint8],
        landmark_ids: NDArray[np.int64],
    ) -> None:
        """Append a keyframe; the oldest leaves when the window is full, its unseen landmarks retire."""
        self.keyframes.append(
            Keyframe(self._next_keyframe_id, frame_index, T_world_cam, features, colors, landmark_ids)
        )
        self._next_keyframe_id += 1
        seen = np.flatnonzero(landmark_ids != NO_LANDMARK)
        # The latest view looks most like the next frame.
        rows = self.landmarks.rows(landmark_ids[seen])
        descriptors = self.landmarks.descriptors.copy()
        descriptors[rows] = features.descriptors[seen]
        self.landmarks = replace(self.landmarks, descriptors=descriptors)
        if len(self.keyframes) > self._max_keyframes:
            del self.keyframes[0]
            self._retire_unseen()

    def add_landmarks(
        self,
        points_world: NDArray[np.float64],
        observations: list[tuple[int, NDArray[np.int64]]],
    ) -> None:
        """Add landmarks seen by keyframes.

        Args:
            points_world: (M, 3).
            observations: pairs of position in ``keyframes`` and (M,) feature indices there. Descriptor
                and colour come from the last pair.
        """
        ids = np.arange(self._next_landmark_id, self._next_landmark_id + len(points_world))
        self._next_landmark_id += len(points_world)
        for position, feature_index in observations:
            self.observe(position, feature_index, ids)
        keyframe = self.keyframes[position]
        descriptors = keyframe.features.descriptors[feature_index]
        old = self.landmarks
        self.landmarks = Landmarks(
            np.concatenate([old.ids, ids]),
            np.concatenate([old.points_world, points_world]),
            np.concatenate([old.descriptors, descriptors]),
            np.concatenate([old.colors, keyframe.colors[feature_index]]),
        )

    def observe(
        self, position: int, feature_index: NDArray[np.int64], landmark_ids: NDArray[np.int64]
    ) -> None:
        """Note that a keyframe also sees landmarks (L,) with its features (L,), which have none yet."""
        ids = self.keyframes[position].landmark_ids.copy()
        ids[feature_index] = landmark_ids
        self.keyframes[position] = replace(self.keyframes[position], landmark_ids=ids)

    def move(self, T_world_keyframes: NDArray[np.float64], points_world: NDArray[np.float64]) -> None:
        """Take over adjusted poses (K, 4, 4) and points (M, 3), in the order of the map."""
        pairs = zip(self.keyframes, T_world_keyframes, strict=True)
        self.keyframes = [replace(keyframe, T_world_cam=T) for keyframe, T in pairs]
        self.landmarks = replace(self.landmarks, points_world=points_world)

    def remove_observations(self, bad: list[NDArray[np.bool_]]) -> None:
        """Forget observations: one (N,) mask over the features of each keyframe.

        A landmark that loses one and is left with fewer than two is forgotten too: nothing supports
        its depth any more.
        """
        before = self.num_observations()
        for position, (keyframe, mask) in enumerate(zip(self.keyframes, bad, strict=True)):
            if mask.any():
                ids = np.where(mask, NO_LANDMARK, keyframe.landmark_ids)
                self.keyframes[position] = replace(keyframe, landmark_ids=ids)
        after = self.num_observations()
        self.remove_landmarks((after < before) & (after < 2))

    def remove_landmarks(self, mask: NDArray[np.bool_]) -> None:
        """Forget landmarks for good: they were wrong, and will not be part of any output."""
        if not mask.any():
            return
        self.landmarks = self.landmarks.select(~mask)
        for position, keyframe in enumerate(self.keyframes):
            known = np.isin(keyframe.landmark_ids, self.landmarks.ids)
            ids = np.where(known, keyframe.landmark_ids, NO_LANDMARK)
            self.keyframes[position] = replace(keyframe, landmark_ids=ids)

    def num_observations(self, keyframes: Sequence[Keyframe] | None = None) -> NDArray[np.int64]:
        """How many keyframes, of those given or of all, see each landmark (M,)."""
        count = np.zeros(len(self.landmarks), np.int64)
        for keyframe in self.keyframes if keyframes is None else keyframes:
            ids = keyframe.landmark_ids[keyframe.landmark_ids != NO_LANDMARK]
            count[self.landmarks.rows(ids)] += 1
        return count

    def snapshot(self, *, retire_all: bool = False) -> MapSnapshot:
        """A copy for viewers and writers. Each retired landmark is handed out once."""
        if retire_all:
            self._retired.append(self.landmarks)
            self.landmarks = self.landmarks.select(slice(0))
            self.keyframes = []
        retired, self._retired = self._retired, [self.landmarks.select(slice(0))]
        return MapSnapshot(
            segment_id=self.segment_id,
            landmark_ids=self.landmarks.ids.copy(),
            points_world=self.landmarks.points_world.copy(),
            colors=self.landmarks.colors.copy(),
            retired_points_world=np.concatenate([part.points_world for part in retired]),
            retired_colors=np.concatenate([part.colors for part in retired]),
            T_world_keyframes=np.array([k.T_world_cam for k in self.keyframes]).reshape(-1, 4, 4),
        )

    def check(self) -> None:
        """Assert the invariants of the module docstring."""
        assert (np.diff(self.landmarks.ids) > 0).all(), "landmark ids are not increasing"
        for keyframe in self.keyframes:
            ids = keyframe.landmark_ids[keyframe.landmark_ids != NO_LANDMARK]
            assert len(np.unique(ids)) == len(ids), "a keyframe sees a landmark twice"
            assert np.isin(ids, self.landmarks.ids).all(), "a keyframe sees a landmark that is gone"
        assert (self.num_observations() > 0).all(), "a landmark that nobody sees"

    def _retire_unseen(self) -> None:
        seen = self.num_observations() > 0
        if not seen.all():
            self._retired.append(self.landmarks.select(~seen))
            self.landmarks = self.landmarks.select(seen)


def _no_landmarks(descriptor_size: int) -> Landmarks:
    return Landmarks(
        np.zeros(0, np.int64),
        np.zeros((0, 3)),
        np.zeros((0, descriptor_size), np.float32),
        np.zeros((0, 3), np.uint8),
    )
