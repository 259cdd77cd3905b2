"""Where a viewpoint shows a point."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.viewer.viewpoint import Viewpoint


def project(view: Viewpoint, points: NDArray[np.float64], aspect: float) -> NDArray[np.float64]:
    """Picture coordinates (N, 2), x right and y up, in -1..1 where visible; NaN behind the eye."""
    forward = (view.target - view.eye) / np.linalg.norm(view.target - view.eye)
    right = np.cross(forward, view.up)
    right /= np.linalg.norm(right)
    offsets = points - view.eye
    depth = np.where(offsets @ forward > 0, offsets @ forward, np.nan)
    tangent = np.tan(np.deg2rad(view.vertical_fov_deg) / 2)
    x, y = offsets @ right / depth / tangent / aspect, offsets @ np.cross(right, forward) / depth / tangent
    return np.stack([x, y], axis=1)
