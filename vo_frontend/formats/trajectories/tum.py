"""TUM rows: ``timestamp tx ty tz qx qy qz qw``, times in seconds (Sturm et al., IROS 2012).

``# segment k`` comments, which are ours, say where a new segment with its own origin begins.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vo_frontend.formats.seconds import format_seconds, parse_seconds
from vo_frontend.formats.trajectories.rows import PoseRow, TextRow, number_rows
from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform

TUM_COLUMNS = "timestamp tx ty tz qx qy qz qw"
TUM_HEADER = f"# {TUM_COLUMNS}\n"
SEGMENT = re.compile(r"#\s*segment\s+(-?\d+)\s*$")


def tum_rows(timestamps_ns: Sequence[int], T_world_cam: NDArray[np.float64]) -> list[str]:
    """Format the rows of poses (N, 4, 4), newlines included."""
    q_wxyz = se3.quaternion_from_rotation(T_world_cam[:, :3, :3])
    numbers = number_rows(np.hstack([T_world_cam[:, :3, 3], q_wxyz[:, 1:], q_wxyz[:, :1]]), " ")
    return [f"{format_seconds(t_ns)} {row}\n" for t_ns, row in zip(timestamps_ns, numbers, strict=True)]


def tum_row(timestamp_ns: int, T_world_cam: Transform) -> str:
    """Format the row of a pose (4, 4), newline included."""
    return tum_rows([timestamp_ns], T_world_cam[None])[0]


def parse_tum_row(row: TextRow) -> PoseRow:
    """Read one row.

    Raises:
        TrajectoryError: another number of columns, or one that is not a number.
    """
    stamp, *numbers = row.columns(8, TUM_COLUMNS)
    timestamp_ns = row.parse(stamp, parse_seconds, "a time in seconds")
    x, y, z, qx, qy, qz, qw = row.numbers(numbers)
    return PoseRow(row, timestamp_ns, [x, y, z, qw, qx, qy, qz])
