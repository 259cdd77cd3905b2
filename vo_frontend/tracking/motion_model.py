"""Predicts the next pose from a constant velocity."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform

# Beyond this many times the last interval, the velocity is too old to extrapolate.
MAX_EXTRAPOLATION = 5.0


@dataclass(frozen=True, slots=True)
class ConstantVelocity:
    """The last pose and the twist per second that led to it: a value, replaced with each pose."""

    timestamp_s: float
    T_world_cam: Transform  # (4, 4)
    interval_s: float = 0.0  # between the last two poses, 0 while there is only one
    twist_per_s: NDArray[np.float64] | None = None  # (6,) [rho, phi] of the camera in its own frame

    def predict(self, timestamp_s: float) -> Transform:
        """Return T_world_cam (4, 4) at a later time; the last pose while the velocity is unknown."""
        if self.twist_per_s is None:
            return self.T_world_cam
        ahead_s = min(timestamp_s - self.timestamp_s, MAX_EXTRAPOLATION * self.interval_s)
        return np.asarray(self.T_world_cam @ se3.exp(ahead_s * self.twist_per_s))

    def updated(self, timestamp_s: float, T_world_cam: Transform) -> "ConstantVelocity":
        """Return the model after one more pose (4, 4)."""
        interval_s = timestamp_s - self.timestamp_s
        if interval_s <= 0:
            return ConstantVelocity(timestamp_s, T_world_cam)
        twist_per_s = se3.log(se3.inverse(self.T_world_cam) @ T_world_cam) / interval_s
        return ConstantVelocity(timestamp_s, T_world_cam, interval_s, twist_per_s)

    def corrected(self, T_world_cam: Transform) -> "ConstantVelocity":
        """Return the same velocity from a last pose (4, 4) that the map has adjusted."""
        return replace(self, T_world_cam=T_world_cam)
