"""One line per closed loop: what was seen again, and how far the newest keyframe was off."""

from pathlib import Path

import numpy as np

from vo_frontend.formats.append_file import AppendFile
from vo_frontend.formats.seconds import format_seconds
from vo_frontend.geometry import se3
from vo_frontend.map_events import LoopClosed
from vo_frontend.types import Frame, FrameResult

LOOPS_NAME = "loops.csv"
HEADER = "frame,timestamp,segment,old_frame,inliers,moved,turned_deg\n"


class LoopLogSink:
    """Writes ``loops.csv`` from the first loop on; ``moved`` is in map units, for stereo and RGB-D in m."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOOPS_NAME
        self._file: AppendFile | None = None

    def consume(self, frame: Frame, result: FrameResult) -> None:
        """Append the loops of one frame.

        Raises:
            OutputError: the disk is full or the folder has gone.
        """
        for event in result.events:
            if isinstance(event, LoopClosed):
                if self._file is None:
                    self._file = AppendFile(self._path)
                    self._file.append(HEADER.encode(), num_records=0)
                self._file.append(_row(event, result.timestamp_ns).encode())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def _row(loop: LoopClosed, timestamp_ns: int) -> str:
    moved = np.linalg.norm(loop.T_after[:3, 3] - loop.T_before[:3, 3])
    turned_deg = np.rad2deg(se3.rotation_angle_rad(loop.T_after[:3, :3] @ loop.T_before[:3, :3].T))
    columns = (
        loop.new_index,
        format_seconds(timestamp_ns),
        loop.segment_id,
        loop.old_index,
        loop.num_inliers,
        f"{moved:.6g}",
        f"{turned_deg:.6g}",
    )
    return ",".join(map(str, columns)) + "\n"
