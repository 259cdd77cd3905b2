"""How large the errors of measured depths are, by what the map says of them.

What rectification leaves cannot be known before: half a pixel in KITTI, a tenth where images are rendered.
The scale of a map in which depths weigh too little shrinks by a tenth of a percent.
"""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.optimization.bundle import BundleProblem, BundleSolution

MIN_VIEWS = 4  # of a landmark that is asked
MIN_LANDMARKS = 50  # that must be asked before their answer counts
SIGMA_OF_MEDIAN = 1.4826  # standard deviation over median absolute value, of a normal distribution
RATE = 0.1  # of an answer in what is believed, in logarithms; depths that weigh more agree more with the map


def followed_noise(believed: float, errors: float | None, least: float) -> float:
    """Go some way from the noise that was believed to the one that was found.

    Args:
        believed: share of the stated error of measured depths by which they were weighed, 0..1.
        errors: as :func:`depth_errors` found them with these weights.
        least: share that is never fallen short of.
    """
    return believed if errors is None else min(max(believed * errors**RATE, least), 1.0)


def depth_errors(problem: BundleProblem, solution: BundleSolution, ray_sigma: float) -> float | None:
    """Estimate the error of measured depths, as a share of the error that their weights stand for.

    A variance component (Foerstner 1979), made robust. What rectification leaves is the same in all views of
    a landmark, so that their mean is no better than one of them: of n views the sum of the errors over
    sqrt(n) is looked at, too, which is as large as one error only if they have nothing in common. The larger
    of the two counts.

    Args:
        problem: with measured depths.
        solution: of the problem.
        ray_sigma: standard deviation of a ray, in ray units, by which the depths were weighed.

    Returns:
        1 where the errors are as large as was believed, None where too few landmarks tell.
    """
    if problem.inverse_depth is None or problem.depth_weight is None:
        return None
    point, error = _errors(problem, solution, problem.inverse_depth, problem.depth_weight / ray_sigma)
    num_views = np.bincount(point, minlength=1)
    told = num_views >= MIN_VIEWS
    if told.sum() < MIN_LANDMARKS:
        return None
    common = np.bincount(point, error, minlength=1)[told] / np.sqrt(num_views[told])
    return SIGMA_OF_MEDIAN * float(max(np.median(np.abs(error)), np.median(np.abs(common))))


def _errors(
    problem: BundleProblem,
    solution: BundleSolution,
    inverse_depth: NDArray[np.float64],
    weight: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the points (D,) of the observations with a depth, and their weighted errors (D,)."""
    seen = np.flatnonzero(np.isfinite(inverse_depth) & (weight > 0))
    point = problem.point_index[seen]
    row = se3.inverse(solution.T_world_cam)[problem.pose_index[seen], 2]
    z = np.einsum("ij,ij->i", row[:, :3], solution.points_world[point]) + row[:, 3]
    in_front = z > 0
    seen, point = seen[in_front], point[in_front]
    return point, weight[seen] * (1.0 / z[in_front] - inverse_depth[seen])
