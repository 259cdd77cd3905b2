"""Height of a vehicle's camera above the road, in the unit of a sparse map.

The road is a plane under the camera whose normal is close to the camera's y axis. Its tilt comes from all
points around the lane, its height from those in the lane: kerbs and verges at the sides lie higher, and are
better textured, than the road (Song and Chandraker, CVPR 2014, look at the lane only for the same reason).
Every threshold is relative to the height itself, because the scale is what is sought.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_SIDEWAYS, MAX_AHEAD = 2.0, 10.0  # camera heights: the part of the road that is looked at
LANE_SIGMA = 0.5  # camera heights sideways: how fast points lose their say in the height
MAX_TILT_RAD = np.deg2rad(10.0)  # of the camera against the road: pitch and roll together
TOLERANCE = 0.05  # of the height: a point of the plane
LAYER = 0.1  # of the height: points that take part in its median
MIN_POINTS, MIN_SHARE = 20, 0.3  # on the plane, and of the points looked at
NUM_DRAWS = 300
NUM_REFINEMENTS = 5


@dataclass(frozen=True, slots=True)
class RoadPlane:
    """The road as one view of the map shows it."""

    height: float  # of the camera above the road, map units
    normal_cam: NDArray[np.float64]  # (3,) unit, pointing down
    num_points: int  # on the plane
    weight: float  # effective number of points in the lane


def find_road_plane(points_cam: NDArray[np.float64], seed: int = 0) -> RoadPlane | None:
    """Fit the road to map points (M, 3) in the camera frame; None where no plane has enough support.

    RANSAC with a truncated quadratic score, then reweighted least squares of ``m @ point == 1``, whose
    residual is the error relative to the height. Deterministic for a seed.
    """
    x, y, z = points_cam.T
    candidates = points_cam[(np.abs(x) < MAX_SIDEWAYS * y) & (z > 0) & (z < MAX_AHEAD * y)]  # y > 0 follows
    if len(candidates) < MIN_POINTS:
        return None
    plane = _draw(candidates, np.random.default_rng(seed))
    for _ in range(NUM_REFINEMENTS):
        if plane is None:
            return None
        plane = _refine(candidates, plane)
    if plane is None or plane[1] < np.cos(MAX_TILT_RAD) * np.linalg.norm(plane):
        return None

    relative = candidates @ plane
    on_plane = np.abs(relative - 1.0) < TOLERANCE
    num_points = int(on_plane.sum())
    if num_points < max(MIN_POINTS, MIN_SHARE * len(candidates)):
        return None
    height = 1.0 / float(np.linalg.norm(plane))
    weight = np.exp(-0.5 * (candidates[:, 0] / (LANE_SIGMA * height)) ** 2)
    weight[np.abs(relative - 1.0) > LAYER] = 0.0
    height_in_lane = height * weighted_median(relative, weight)
    return RoadPlane(height_in_lane, plane * height, num_points, float(weight.sum()))


def weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Find the one of N values below which half of the weight (N,) lies. Not all weights may be zero."""
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(cumulative, 0.5 * cumulative[-1])]])


def _draw(points: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64] | None:
    """Draw planes m (3,), ``m @ point == 1``, through three points each; return the one that scores best."""
    corners = points[rng.integers(0, len(points), size=(NUM_DRAWS, 3))]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals *= np.where(normals[:, 1:2] < 0, -1.0, 1.0)
    heights = (normals * corners[:, 0]).sum(axis=1)  # times the normals' lengths
    possible = normals[:, 1] > np.cos(MAX_TILT_RAD) * np.linalg.norm(normals, axis=1)
    possible &= heights > 0
    if not possible.any():
        return None
    planes = normals[possible] / heights[possible, None]
    return np.asarray(planes[_scores(planes @ points.T).sum(axis=1).argmax()])


def _refine(points: NDArray[np.float64], plane: NDArray[np.float64]) -> NDArray[np.float64] | None:
    weight = _scores(points @ plane)
    if (weight > 0).sum() < MIN_POINTS:
        return None
    return np.asarray(np.linalg.lstsq(points * weight[:, None], weight, rcond=None)[0])


def _scores(relative: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(0.0, 1.0 - ((relative - 1.0) / TOLERANCE) ** 2)
