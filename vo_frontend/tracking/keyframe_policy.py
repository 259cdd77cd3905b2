"""Decides when a tracked frame becomes a keyframe."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.config import KeyframesConfig


class KeyframePolicy:
    """Asks for a keyframe when the view has moved and few landmarks of the last keyframe are left.

    When very few are left, motion is not required: those that remain may be the distant ones, which
    hardly move in the image while the near ones, and soon the track, are lost.
    """

    def __init__(self, config: KeyframesConfig) -> None:
        self._config = config

    def wants(
        self,
        num_keyframe_landmarks: int,
        keyframe_pixels: NDArray[np.float32],
        frame_pixels: NDArray[np.float32],
    ) -> bool:
        """Return whether a keyframe is due.

        Args:
            num_keyframe_landmarks: number of landmarks that the last keyframe sees.
            keyframe_pixels: (S, 2) px in the last keyframe of the landmarks that both see.
            frame_pixels: (S, 2) px of the same landmarks in the frame.
        """
        if not len(frame_pixels):
            return True
        motion_px = float(np.median(np.linalg.norm(frame_pixels - keyframe_pixels, axis=1)))
        share = len(frame_pixels) / max(num_keyframe_landmarks, 1)
        if share < self._config.urgent_tracked_share:
            return True
        return motion_px >= self._config.min_motion_px and share < self._config.max_tracked_share
