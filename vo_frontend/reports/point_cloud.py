"""The map as a PLY file that is valid at every moment of the run."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.formats.append_file import AppendFile
from vo_frontend.formats.ply import BEFORE_COUNT, VERTEX, count_field, header, vertices_of
from vo_frontend.map_events import LandmarksRetired
from vo_frontend.mapping.landmark_record import LandmarkCloud, LandmarkRecord
from vo_frontend.types import Frame, FrameResult, MapSnapshot

MAP_NAME = "map.ply"
MIN_FRAMES_BETWEEN = 100  # from one time that the file is written as a whole to the next


class PointCloudSink:
    """Appends landmarks as they leave the local map, and behind them, with each keyframe, those still in it.

    The header counts vertices only once they are written, and no longer before they are replaced: a reader
    never finds fewer than it promises. When retired landmarks move, come back to the map or go, the file
    waits for at most ``MIN_FRAMES_BETWEEN`` frames and is then replaced as a whole.

    Args:
        folder: of the run.
        record: has taken every result before this sink does.
    """

    def __init__(self, folder: Path, record: LandmarkRecord) -> None:
        self._record = record
        self._file = AppendFile(folder / MAP_NAME, "vertices")
        self._file.append(header(0), num_records=0)
        self._is_stale = False  # vertices of the file are not where they should be
        self._num_frames = 0  # since the file was written as a whole

    def consume(self, frame: Frame, result: FrameResult) -> None:
        """Take the landmarks that a frame retired, and the local map as a keyframe leaves it.

        Raises:
            OutputError: the disk is full or the folder has gone.
        """
        self._num_frames += 1
        self._is_stale |= self._record.retired_have_changed
        if self._is_stale and self._num_frames >= MIN_FRAMES_BETWEEN:
            self._replace(self._record.retired())
            self._put([], result.map)
        elif not self._is_stale:
            retired = [event for event in result.events if isinstance(event, LandmarksRetired)]
            self._put([vertices_of(each.points_world, each.colors) for each in retired], result.map)

    def close(self) -> None:
        """Add the landmarks of the last local map and close the file."""
        try:
            if self._file.has_failed:
                return
            self._is_stale |= self._record.retired_have_changed
            if self._is_stale:
                self._replace(self._record.cloud())
            else:
                local = self._record.local()
                self._put([vertices_of(local.points_world, local.colors)], None)
        finally:
            self._file.close()

    def _put(self, retired: Sequence[NDArray[np.void]], local_map: MapSnapshot | None) -> None:
        """Add vertices for good, and behind them those of the local map until the next time."""
        if not any(map(len, retired)) and local_map is None:
            return
        self._count(self._file.num_records)
        for vertices in retired:
            self._file.append(vertices.tobytes(), len(vertices))
        local = np.empty(0, VERTEX)
        if local_map is not None:
            local = vertices_of(local_map.points_world, local_map.colors)
        is_written = self._file.append_provisionally(local.tobytes())
        self._count(self._file.num_records + is_written * len(local))

    def _count(self, num_vertices: int) -> None:
        self._file.overwrite(len(BEFORE_COUNT), count_field(num_vertices))

    def _replace(self, cloud: LandmarkCloud) -> None:
        vertices = vertices_of(cloud.points_world, cloud.colors)
        self._file.replace(header(len(vertices)) + vertices.tobytes(), len(vertices))
        self._is_stale, self._num_frames = False, 0
