"""The map as a PLY file that is valid at every moment of the run."""

from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.formats.append_file import AppendFile
from vo_frontend.types import Frame, FrameResult, MapSnapshot

MAP_NAME = "map.ply"
COUNT_DIGITS = 10  # fixed width, so that the count can be replaced in place
_BEFORE_COUNT = (
    "ply\nformat binary_little_endian 1.0\n"
    "comment landmarks in the world of their segment; segments do not share a world\n"
    "element vertex "
)
_AFTER_COUNT = (
    "\nproperty float x\nproperty float y\nproperty float z\n"
    "property uchar red\nproperty uchar green\nproperty uchar blue\n"
)
END_OF_HEADER = b"end_header\n"
VERTEX = np.dtype([("xyz", "<f4", 3), ("rgb", "u1", 3)])


class PointCloudSink:
    """Appends landmarks as they leave the local map, and at the end those that are still in it.

    New vertices are written first and counted in the header afterwards: a reader never finds fewer
    vertices than the header promises.
    """

    def __init__(self, folder: Path) -> None:
        self._file = AppendFile(folder / MAP_NAME, "vertices")
        header = f"{_BEFORE_COUNT}{0:0{COUNT_DIGITS}d}{_AFTER_COUNT}".encode() + END_OF_HEADER
        self._file.append(header, num_records=0)
        self.num_by_segment: Counter[int] = Counter()  # vertices, in the order of the file
        self._latest: MapSnapshot | None = None  # its active landmarks are not in the file yet

    def consume(self, frame: Frame, result: FrameResult) -> None:
        """Take the landmarks that a keyframe retired.

        Raises:
            OutputError: the disk is full or the folder has gone.
        """
        if result.map is None:
            return
        if self._latest is not None and self._latest.segment_id != result.map.segment_id:
            self._append_active(self._latest)
        self._append(result.segment_id, result.map.retired_points_world, result.map.retired_colors)
        self._latest = result.map

    def close(self) -> None:
        """Add the landmarks of the last local map and close the file."""
        try:
            if self._latest is not None and not self._file.has_failed:
                self._append_active(self._latest)
        finally:
            self._file.close()

    def _append_active(self, snapshot: MapSnapshot) -> None:
        self._append(snapshot.segment_id, snapshot.points_world, snapshot.colors)

    def _append(self, segment_id: int, points_world: NDArray[np.float64], colors: NDArray[np.uint8]) -> None:
        is_finite = np.isfinite(points_world).all(axis=1)
        vertices = np.empty(int(is_finite.sum()), dtype=VERTEX)
        vertices["xyz"], vertices["rgb"] = points_world[is_finite], colors[is_finite]
        if not len(vertices):
            return
        self._file.append(vertices.tobytes(), len(vertices))
        self.num_by_segment[segment_id] += len(vertices)
        self._file.overwrite(len(_BEFORE_COUNT), f"{self._file.num_records:0{COUNT_DIGITS}d}".encode())
