"""One line per input frame: what happened to it."""

from pathlib import Path

from vo_frontend.formats.append_file import AppendFile
from vo_frontend.formats.seconds import format_seconds
from vo_frontend.types import Frame, FrameResult

FRAMES_NAME = "frames.csv"
HEADER = "frame,timestamp,status,reason,segment,features,matches,inliers,keyframe,total_ms,landmarks\n"


class FrameLogSink:
    """Writes ``frames.csv``, which grows during the run.

    ``timestamp`` is in s, ``keyframe`` 0 or 1, ``landmarks`` the size of the local map.
    """

    def __init__(self, folder: Path) -> None:
        self._num_landmarks = 0
        self._file = AppendFile(folder / FRAMES_NAME)
        self._file.append(HEADER.encode(), num_records=0)

    def consume(self, frame: Frame, result: FrameResult) -> None:
        """Append the line of one frame.

        Raises:
            OutputError: the disk is full or the folder has gone.
        """
        if result.map is not None:
            self._num_landmarks = len(result.map.landmark_ids)
        total_ms = 1e3 * sum(result.stage_seconds.values())
        columns = (
            result.frame_index,
            format_seconds(result.timestamp_ns),
            result.status.value,
            result.reason.value,
            result.segment_id,
            result.num_features,
            result.num_matches,
            result.num_inliers,
            int(result.is_keyframe),
            f"{total_ms:.3f}",
            self._num_landmarks,
        )
        self._file.append((",".join(map(str, columns)) + "\n").encode())

    def close(self) -> None:
        """Close the file."""
        self._file.close()
