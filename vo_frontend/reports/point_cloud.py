"""The map as a PLY file that is valid at every moment of the run."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.formats.append_file import AppendFile
from vo_frontend.formats.ply import BEFORE_COUNT, count_field, header, vertices_of
from vo_frontend.map_events import LandmarksRetired
from vo_frontend.types import Frame, FrameResult, MapSnapshot

MAP_NAME = "map.ply"


class PointCloudSink:
    """Appends landmarks as they leave the local map, and at the end those that are still in it.

    New vertices are written first and counted in the header afterwards: a reader never finds fewer
    vertices than the header promises.
    """

    def __init__(self, folder: Path) -> None:
        self._file = AppendFile(folder / MAP_NAME, "vertices")
        self._file.append(header(0), num_records=0)
        self._latest: MapSnapshot | None = None  # its landmarks are not in the file yet

    def consume(self, frame: Frame, result: FrameResult) -> None:
        """Take the landmarks that a frame retired.

        Raises:
            OutputError: the disk is full or the folder has gone.
        """
        for event in result.events:
            if isinstance(event, LandmarksRetired):
                self._append(event.points_world, event.colors)
        if result.map is not None:
            self._latest = result.map

    def close(self) -> None:
        """Add the landmarks of the last local map and close the file."""
        try:
            if self._latest is not None and not self._file.has_failed:
                self._append(self._latest.points_world, self._latest.colors)
        finally:
            self._file.close()

    def _append(self, points_world: NDArray[np.float64], colors: NDArray[np.uint8]) -> None:
        vertices = vertices_of(points_world, colors)
        if not len(vertices):
            return
        self._file.append(vertices.tobytes(), len(vertices))
        self._file.overwrite(len(BEFORE_COUNT), count_field(self._file.num_records))
