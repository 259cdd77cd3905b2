"""Cameras and where they sit: one, or a left and a right one, and an IMU."""

from dataclasses import dataclass, field

import numpy as np

from vo_frontend.geometry.se3 import Transform, inverse
from vo_frontend.sensors.calibration import Camera


@dataclass(frozen=True, slots=True)
class MountedCamera:
    """A camera and where it sits on its body."""

    calibration: Camera
    T_body_cam: Transform = field(default_factory=lambda: np.eye(4))  # (4, 4), m


@dataclass(frozen=True, slots=True)
class MountedImu:
    """Where an IMU sits in the left or only camera (before rectification), and how their clocks differ."""

    T_cam_imu: Transform  # (4, 4), m
    time_shift_s: float = 0.0  # the camera's stamps and this are the IMU's


@dataclass(frozen=True, slots=True)
class CameraRig:
    """What a calibration describes: one camera, or a stereo pair on one body, and perhaps an IMU."""

    left: MountedCamera
    right: MountedCamera | None = None
    imu: MountedImu | None = None

    @property
    def T_left_right(self) -> Transform | None:
        """Return the pose (4, 4), m, of the right camera in the left one; None without a right one."""
        return None if self.right is None else inverse(self.left.T_body_cam) @ self.right.T_body_cam
