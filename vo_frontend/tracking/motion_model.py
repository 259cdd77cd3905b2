"""Predicts the next pose: constant velocity, and the rotation of a gyroscope where there is one."""

import logging
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform
from vo_frontend.tracking.gyroscope_record import NUM_POSES, GyroscopeRecord
from vo_frontend.types import Attitude

log = logging.getLogger(__name__)

# Beyond this many times the last interval, the velocity is too old to extrapolate.
MAX_EXTRAPOLATION = 5.0


@dataclass(frozen=True, slots=True)
class ConstantVelocity:
    """The last pose and the twist per second that led to it: a value, replaced with each pose."""

    timestamp_s: float
    T_world_cam: Transform  # (4, 4)
    attitude: Attitude | None = None  # of the last pose
    interval_s: float = 0.0  # between the last two poses, 0 while there is only one
    twist_per_s: NDArray[np.float64] | None = None  # (6,) [rho, phi] of the camera in its own frame
    gyroscope: GyroscopeRecord = field(default_factory=GyroscopeRecord)

    def predict(self, timestamp_s: float, attitude: Attitude | None = None) -> Transform:
        """Return T_world_cam (4, 4) at a later time; the last pose while the velocity is unknown.

        The position is that of constant velocity. So is the rotation, unless the gyroscope tells it: then it
        is what that says, less its drift.
        """
        T_world_cam = self._at_constant_velocity(timestamp_s)
        R_world_cam = self._by_gyroscope(timestamp_s, attitude)
        if R_world_cam is None or not self.gyroscope.is_believed:
            return T_world_cam
        return se3.from_rotation_translation(R_world_cam, T_world_cam[:3, 3])

    def updated(
        self, timestamp_s: float, T_world_cam: Transform, attitude: Attitude | None = None
    ) -> "ConstantVelocity":
        """Return the model after one more pose (4, 4)."""
        interval_s = timestamp_s - self.timestamp_s
        if interval_s <= 0:
            return ConstantVelocity(timestamp_s, T_world_cam, attitude)
        twist_per_s = se3.log(se3.inverse(self.T_world_cam) @ T_world_cam) / interval_s
        gyroscope = self._judged(timestamp_s, T_world_cam[:3, :3], attitude)
        _warn_if_doubted(self.gyroscope, gyroscope)
        return ConstantVelocity(timestamp_s, T_world_cam, attitude, interval_s, twist_per_s, gyroscope)

    def corrected(self, T_world_cam: Transform) -> "ConstantVelocity":
        """Return the same velocity from a last pose (4, 4) that the map has adjusted."""
        return replace(self, T_world_cam=T_world_cam)

    def _at_constant_velocity(self, timestamp_s: float) -> Transform:
        if self.twist_per_s is None:
            return self.T_world_cam
        ahead_s = min(timestamp_s - self.timestamp_s, MAX_EXTRAPOLATION * self.interval_s)
        return np.asarray(self.T_world_cam @ se3.exp(ahead_s * self.twist_per_s))

    def _by_gyroscope(self, timestamp_s: float, attitude: Attitude | None) -> NDArray[np.float64] | None:
        R_before_cam = None if attitude is None else attitude.rotation_since(self.attitude)
        if R_before_cam is None:
            return None
        drift_rad = self.gyroscope.drift_rad_s * (timestamp_s - self.timestamp_s)
        return np.asarray(self.T_world_cam[:3, :3] @ R_before_cam @ se3.so3_exp(-drift_rad))

    def _judged(
        self, timestamp_s: float, R_world_cam: NDArray[np.float64], attitude: Attitude | None
    ) -> GyroscopeRecord:
        """Compare what was predicted of the rotation with that of a pose."""
        predicted = self._by_gyroscope(timestamp_s, attitude)
        if predicted is None:
            return self.gyroscope
        miss = se3.so3_log(R_world_cam.T @ predicted)
        velocity_miss = R_world_cam.T @ self._at_constant_velocity(timestamp_s)[:3, :3]
        return self.gyroscope.extended(
            self.gyroscope.drift_rad_s + miss / (timestamp_s - self.timestamp_s),
            float(np.linalg.norm(miss)),
            float(se3.rotation_angle_rad(velocity_miss)),
        )


def _warn_if_doubted(before: GyroscopeRecord, after: GyroscopeRecord) -> None:
    """Say it once, when as many poses as are remembered have spoken against the gyroscope."""
    if len(before) < len(after) == NUM_POSES and not after.is_believed:
        of_gyroscope_deg, of_velocity_deg = np.rad2deg(np.median(after.misses_rad, axis=0))
        log.warning(
            "the gyroscope misses the rotation by %.2f deg a frame, constant velocity by %.2f deg, so it is "
            "not used meanwhile; are T_cam_imu and timeshift_cam_imu right, and its rates in rad/s?",
            of_gyroscope_deg,
            of_velocity_deg,
        )
