"""EuRoC/ASL rows: ``timestamp, p_x, p_y, p_z, q_w, q_x, q_y, q_z[, ...]``, times in integer ns.

The dataset's own files (Burri et al., IJRR 2016) go on with velocities and biases, which are not read.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vo_frontend.formats.trajectories.rows import PoseRow, TextRow, number_rows
from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform

EUROC_COLUMNS = "timestamp, px, py, pz, qw, qx, qy, qz"
EUROC_HEADER = "#timestamp [ns],p_x,p_y,p_z,q_w,q_x,q_y,q_z\n"
NUM_COLUMNS = 8


def euroc_rows(timestamps_ns: Sequence[int], T_world_cam: NDArray[np.float64]) -> list[str]:
    """Format the rows of poses (N, 4, 4), newlines included."""
    q_wxyz = se3.quaternion_from_rotation(T_world_cam[:, :3, :3])
    numbers = number_rows(np.hstack([T_world_cam[:, :3, 3], q_wxyz]), ",")
    return [f"{timestamp_ns},{row}\n" for timestamp_ns, row in zip(timestamps_ns, numbers, strict=True)]


def euroc_row(timestamp_ns: int, T_world_cam: Transform) -> str:
    """Format the row of a pose (4, 4), newline included."""
    return euroc_rows([timestamp_ns], T_world_cam[None])[0]


def parse_euroc_row(row: TextRow) -> PoseRow:
    """Read one row.

    Raises:
        TrajectoryError: fewer than 8 columns, or one that is not a number.
    """
    stamp, *numbers = row.columns(NUM_COLUMNS, EUROC_COLUMNS, ",", may_have_more=True)
    timestamp_ns = row.parse(stamp, _nanoseconds, "an integer time in ns")
    return PoseRow(row, timestamp_ns, row.numbers(numbers))


def _nanoseconds(text: str) -> int:
    timestamp_ns = int(text) if len(text) <= 20 else 2**63
    if abs(timestamp_ns) >= 2**63:
        raise ValueError(f"'{text}' does not fit 64 bits")
    return timestamp_ns
