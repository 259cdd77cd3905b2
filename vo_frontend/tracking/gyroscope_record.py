"""What the last poses say of a gyroscope: how it drifts, and whether it is worth listening to."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

NUM_POSES = 40  # that are remembered: its zero wanders over minutes, and a single pose is uncertain
MIN_POSES = 10  # before it is judged
NEGLIGIBLE_RAD = 0.005  # of a predicted rotation: matching searches far wider


def _no_rows(columns: int) -> NDArray[np.float64]:
    return np.zeros((0, columns))


@dataclass(frozen=True, slots=True)
class GyroscopeRecord:
    """Compares the last K rotations of the gyroscope with those of the poses: a value, replaced with each."""

    drifts_rad_s: NDArray[np.float64] = field(default_factory=lambda: _no_rows(3))  # (K, 3), in the camera
    misses_rad: NDArray[np.float64] = field(default_factory=lambda: _no_rows(2))  # (K, 2) gyroscope, velocity

    def __len__(self) -> int:
        return len(self.misses_rad)

    @property
    def drift_rad_s(self) -> NDArray[np.float64]:
        """Return the rate (3,) that it shows at rest, in the camera: the median, 0 while nothing is known."""
        return np.median(self.drifts_rad_s, axis=0) if len(self) else np.zeros(3)

    @property
    def is_believed(self) -> bool:
        """Whether it predicts rotations as well as constant velocity does, up to what does not matter.

        A wrong rotation between camera and IMU makes it worse than no gyroscope at all.
        """
        if len(self) < MIN_POSES:
            return True
        of_gyroscope, of_velocity = np.median(self.misses_rad, axis=0)
        return bool(of_gyroscope <= max(of_velocity, NEGLIGIBLE_RAD))

    def extended(
        self, drift_rad_s: NDArray[np.float64], miss_rad: float, velocity_miss_rad: float
    ) -> "GyroscopeRecord":
        """Return it after one more pose: the drift (3,) seen, and how far the two predictions were off."""
        return GyroscopeRecord(
            np.vstack([self.drifts_rad_s, drift_rad_s])[-NUM_POSES:],
            np.vstack([self.misses_rad, (miss_rad, velocity_miss_rad)])[-NUM_POSES:],
        )
