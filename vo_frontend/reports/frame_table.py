"""Read ``frames.csv``: what happened to each frame of a run, as columns."""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import VoError
from vo_frontend.reports.frame_log import FRAMES_NAME
from vo_frontend.types import Reason, Status

_REASONS = {reason.value: reason for reason in Reason}
_STATUSES = {status.value: status for status in Status}


@dataclass(frozen=True, slots=True)
class Gap:
    """Names a stretch of frames in a row that have no pose, with the reason that most of them give."""

    first_row: int
    num_frames: int
    status: Status  # of its first frame
    reason: Reason


@dataclass(frozen=True, slots=True, eq=False)
class FrameTable:
    """Holds N frames in order."""

    frame_indices: NDArray[np.int64]  # (N,)
    times_s: NDArray[np.float64]  # (N,)
    statuses: tuple[Status, ...]  # (N,)
    reasons: tuple[Reason, ...]  # (N,)
    segment_ids: NDArray[np.int64]  # (N,)
    num_inliers: NDArray[np.int64]  # (N,)
    num_landmarks: NDArray[np.int64]  # (N,) of the local map
    total_ms: NDArray[np.float64]  # (N,)

    @classmethod
    def empty(cls) -> "FrameTable":
        """Return a table of no frames."""
        whole, real = np.empty(0, np.int64), np.empty(0)
        return cls(whole, real, (), (), whole, whole, whole, real)

    def __len__(self) -> int:
        return len(self.frame_indices)

    @property
    def is_tracked(self) -> NDArray[np.bool_]:
        """Return which frames (N,) were placed by landmarks of their own."""
        pairs = zip(self.statuses, self.reasons, strict=True)
        return np.array([s is Status.TRACKING and r is not Reason.REPEATED_FRAME for s, r in pairs], bool)

    def gaps(self, posed_indices: NDArray[np.int64]) -> list[Gap]:
        """List the stretches without a pose; ``posed_indices`` (M,) are frames that have one by now."""
        is_posed = np.isin(self.frame_indices, posed_indices).tolist()
        return list(self._gaps(is_posed))

    def _gaps(self, is_posed: list[bool]) -> Iterator[Gap]:
        for has_pose, members in groupby(range(len(self)), key=is_posed.__getitem__):
            rows = list(members)
            if not has_pose:
                every: list[Reason] = [self.reasons[row] for row in rows]
                # A copy of a frame without a pose says less than the frame itself.
                told: list[Reason] = [reason for reason in every if reason is not Reason.REPEATED_FRAME]
                usual = _most_common(told or every)
                yield Gap(rows[0], len(rows), self.statuses[rows[0]], usual)


def _most_common(reasons: list[Reason]) -> Reason:
    counts = Counter(reason.value for reason in reasons)
    return _REASONS[counts.most_common(1)[0][0]]


def read_frame_table(folder: Path) -> FrameTable:
    """Read the table of a run folder; a last line that was cut off is left out.

    Raises:
        VoError: the file is missing, or not what a run writes.
    """
    path = folder / FRAMES_NAME
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if None not in row.values()]
        return FrameTable(
            np.array([row["frame"] for row in rows], np.int64),
            np.array([row["timestamp"] for row in rows], np.float64),
            tuple(_STATUSES[row["status"]] for row in rows),
            tuple(_REASONS[row["reason"]] for row in rows),
            np.array([row["segment"] for row in rows], np.int64),
            np.array([row["inliers"] for row in rows], np.int64),
            np.array([row["landmarks"] for row in rows], np.int64),
            np.array([row["total_ms"] for row in rows], np.float64),
        )
    except OSError as error:
        raise VoError(f"{path}: cannot read the file ({error.strerror})") from None
    except (KeyError, ValueError) as error:
        raise VoError(f"{path}: got {error}, expected the table that vo-frontend run writes") from None
