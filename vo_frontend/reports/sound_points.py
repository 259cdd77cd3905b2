"""Choose the landmarks of a map that are worth showing: seen often enough, and not at the horizon."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.mapping.landmark_record import LandmarkCloud
from vo_frontend.mapping.trajectory import EstimatedTrajectory

MIN_VIEWS = 2  # frames that found a landmark
FAR = 8.0  # times the median distance from the nearest camera
MAX_CAMERAS = 256  # that distances are measured from, spread evenly along the path
CHUNK = 16_384  # points at a time, which bounds memory


def sound_points(cloud: LandmarkCloud, trajectory: EstimatedTrajectory) -> NDArray[np.bool_]:
    """Say which landmarks of a cloud (M,) enough frames have found, and which are not far outside.

    Each segment is measured by its own poses, because it may have a scale of its own.
    """
    is_sound = cloud.num_views >= MIN_VIEWS
    for segment_id, part in trajectory.segments().items():
        members = np.flatnonzero(is_sound & (cloud.segment_ids == segment_id))
        distances = distances_from_path(cloud.points_world[members], part.positions_world)
        if len(members):
            is_sound[members] = distances <= FAR * np.median(distances)
    return is_sound


def distances_from_path(points: NDArray[np.float32], positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Measure from points (N, 3) to the nearest of ``MAX_CAMERAS`` positions (M, 3) of a path: (N,)."""
    cameras = positions[:: 1 + (len(positions) - 1) // MAX_CAMERAS]
    parts = [points[first : first + CHUNK] for first in range(0, len(points), CHUNK)]
    return np.concatenate([np.empty(0), *(_to_nearest(part.astype(np.float64), cameras) for part in parts)])


def _to_nearest(points: NDArray[np.float64], cameras: NDArray[np.float64]) -> NDArray[np.float64]:
    squares = (points**2).sum(axis=1)[:, None] + (cameras**2).sum(axis=1) - 2 * points @ cameras.T
    return np.sqrt(np.maximum(squares.min(axis=1), 0))
