"""What lies around an archived keyframe."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry.se3 import Transform
from vo_frontend.mapping.landmarks import Landmarks


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """A keyframe that a view may show again, with those around it and all that they saw."""

    frame_index: int  # of the keyframe
    segment_id: int
    T_world_keyframe: Transform
    members: NDArray[np.int64]  # (K,) frame indices: it, and keyframes that share landmarks with it
    landmarks: Landmarks  # M in the archive, in the world of the segment
    descriptors: NDArray[np.float32]  # (L, D) of those that the keyframe itself saw, as it saw them
    rows: NDArray[np.int64]  # (L,) of ``landmarks``
