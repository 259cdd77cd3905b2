"""``errors.csv``: the error of each pose against ground truth, for plots and for comparing runs."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import VoError
from vo_frontend.formats.atomic import write_atomically
from vo_frontend.formats.seconds import format_seconds, parse_seconds

ERRORS_NAME = "errors.csv"
HEADER = "timestamp,segment,distance_m,position_error_m,rotation_error_deg\n"


@dataclass(frozen=True, slots=True, eq=False)
class PoseErrors:
    """Holds the errors of the N poses of one segment, after its alignment with ground truth."""

    segment_id: int
    timestamps_ns: NDArray[np.int64]  # (N,)
    distances_m: NDArray[np.float64]  # (N,) along the true path since its first pose
    position_errors_m: NDArray[np.float64]  # (N,)
    rotation_errors_deg: NDArray[np.float64]  # (N,) of the step from the pose before; the first is 0


def write_errors(path: Path, segments: list[PoseErrors]) -> None:
    """Write the errors of all segments, a line for each pose.

    Raises:
        OutputError: the file cannot be written; an older one stays as it was.
    """
    lines = [
        f"{format_seconds(stamp_ns)},{part.segment_id},{distance_m:.3f},{error_m:.6f},{error_deg:.6f}\n"
        for part in segments
        for stamp_ns, distance_m, error_m, error_deg in zip(
            part.timestamps_ns.tolist(),
            part.distances_m,
            part.position_errors_m,
            part.rotation_errors_deg,
            strict=True,
        )
    ]
    write_atomically(path, (HEADER + "".join(lines)).encode())


def read_errors(path: Path) -> list[PoseErrors]:
    """Read the errors of a run; none where it has no such file, being without ground truth.

    Raises:
        VoError: the file is not what a run writes.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        stamps_ns = np.array([parse_seconds(row["timestamp"]) for row in rows], np.int64)
        segments = np.array([row["segment"] for row in rows], np.int64)
        names = "distance_m", "position_error_m", "rotation_error_deg"
        columns = np.array([[row[name] for name in names] for row in rows], np.float64).reshape(-1, 3)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise VoError(f"{path}: cannot read the file ({error.strerror})") from None
    except (KeyError, ValueError, TypeError) as error:
        raise VoError(f"{path}: got {error}, expected the errors that vo-frontend run writes") from None
    return [
        PoseErrors(segment_id, stamps_ns[mask], *columns[mask].T)
        for segment_id in dict.fromkeys(segments.tolist())
        for mask in [segments == segment_id]
    ]
