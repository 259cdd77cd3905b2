"""Record of every landmark of a run: those that have left the local map, and those that are in it."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.formats.ply import VERTEX, vertices_of, write_ply
from vo_frontend.geometry.alignment import Similarity
from vo_frontend.map_events import LandmarksRetired, SegmentJoined
from vo_frontend.types import FrameResult, MapSnapshot

# Beyond it, landmarks that have left the local map go to a temporary file.
MAX_MEMORY_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class LandmarkCloud:
    """Holds M landmarks, each in the world of its segment: in m, or in map units for mono."""

    points_world: NDArray[np.float32]  # (M, 3)
    colors: NDArray[np.uint8]  # (M, 3) RGB
    segment_ids: NDArray[np.int64]  # (M,)

    def __len__(self) -> int:
        return len(self.points_world)

    def scaled(self, scale_of_segment: Mapping[int, float]) -> "LandmarkCloud":
        """Multiply the positions of each segment by its factor; segments without one stay as they are."""
        ids, inverse = np.unique(self.segment_ids, return_inverse=True)
        factors = np.array([scale_of_segment.get(each, 1.0) for each in ids.tolist()])[inverse]
        return replace(self, points_world=(self.points_world * factors[:, None]).astype(np.float32))

    def save_ply(self, path: str | Path) -> None:
        """Write a binary PLY file with colours, replacing an older one as a whole.

        Raises:
            OutputError: the file cannot be written; an older one stays as it was.
        """
        write_ply(Path(path), vertices_of(self.points_world, self.colors))


class LandmarkRecord:
    """Listens to results and remembers retired landmarks at their last position, 15 bytes each."""

    def __init__(self) -> None:
        self._retired = tempfile.SpooledTemporaryFile(MAX_MEMORY_BYTES)  # noqa: SIM115  lives as long as this
        self._parts: list[tuple[int, int]] = []  # segment and number of vertices, in the order of the file
        self._joined: list[SegmentJoined] = []
        self._active: MapSnapshot | None = None

    def update(self, result: FrameResult) -> None:
        """Take the landmarks that the result of the next frame retires, and its local map."""
        for event in result.events:
            if isinstance(event, LandmarksRetired):
                self._retire(event)
            elif isinstance(event, SegmentJoined):
                self._joined.append(event)
        if result.map is not None:
            self._active = result.map

    def cloud(self) -> LandmarkCloud:
        """Copy all landmarks: retired ones as they left, then those of the local map."""
        self._retired.seek(0)
        parts = [np.frombuffer(self._retired.read(), VERTEX)]
        segment_ids = [np.full(count, segment_id) for segment_id, count in self._parts]
        if self._active is not None:
            parts.append(vertices_of(self._active.points_world, self._active.colors))
            segment_ids.append(np.full(len(parts[-1]), self._active.segment_id))
        vertices = np.concatenate(parts)
        cloud = LandmarkCloud(
            vertices["xyz"], vertices["rgb"], np.concatenate([np.zeros(0, np.int64), *segment_ids])
        )
        for event in self._joined:
            cloud = _joined(cloud, event.segment_id, event.into_segment_id, event.similarity)
        return cloud

    def _retire(self, event: LandmarksRetired) -> None:
        vertices = vertices_of(event.points_world, event.colors)
        self._retired.seek(0, 2)
        self._retired.write(vertices.tobytes())
        self._parts.append((event.segment_id, len(vertices)))


def _joined(
    cloud: LandmarkCloud, segment_id: int, into_segment_id: int, similarity: Similarity
) -> LandmarkCloud:
    members = cloud.segment_ids == segment_id
    points_world, segment_ids = cloud.points_world.copy(), cloud.segment_ids.copy()
    points_world[members] = similarity.transform_points(points_world[members].astype(np.float64))
    segment_ids[members] = into_segment_id
    return replace(cloud, points_world=points_world, segment_ids=segment_ids)
