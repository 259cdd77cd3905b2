"""TUM rows: ``timestamp tx ty tz qx qy qz qw``, times in seconds (Sturm et al., IROS 2012).

``# segment k`` comments, which are ours, say where a new segment with its own origin begins.
"""

import re

from vo_frontend.formats.seconds import format_seconds, parse_seconds
from vo_frontend.formats.trajectories.rows import PoseRow, TextRow, join_numbers
from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform

TUM_COLUMNS = "timestamp tx ty tz qx qy qz qw"
TUM_HEADER = f"# {TUM_COLUMNS}\n"
SEGMENT = re.compile(r"#\s*segment\s+(-?\d+)\s*$")


def tum_row(timestamp_ns: int, T_world_cam: Transform) -> str:
    """Format the row of a pose (4, 4), newline included."""
    qw, qx, qy, qz = se3.quaternion_from_rotation(T_world_cam[:3, :3])
    return f"{format_seconds(timestamp_ns)} {join_numbers([*T_world_cam[:3, 3], qx, qy, qz, qw], ' ')}\n"


def parse_tum_row(row: TextRow) -> PoseRow:
    """Read one row.

    Raises:
        TrajectoryError: another number of columns, or one that is not a number.
    """
    stamp, *numbers = row.columns(8, TUM_COLUMNS)
    timestamp_ns = row.parse(stamp, parse_seconds, "a time in seconds")
    x, y, z, qx, qy, qz, qw = row.numbers(numbers)
    return PoseRow(row, timestamp_ns, [x, y, z, qw, qx, qy, qz])
