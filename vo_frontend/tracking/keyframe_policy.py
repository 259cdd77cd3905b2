"""When a tracked frame becomes a keyframe."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class KeyframePolicy:
    """A keyframe is due when the view has moved and fewer landmarks of the last keyframe are left.

    When very few are left it is due without motion too: those that remain may be the distant ones,
    which hardly move while the near ones, and soon the track, are lost.
    """

    max_tracked_share: float
    urgent_tracked_share: float
    min_motion_px: float

    def wants(
        self,
        num_keyframe_landmarks: int,
        keyframe_pixels: NDArray[np.float32],
        frame_pixels: NDArray[np.float32],
    ) -> bool:
        """Decide.

        Args:
            num_keyframe_landmarks: that the last keyframe sees.
            keyframe_pixels: (S, 2) landmarks seen by both, in the last keyframe.
            frame_pixels: (S, 2) the same in the frame.
        """
        if not len(frame_pixels):
            return True
        motion_px = float(np.median(np.linalg.norm(frame_pixels - keyframe_pixels, axis=1)))
        share = len(frame_pixels) / max(num_keyframe_landmarks, 1)
        if share < self.urgent_tracked_share:
            return True
        return motion_px >= self.min_motion_px and share < self.max_tracked_share
