"""Removing lens distortion from images.

The package works on undistorted frames: a source undistorts once, with :class:`Undistorter`, and everything
behind it sees an ideal :class:`~vo_frontend.geometry.camera.Camera`.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.sensors.calibration import Camera


class Undistorter:
    """Removes lens distortion, optionally rotating the camera (for stereo rectification).

    The undistorted camera keeps the raw intrinsics unless ``target`` is given, so that the image
    centre keeps its resolution; the border may show black where the lens saw nothing. With ``size_px``
    (width, height) images are scaled to that size first, and ``target`` is a camera of that size.
    """

    def __init__(
        self,
        raw: Camera,
        target: PinholeCamera | None = None,
        R_target_raw: NDArray[np.float64] | None = None,
        size_px: tuple[int, int] | None = None,
    ) -> None:
        self.raw = raw
        self._size_px = None if size_px in (None, (raw.width, raw.height)) else size_px
        raw = raw if self._size_px is None else raw.resized(*self._size_px)
        self._scaled, self._R_target_raw = raw, np.eye(3) if R_target_raw is None else R_target_raw
        self.camera = target or raw.pinhole
        self._maps: tuple[Any, Any] | None = None
        if raw.distortion_model != "none" or target is not None or R_target_raw is not None:
            size = (self.camera.width, self.camera.height)
            arguments = (np.array(raw.distortion, dtype=np.float64), R_target_raw, self.camera.K, size)
            if raw.distortion_model == "equidistant":
                maps = cv2.fisheye.initUndistortRectifyMap(raw.pinhole.K, *arguments, cv2.CV_16SC2)
            else:
                maps = cv2.initUndistortRectifyMap(raw.pinhole.K, *arguments, cv2.CV_16SC2)
            self._maps = (maps[0], maps[1])

    def __call__(self, image: NDArray[Any], *, nearest: bool = False) -> NDArray[Any]:
        """Undistort an image (H, W[, C]); ``nearest`` for depth, where blending is meaningless."""
        if self._size_px is not None:
            way = cv2.INTER_NEAREST if nearest else cv2.INTER_AREA
            image = np.asarray(cv2.resize(image, self._size_px, interpolation=way))
        if self._maps is None:
            return image
        interpolation = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
        return np.asarray(cv2.remap(image, *self._maps, interpolation))

    def points(self, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where the undistorted image shows what the raw one shows at pixels (N, 2)."""
        scale = (self._scaled.width / self.raw.width, self._scaled.height / self.raw.height)
        rays = self._scaled.rays((pixels + 0.5) * scale - 0.5)
        turned = np.column_stack([rays, np.ones(len(rays))]) @ self._R_target_raw.T
        return self.camera.project(turned)
