"""Finds a lost camera among everything that was seen, and believes it only when it is found twice."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.config import PlacesConfig
from vo_frontend.geometry import se3
from vo_frontend.mapping.keyframe import View
from vo_frontend.mapping.landmarks import Landmarks
from vo_frontend.places.recognizer import Recognition, Recognizer

MAX_WAIT_S = 0.5  # between the two views
MAX_TURN_RAD = 0.3  # between them
MAX_STEP = 0.15  # between them, in median depths of what they see


class Relocalizer:
    """Recognises a view where most of what the old keyframe saw is seen again, and the view before agrees."""

    def __init__(self, recognizer: Recognizer, config: PlacesConfig) -> None:
        self._recognizer = recognizer
        self._config = config
        self._before: tuple[float, Recognition] | None = None

    def relocalize(self, view: View, in_map: NDArray[np.int64], landmarks: Landmarks) -> Recognition | None:
        """Place a view among archived keyframes; None where it is not sure yet.

        Args:
            view: with N features.
            in_map: (K,) frames whose keyframes are in the local map.
            landmarks: of the local map.
        """
        found = next(
            (
                each
                for each in self._recognizer.recognize(view, in_map, landmarks, 0.0)
                if self._is_strong(each)
            ),
            None,
        )
        before, self._before = self._before, None if found is None else (view.timestamp_s, found)
        if found is None or before is None or view.timestamp_s - before[0] > MAX_WAIT_S:
            return None
        return found if _agree(before[1], found) else None

    def _is_strong(self, found: Recognition) -> bool:
        least = self._config.min_inlier_share * len(found.surroundings.rows)
        return found.pose.num_inliers >= least


def _agree(first: Recognition, second: Recognition) -> bool:
    """Tell whether a camera can be at both places within a moment."""
    if first.surroundings.segment_id != second.surroundings.segment_id:
        return False
    T_first_second = se3.inverse(first.T_world_cam) @ second.T_world_cam
    turn_rad = float(se3.rotation_angle_rad(T_first_second[:3, :3]))
    return turn_rad < MAX_TURN_RAD and float(np.linalg.norm(T_first_second[:3, 3])) < MAX_STEP * second.depth
