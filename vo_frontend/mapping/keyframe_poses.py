"""Keyframes that poses hang on: each with a number, and the row of the first pose that may hang on it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform
from vo_frontend.map_events import SegmentJoined
from vo_frontend.mapping.growing import grown

Numbers = NDArray[np.int64]

WORLD = 0  # number of what poses hang on while there is no keyframe; it never moves
NO_ROW = np.iinfo(np.int64).max

_ROW = np.dtype(
    [
        ("segment_id", np.int64),
        ("first_row", np.int64),  # no pose before it hangs on the keyframe
        ("T_world_keyframe", np.float64, (4, 4)),
    ]
)


class KeyframePoses:
    """Keeps the keyframes that were not merged into others. A later one gets the number of a merged one."""

    def __init__(self) -> None:
        self._rows = np.zeros(1, _ROW)
        self._rows[WORLD] = -1, NO_ROW, np.eye(4)
        self._number_of: dict[int, int] = {}  # by frame index, in the order in which they came
        self._free: list[int] = []

    @property
    def num_rows(self) -> int:
        """Return a number that every keyframe's is below."""
        return len(self._rows)

    def frame_indices(self) -> list[int]:
        """List the frames of all keyframes, in the order in which they came."""
        return list(self._number_of)

    def numbers(self, frame_indices: NDArray[np.int64]) -> Numbers:
        """Find the numbers (K,) of the keyframes of frames (K,)."""
        return np.array([self._number_of[index] for index in frame_indices.tolist()], np.int64)

    def T_world_keyframe(self, numbers: NDArray[np.integer[Any]] | int) -> NDArray[np.float64]:
        """Return the poses (..., 4, 4) of keyframes (...), as copies where they are several."""
        return np.asarray(self._rows["T_world_keyframe"][numbers])

    def T_between(self, a: int, b: int) -> Transform:
        """Return T_a_b (4, 4): the pose of keyframe b in the camera of keyframe a."""
        return se3.inverse(self.T_world_keyframe(a)) @ self.T_world_keyframe(b)

    def first_row(self, numbers: Numbers | Sequence[int]) -> int:
        """Return a row that no pose which hangs on one of the keyframes (K,) comes before."""
        return int(self._rows["first_row"][numbers].min(initial=NO_ROW))

    def add(self, frame_index: int, segment_id: int, T_world_keyframe: Transform, first_row: int) -> None:
        """Take the next keyframe, which poses from a row on may hang on."""
        number = self._free.pop() if self._free else len(self._number_of) + 1
        self._rows = grown(self._rows, number + 1)
        self._rows[number] = segment_id, first_row, T_world_keyframe
        self._number_of[frame_index] = number

    def move(self, numbers: Numbers, T_world_keyframe: NDArray[np.float64]) -> None:
        """Give keyframes (K,) other poses (K, 4, 4)."""
        self._rows["T_world_keyframe"][numbers] = T_world_keyframe

    def merge(self, frame_index: int, into_frame_index: int) -> None:
        """Forget a keyframe; what hung on it hangs on another one now."""
        gone, heir = self._number_of.pop(frame_index), self._number_of[into_frame_index]
        self._rows["first_row"][heir] = self._rows["first_row"][[gone, heir]].min()
        self._free.append(gone)

    def join(self, event: SegmentJoined) -> None:
        """Take the keyframes of a segment into the world of another."""
        every = np.array(list(self._number_of.values()), np.int64)
        members = every[self._rows["segment_id"][every] == event.segment_id]
        self.move(members, event.similarity.transform_poses(self.T_world_keyframe(members)))
        self._rows["segment_id"][members] = event.into_segment_id

    def newest_before(self, frame_index: int, segment_id: int) -> int:
        """Find the newest keyframe of a segment that is not later than a frame; else its first, or WORLD."""
        number = WORLD
        for index, each in reversed(self._number_of.items()):
            if self._rows["segment_id"][each] != segment_id:
                continue
            number = each
            if index <= frame_index:
                break
        return number
