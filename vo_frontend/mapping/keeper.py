"""Where keyframes and landmarks go when they leave the local map."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vo_frontend.map_events import MapEvent
from vo_frontend.mapping.keyframe import Keyframe
from vo_frontend.mapping.landmarks import Landmarks
from vo_frontend.mapping.ties import Tie


@dataclass(frozen=True, slots=True)
class Kept:
    """Says what became of a keyframe that was handed over."""

    frame_index: int  # of the keyframe that stands for it: its own where it is kept, or where nothing is
    events: tuple[MapEvent, ...] = ()  # what has happened to kept keyframes and landmarks


class Keeper(Protocol):
    """Takes over what leaves the local map, and hears what becomes of the landmarks it knows."""

    def keep_keyframe(
        self, segment_id: int, keyframe: Keyframe, ties: Sequence[Tie], window: Sequence[Keyframe]
    ) -> Kept:
        """Take over a keyframe with its pose and landmark ids (N,) of the moment, and its ties to others.

        Args:
            segment_id: whose world its pose is in.
            keyframe: which leaves.
            ties: to keyframes of the local map.
            window: those of the local map; of an older one that was recalled, they have the latest pose.
        """
        ...

    def keep_landmarks(
        self, segment_id: int, landmarks: Landmarks, anchor_indices: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Take over M landmarks; each hangs on the keyframe of a frame (M,), and follows its corrections.

        Returns:
            Which of them (M,) stay part of the map; the others are gone for good.
        """
        ...

    def knows(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which landmarks (L,) a kept keyframe sees."""
        ...

    def merge(self, kept_ids: NDArray[np.int64], gone_ids: NDArray[np.int64]) -> None:
        """Hear that pairs of landmarks (P,) are one; keyframes that saw the second see the first."""
        ...

    def remove(self, ids: NDArray[np.int64]) -> None:
        """Hear that landmarks (L,) were wrong."""
        ...


class Forgetful:
    """Keeps nothing: odometry alone."""

    def keep_keyframe(
        self, segment_id: int, keyframe: Keyframe, ties: Sequence[Tie], window: Sequence[Keyframe]
    ) -> Kept:
        """Forget it."""
        return Kept(keyframe.view.frame_index)

    def keep_landmarks(
        self, segment_id: int, landmarks: Landmarks, anchor_indices: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Forget them; they were part of the map all the same."""
        return np.ones(len(landmarks), bool)

    def knows(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Know none."""
        return np.zeros(len(ids), bool)

    def merge(self, kept_ids: NDArray[np.int64], gone_ids: NDArray[np.int64]) -> None:
        """Ignore it."""

    def remove(self, ids: NDArray[np.int64]) -> None:
        """Ignore it."""
