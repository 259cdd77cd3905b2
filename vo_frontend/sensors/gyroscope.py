"""Gyroscope readings, as they come, into attitudes of the camera."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.types import Attitude

MAX_GAP_NS = 100_000_000  # between two readings; what happens in a longer one is not known
MAX_RATE_RAD_S = 1000.0  # ten times what the fastest gyroscopes measure
MAX_WAITING = 20_000  # readings that no frame has asked for: 20 s at 1 kHz


class Gyroscope:
    """Integrates readings that are added in time order, and says where the camera points at a time.

    Between two readings the rate changes linearly; each interval turns by its mean (the error is of third
    order in the interval). Memory is bounded: readings are forgotten once a later attitude was asked for.
    """

    def __init__(self, R_cam_imu: NDArray[np.float64], time_shift_ns: int = 0) -> None:
        """Take the rotation (3, 3) of the IMU in the camera, and what its clock is ahead of the camera's."""
        self._R_cam_imu = R_cam_imu
        self._time_shift_ns = time_shift_ns
        self._began_ns = 0
        self._R_began_cam = np.eye(3)  # at the first of the readings, of which all others are later
        self._readings: deque[tuple[int, NDArray[np.float64]]] = deque()

    def add(self, timestamp_ns: int, rate_imu_rad_s: NDArray[np.float64]) -> None:
        """Add a reading (3,); an impossible one, or one not later than the one before, is left out."""
        if not (np.abs(rate_imu_rad_s) < MAX_RATE_RAD_S).all():  # False where NaN
            return
        if self._readings and timestamp_ns <= self._readings[-1][0]:
            return
        self._readings.append((timestamp_ns, rate_imu_rad_s))
        if len(self._readings) == 1:
            self._began_ns = timestamp_ns
        elif len(self._readings) > MAX_WAITING:
            self._integrate(MAX_WAITING // 2)

    def reaches(self, timestamp_ns: int) -> bool:
        """Tell whether readings go as far as a time by the camera's clock."""
        return bool(self._readings) and self._readings[-1][0] >= timestamp_ns + self._time_shift_ns

    def attitude(self, timestamp_ns: int) -> Attitude | None:
        """Return the attitude of the camera at a time by its clock, not before that of the last call.

        None before the first and after the last reading, and between two that are ``MAX_GAP_NS`` apart.
        """
        time_ns = timestamp_ns + self._time_shift_ns
        if not self._readings or not self._readings[0][0] <= time_ns <= self._readings[-1][0]:
            return None
        self._integrate(sum(stamp_ns <= time_ns for stamp_ns, _ in self._readings) - 1)
        first_ns, first = self._readings[0]
        if time_ns == first_ns:
            return Attitude(self._began_ns, self._R_began_cam)
        next_ns, after = self._readings[1]
        if next_ns - first_ns > MAX_GAP_NS:
            return None
        share = (time_ns - first_ns) / (next_ns - first_ns)
        mean = first + share / 2 * (after - first)
        turned = se3.so3_exp(self._R_cam_imu @ mean * ((time_ns - first_ns) * 1e-9))
        return Attitude(self._began_ns, self._R_began_cam @ turned)

    def _integrate(self, count: int) -> None:
        """Turn through the first ``count`` intervals and forget their readings."""
        if count < 1:
            return
        passed = [self._readings.popleft() for _ in range(count)] + [self._readings[0]]
        stamps_ns = np.array([stamp_ns for stamp_ns, _ in passed])
        rates = np.array([rate for _, rate in passed])
        mean = (rates[:-1] + rates[1:]) / 2 @ self._R_cam_imu.T
        turns = se3.so3_exp(mean * (np.diff(stamps_ns) * 1e-9)[:, None])
        gaps = np.flatnonzero(np.diff(stamps_ns) > MAX_GAP_NS)
        if len(gaps):
            turns = turns[gaps[-1] + 1 :]
            self._began_ns, self._R_began_cam = int(stamps_ns[gaps[-1] + 1]), np.eye(3)
        for turn in turns:
            self._R_began_cam = self._R_began_cam @ turn
