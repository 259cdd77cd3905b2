"""Record of the loops of a run, and where they stand by now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vo_frontend.map_events import LoopClosed, MapEvent, SegmentJoined
from vo_frontend.mapping.trajectory import TrajectoryRecord
from vo_frontend.types import FrameResult


@dataclass(frozen=True, slots=True)
class LoopEdges:
    """Holds L loops for drawing, each in the world of its segment."""

    segment_ids: NDArray[np.int64]  # (L,)
    positions_world: NDArray[
        np.float64
    ]  # (L, 3, 3) cameras: old keyframe, new one before correction, and now

    def __len__(self) -> int:
        return len(self.segment_ids)

    def scaled(self, scale_of_segment: Mapping[int, float]) -> "LoopEdges":
        """Multiply the positions of each segment by its factor; segments without one stay as they are."""
        factors = np.array([scale_of_segment.get(each, 1.0) for each in self.segment_ids.tolist()])
        return replace(self, positions_world=self.positions_world * factors[:, None, None])


class LoopRecord:
    """Listens to results and remembers closed loops, in the world that their segment is part of by now."""

    def __init__(self) -> None:
        self._loops: list[LoopClosed] = []

    def update(self, result: FrameResult) -> None:
        """Take the loops that the next frame closes, and the segments that it joins."""
        self.hear(result.events)

    def hear(self, events: Iterable[MapEvent]) -> None:
        """Take the loops and joined segments among events."""
        for event in events:
            if isinstance(event, LoopClosed):
                self._loops.append(event)
            elif isinstance(event, SegmentJoined):
                self._loops = [_joined(loop, event) for loop in self._loops]

    def edges(self, trajectory: TrajectoryRecord) -> LoopEdges:
        """Place the loops along the trajectory as it is known by now; those it does not know are left out."""
        known = trajectory.at([index for loop in self._loops for index in (loop.old_index, loop.new_index)])
        row_of = {index: row for row, index in enumerate(known.frame_indices.tolist())}
        loops = [loop for loop in self._loops if {loop.old_index, loop.new_index} <= row_of.keys()]
        centres = known.T_world_cam[:, :3, 3]
        positions = [
            (centres[row_of[loop.old_index]], loop.T_before[:3, 3], centres[row_of[loop.new_index]])
            for loop in loops
        ]
        segment_ids = np.array([loop.segment_id for loop in loops], np.int64)
        return LoopEdges(segment_ids, np.array(positions).reshape(-1, 3, 3))


def _joined(loop: LoopClosed, event: SegmentJoined) -> LoopClosed:
    if loop.segment_id != event.segment_id:
        return loop
    T_before, T_after = event.similarity.transform_poses(np.stack([loop.T_before, loop.T_after]))
    return replace(loop, segment_id=event.into_segment_id, T_before=T_before, T_after=T_after)
