"""Depth of keypoints from a rectified stereo pair."""

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.config import StereoConfig
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.sensors.stereo_kernels import nearest_along_rows, refine_disparities
from vo_frontend.types import Features, Image, KeypointDepths, Matches

MIN_DISPARITY_PX = -1.0  # of a match: at infinity, keypoint noise makes it negative
MAX_ITERATIONS = 10
SIGMA_SCALE = 1.7  # true over predicted error: residuals of interpolated neighbours are not independent


class StereoMatcher:
    """Matches descriptors along rows, then aligns the image patches around them.

    Two steps as in ORB-SLAM2 (Mur-Artal and Tardos, T-RO 2017, section III-A), but the patch may be slanted:
    :func:`~vo_frontend.sensors.stereo_kernels.refine_disparities`.
    """

    def __init__(self, camera: PinholeCamera, baseline_m: float, config: StereoConfig) -> None:
        self._focal_baseline = camera.fx * baseline_m  # px m: disparity of 1 m
        self._config = config

    def depths(
        self, left: Features, right: Features, image_left: Image, image_right: Image
    ) -> KeypointDepths:
        """Measure the inverse depth at each left keypoint (N,), in 1/m; NaN where it has no sound match.

        1/z = disparity / (focal * baseline), negative disparities count as 0. The variance of a disparity
        is that of the alignment plus ``disparity_sigma_px`` squared. The images are (H, W[, 3]) uint8.
        """
        matches = self.match(left, right)
        pixels = left.pixels[matches.index0].astype(np.float64)
        start_px = pixels[:, 0] - right.pixels[matches.index1, 0]
        disparity_px, sigma_px, correlation = refine_disparities(
            _grey(image_left),
            _grey(image_right),
            pixels,
            start_px,
            self._config.patch_radius_px,
            MAX_ITERATIONS,
        )
        config = self._config
        sound = (correlation >= config.min_correlation) & (
            np.abs(disparity_px - start_px) <= config.max_shift_px
        )
        inverse_depth, sigma = np.full(len(left), np.nan), np.full(len(left), np.nan)
        index = matches.index0[sound]
        inverse_depth[index] = disparity_px[sound].clip(min=0.0) / self._focal_baseline
        sigma[index] = (
            np.hypot(SIGMA_SCALE * sigma_px[sound], config.disparity_sigma_px) / self._focal_baseline
        )
        return KeypointDepths(inverse_depth, sigma)

    def match(self, left: Features, right: Features) -> Matches:
        """Pair keypoints on one row that choose each other."""
        config = self._config
        order = np.argsort(right.pixels[:, 1], kind="stable")
        nearest_left, similarity, nearest_right = nearest_along_rows(
            left.descriptors,
            left.pixels,
            right.descriptors[order],
            right.pixels[order],
            config.row_tolerance_px,
            MIN_DISPARITY_PX,
            self._focal_baseline / config.min_depth_m,
        )
        index = np.flatnonzero((nearest_left >= 0) & (similarity >= config.min_similarity))
        index = index[nearest_right[nearest_left[index]] == index]
        return Matches(index, order[nearest_left[index]], similarity[index])


def _grey(image: Image) -> NDArray[np.uint8]:
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
