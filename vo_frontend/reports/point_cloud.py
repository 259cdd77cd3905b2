"""The map as a PLY file that is valid at every moment of the run."""

from pathlib import Path

from vo_frontend.formats.append_file import AppendFile
from vo_frontend.formats.ply import BEFORE_COUNT, VERTEX, count_field, header, vertices_of
from vo_frontend.map_events import LandmarksRetired
from vo_frontend.mapping.landmark_record import LandmarkCloud, LandmarkRecord
from vo_frontend.types import Frame, FrameResult

MAP_NAME = "map.ply"
MIN_FRAMES_BETWEEN = 100  # from one time that the file is written as a whole to the next


class PointCloudSink:
    """Appends landmarks as they leave the local map, and at the end those that are still in it.

    New vertices are written first and counted in the header afterwards: a reader never finds fewer vertices
    than the header promises. When landmarks that are in the file move, come back to the local map or go, the
    file waits for at most ``MIN_FRAMES_BETWEEN`` frames and is then replaced as a whole.

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
        """Take the landmarks that a frame retired.

        Raises:
            OutputError: the disk is full or the folder has gone.
        """
        self._num_frames += 1
        self._is_stale |= self._record.retired_have_changed
        if self._is_stale:
            if self._num_frames >= MIN_FRAMES_BETWEEN:
                self._replace(self._record.retired())
            return
        for event in result.events:
            if isinstance(event, LandmarksRetired):
                self._append(vertices_of(event.points_world, event.colors).tobytes())

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
                self._append(vertices_of(local.points_world, local.colors).tobytes())
        finally:
            self._file.close()

    def _append(self, vertices: bytes) -> None:
        if not vertices:
            return
        self._file.append(vertices, len(vertices) // VERTEX.itemsize)
        self._file.overwrite(len(BEFORE_COUNT), count_field(self._file.num_records))

    def _replace(self, cloud: LandmarkCloud) -> None:
        vertices = vertices_of(cloud.points_world, cloud.colors)
        self._file.replace(header(len(vertices)) + vertices.tobytes(), len(vertices))
        self._is_stale, self._num_frames = False, 0
