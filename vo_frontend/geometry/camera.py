"""The ideal pinhole camera.

Pixels: x right, y down; the centre of the top-left pixel is (0, 0). Rays are normalised image
coordinates (x/z, y/z).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import CameraError

MAX_PIXELS = 2**26  # of an image, 8192x8192: above any sensor, below what a damaged header claims


@dataclass(frozen=True, slots=True)
class PinholeCamera:
    """Ideal pinhole camera: focal lengths and principal point in px, image size in px."""

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int

    def __post_init__(self) -> None:
        where = f"camera {self.width}x{self.height} px"
        if self.width < 1 or self.height < 1:
            raise CameraError(f"{where}: the image size must be positive")
        if self.width * self.height > MAX_PIXELS:
            raise CameraError(
                f"{where}: expected at most {MAX_PIXELS / 1e6:.0f} million px; scale the images"
            )
        longest = max(self.width, self.height)
        for name, focal in (("fx", self.fx), ("fy", self.fy)):
            if not 0.1 * longest <= focal <= 20.0 * longest:
                raise CameraError(
                    f"{where}: {name} = {focal:g} px, expected between {0.1 * longest:g} and "
                    f"{20 * longest:g} px for this image size; is it in pixels?"
                )
        if not (0 <= self.cx < self.width and 0 <= self.cy < self.height):
            raise CameraError(
                f"{where}: principal point ({self.cx:g}, {self.cy:g}) px lies outside the image; "
                "was the calibration made at another resolution?"
            )

    @property
    def K(self) -> NDArray[np.float64]:
        """The calibration matrix (3, 3), in px."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1.0]])

    @property
    def focal_px(self) -> float:
        """Mean focal length in px, which turns thresholds in px into thresholds for rays."""
        return 0.5 * (self.fx + self.fy)

    def rays(self, pixels: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Turn pixels (N, 2) into normalised coordinates (N, 2)."""
        return (np.asarray(pixels, dtype=np.float64) - (self.cx, self.cy)) / (self.fx, self.fy)

    def project(self, points_cam: NDArray[np.float64]) -> NDArray[np.float64]:
        """Project points (N, 3) in the camera frame to pixels (N, 2), NaN at or behind the camera plane."""
        z = np.where(points_cam[:, 2] > 1e-9, points_cam[:, 2], np.nan)
        return points_cam[:, :2] / z[:, None] * (self.fx, self.fy) + (self.cx, self.cy)

    def contains(self, pixels: NDArray[np.float64], margin_px: float = 0.0) -> NDArray[np.bool_]:
        """Return which pixels (N, 2) lie at least ``margin_px`` inside the image: (N,), False for NaN."""
        low, high = margin_px, np.array([self.width, self.height]) - 1.0 - margin_px
        return np.asarray(((pixels >= low) & (pixels <= high)).all(axis=1))
