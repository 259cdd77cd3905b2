"""The path of a camera as values to draw: segments, ground truth, loops and losses in one world."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform

METRES = "m"
MAP_UNITS = "map units"

Points = NDArray[np.float64]  # (N, 3)


def spell_unit(unit: str) -> str:
    """Say what a unit means, for an axis."""
    return f"{unit}, scale unknown" if unit == MAP_UNITS else unit


@dataclass(frozen=True, slots=True, eq=False)
class PlottedSegment:
    """Holds one segment of the estimate, in the world that all plotted things share."""

    positions_world: Points  # (N, 3) in ``unit`` of the path
    times_s: NDArray[np.float64]  # (N,)
    position_errors_m: NDArray[np.float64] | None = None  # (N,)
    rotation_errors_deg: NDArray[np.float64] | None = None  # (N - 1,) per frame, entry i at time i + 1
    distances_m: NDArray[np.float64] | None = None  # (N,) along the true path


@dataclass(frozen=True, slots=True)
class Loss:
    """Marks a stretch of time without a pose."""

    start_s: float
    end_s: float
    reason: str


def broken_at(
    losses: Sequence[Loss], times_s: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Insert a NaN into values (N, ...) at times (N,) wherever a loss lies between two of them.

    A line through the result is not drawn where nothing is known.
    """
    starts_s = np.array([loss.start_s for loss in losses])
    rows = np.unique(np.searchsorted(times_s, starts_s))
    rows = rows[(rows > 0) & (rows < len(times_s))]
    return np.insert(values.astype(np.float64), rows, np.nan, axis=0)


@dataclass(frozen=True, slots=True, eq=False)
class PlottedPath:
    """Holds everything that a picture of a path shows."""

    title: str
    segments: Sequence[PlottedSegment]
    positions_gt: Points | None = None  # (M, 3)
    times_gt_s: NDArray[np.float64] | None = None  # (M,)
    online: Sequence[Points] = ()  # (N_i, 3) per segment, as each frame told it
    loops: NDArray[np.float64] | None = None  # (L, 3, 3) old keyframe, new one before its correction, now
    losses: Sequence[Loss] = ()
    T_world_view: Transform | None = None  # of the first camera, whose x-z plane is drawn; None: identity
    unit: str = MAP_UNITS

    @property
    def start_s(self) -> float:
        """Return the time that axes of time call 0."""
        starts = [segment.times_s[0] for segment in self.segments if len(segment.times_s)]
        return float(min([*starts, *(loss.start_s for loss in self.losses)], default=0.0))

    @property
    def has_errors(self) -> bool:
        """Return whether poses are compared with ground truth."""
        return any(segment.position_errors_m is not None for segment in self.segments)

    def in_view(self, positions_world: Points) -> Points:
        """Take positions to the first camera: x right, y down, z forward."""
        if self.T_world_view is None:
            return positions_world
        return se3.transform_points(se3.inverse(self.T_world_view), positions_world)

    def line(self, segment: PlottedSegment, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Break values (N, ...) of the poses of a segment where poses are missing."""
        return broken_at(self.losses, segment.times_s, values)

    def around(self, loss: Loss) -> Points | None:
        """Return the last position before a loss and the first one after it (2, 3), None without either."""
        before = after = None
        for segment in self.segments:
            is_earlier = segment.times_s < loss.start_s
            if is_earlier.any():
                before = segment.positions_world[is_earlier][-1]
            if after is None and (segment.times_s > loss.end_s).any():
                after = segment.positions_world[segment.times_s > loss.end_s][0]
        return None if before is None or after is None else np.stack([before, after])
