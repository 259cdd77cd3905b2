"""What the local map says of a pose: is what should be seen there seen, and is the pose within its reach?"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry.se3 import Transform
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.tracking.pose import PoseEstimate


class MapWitness:
    """Confirms poses by the landmarks of the map."""

    def __init__(self, *, min_found_share: float, min_parallax_deg: float) -> None:
        self._min_found_share = min_found_share
        self._min_parallax_rad = float(np.deg2rad(min_parallax_deg))

    def confirms(
        self,
        pose: PoseEstimate,
        sparse_map: SparseMap,
        seen: Sequence[NDArray[np.int64]] | None = None,
        T_world_before: Transform | None = None,
    ) -> bool:
        """Tell whether most of what a view saw is found again, from where the map has something to say.

        Args:
            pose: one that was found, with rows of the map's landmarks.
            sparse_map: the local map.
            seen: of each view the rows (L,) of its landmarks; default the keyframes.
            T_world_before: (4, 4) of the frame before, where the track has got to.
        """
        if seen is None:
            seen = [sparse_map.rows_seen_by(keyframe) for keyframe in sparse_map.keyframes]
        if found_share(pose, len(sparse_map.landmarks), seen) < self._min_found_share:
            return False
        return self.reaches(pose, sparse_map, T_world_before)

    def reaches(self, pose: PoseEstimate, sparse_map: SparseMap, T_world_before: Transform | None) -> bool:
        """Tell whether a step is no longer than the map itself, or rests on depths that it knows well.

        Other depths of one camera are wrong by a factor that they share, and so is the step: 15 % of 9 m
        after a jump from a map 6 m long (KITTI 00). Measured depths share no factor.
        """
        assert pose.T_world_cam is not None
        if any(keyframe.view.depths is not None for keyframe in sparse_map.keyframes):
            return True
        centers = np.array([keyframe.T_world_cam[:3, 3] for keyframe in sparse_map.keyframes])
        way = centers if T_world_before is None else np.vstack([centers, T_world_before[:3, 3]])
        step = np.linalg.norm(way - pose.T_world_cam[:3, 3], axis=1).min()
        length = np.linalg.norm(way - way[-1], axis=1).max()
        if step <= length:
            return True
        parallax_rad = _parallax_rad(sparse_map, centers)[pose.landmark_rows]
        return float(np.median(parallax_rad)) >= self._min_parallax_rad


def found_share(pose: PoseEstimate, num_landmarks: int, seen: Sequence[NDArray[np.int64]]) -> float:
    """Return how much of what a view saw, and what a pose puts into the image, is found there.

    The view is the one of which most is found; others may have seen the same place from behind a corner.

    Args:
        pose: with landmark rows.
        num_landmarks: of the map.
        seen: of each view the rows (L,) of its landmarks.
    """
    found, expected = np.zeros((2, num_landmarks), bool)
    found[pose.landmark_rows] = True
    expected[pose.expected_rows] = True
    expected |= found
    num_found, num_expected = max((found[rows].sum(), expected[rows].sum()) for rows in seen)
    return float(num_found) / max(float(num_expected), 1.0)


def _parallax_rad(sparse_map: SparseMap, centers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the angle (M,) between the oldest and the newest view of each landmark, from centers (K, 3)."""
    seen, points_world = sparse_map.observations(), sparse_map.landmarks.points_world
    oldest = np.zeros(len(points_world), np.int64)
    oldest[seen.landmark_row[::-1]] = seen.position[::-1]  # ordered by keyframe: the first one stays
    rays0 = points_world - centers[oldest]
    rays1 = points_world - centers[seen.newest(len(points_world))]
    return np.arctan2(np.linalg.norm(np.cross(rays0, rays1), axis=1), (rays0 * rays1).sum(axis=1))
