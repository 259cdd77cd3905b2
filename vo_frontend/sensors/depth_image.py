"""Depth of keypoints from a registered depth image."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.config import DepthImageConfig
from vo_frontend.types import KeypointDepths


def depths_from_image(
    depth_m: NDArray[np.float32], pixels: NDArray[np.floating[Any]], config: DepthImageConfig
) -> KeypointDepths:
    """Look up the depth at each pixel (N, 2) of an image (H, W) of z in metres, NaN where unknown.

    Between four known neighbours on one surface the inverse depth is interpolated, which is exact on a plane.
    At a depth edge the nearest known surface counts: a corner seen there belongs to what occludes. NaN where
    no neighbour is known, the pixel is outside, or the depth is out of range.

    The error of structured light grows with the square of the depth, because it measures disparity
    (Khoshelham and Elberink, Sensors 2012, eq. 13: 1.43e-3 z^2 m for the first Kinect); sigma_m is the part
    that registration and small targets add. sigma_(1/z) = sigma_z / z^2.
    """
    inverse = _inverse_at(depth_m, np.asarray(pixels, dtype=np.float64), config.max_gap)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = 1.0 / inverse
        known = (z >= config.min_depth_m) & (z <= config.max_depth_m)
        sigma = (config.sigma_m + config.sigma_per_m * z**2) / z**2
    return KeypointDepths(np.where(known, inverse, np.nan), np.where(known, sigma, np.nan))


def _inverse_at(
    depth_m: NDArray[np.float32], pixels: NDArray[np.float64], max_gap: float
) -> NDArray[np.float64]:
    height, width = depth_m.shape
    x, y = pixels.T
    with np.errstate(invalid="ignore"):
        inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    x, y = np.where(inside, x, 0.0), np.where(inside, y, 0.0)
    left, top = np.floor(x).astype(int).clip(max=width - 2), np.floor(y).astype(int).clip(max=height - 2)
    right, below = x - left, y - top
    rows, columns = np.stack([top, top, top + 1, top + 1]), np.stack([left, left + 1, left, left + 1])
    z = depth_m[rows, columns].astype(np.float64)  # (4, N)
    z[~((z > 0) & np.isfinite(z))] = np.nan
    weights = np.stack([(1 - right) * (1 - below), right * (1 - below), (1 - right) * below, right * below])
    nearest, farthest = np.fmin.reduce(z), np.fmax.reduce(z)
    is_one_surface = np.isfinite(z).all(axis=0) & (farthest - nearest <= max_gap * nearest)
    inverse = np.where(is_one_surface, (weights / z).sum(axis=0), 1.0 / nearest)
    return np.where(inside, inverse, np.nan)
