"""The same bundle adjustment by Ceres, through pyceres. Needs pyceres, which nothing else here does.

Written with other means than the adjustment itself, to check its optimum: poses are angle-axis vectors,
rays and depths are residual blocks of their own, each with Ceres' Huber loss.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyceres
from numpy.typing import NDArray

from vo_frontend.compute.compilation import kernel
from vo_frontend.geometry import se3
from vo_frontend.optimization.bundle import BundleProblem
from vo_frontend.optimization.reprojection import DEPTH_HUBER, measurements

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CeresSolution:
    """What Ceres found, and how long that took on one thread."""

    initial_cost: float
    final_cost: float
    iterations: int
    total_s: float  # without building the problem
    linear_solver_s: float  # of the total: elimination, Cholesky, back-substitution; compiled code alone


def adjust_with_ceres(
    problem: BundleProblem,
    *,
    huber: float,
    max_iterations: int,
    tolerance: float = 1e-12,
    sparse: bool = False,
) -> CeresSolution:
    """Minimise what :func:`vo_frontend.optimization.bundle.adjust` minimises.

    Args:
        problem: poses, points and observations.
        huber: in ray units.
        max_iterations: including refused steps.
        tolerance: stop when the cost falls by less than this share of itself; by default, nothing moves then.
        sparse: solve for the poses by sparse Cholesky, for whole maps.
    """
    measured = measurements(problem.rays, problem.inverse_depth, problem.depth_weight)
    T_cam_world = se3.inverse(problem.T_world_cam)
    poses = [np.concatenate([se3.so3_log(T[:3, :3]), T[:3, 3]]) for T in T_cam_world]
    points = [point.copy() for point in problem.points_world]
    ceres = pyceres.Problem()
    ray_loss, depth_loss = pyceres.HuberLoss(huber), pyceres.HuberLoss(DEPTH_HUBER * huber)
    costs: list[Any] = []  # Ceres does not keep them alive
    for k, m, row in zip(problem.pose_index, problem.point_index, measured, strict=True):
        costs.append(_Cost(row, slice(0, 2)))
        ceres.add_residual_block(costs[-1], ray_loss, [poses[k], points[m]])
        if row[3] > 0:
            costs.append(_Cost(row, slice(2, 3)))
            ceres.add_residual_block(costs[-1], depth_loss, [poses[k], points[m]])
    for k, pose in enumerate(poses):
        if k < problem.num_fixed and ceres.has_parameter_block(pose):
            ceres.set_parameter_block_constant(pose)
    options, summary = pyceres.SolverOptions(), pyceres.SolverSummary()
    solvers = pyceres.LinearSolverType
    options.linear_solver_type = solvers.SPARSE_SCHUR if sparse else solvers.DENSE_SCHUR
    options.max_num_iterations = max_iterations
    options.function_tolerance = tolerance
    options.parameter_tolerance = options.gradient_tolerance = 1e-12
    options.num_threads = 1
    pyceres.solve(options, ceres, summary)
    return CeresSolution(
        initial_cost=summary.initial_cost,
        final_cost=summary.final_cost,
        iterations=summary.num_linear_solves,
        total_s=summary.minimizer_time_in_seconds,
        linear_solver_s=summary.linear_solver_time_in_seconds,
    )


class _Cost(pyceres.CostFunction):  # type: ignore[misc]
    """Some of the three residuals of one observation, by pose (6,) and point (3,)."""

    def __init__(self, measured: Array, rows: slice) -> None:
        super().__init__()
        self._measured, self._rows = measured, rows
        self.set_num_residuals(rows.stop - rows.start)
        self.set_parameter_block_sizes([6, 3])

    def Evaluate(self, parameters: Any, residuals: Any, jacobians: Any) -> bool:
        """Called by Ceres; a Jacobian that it does not need is None."""
        values = _evaluate(*parameters, self._measured)
        residuals[:] = values[self._rows, 0]
        for jacobian, columns in zip(jacobians or (), (slice(1, 7), slice(7, 10)), strict=False):
            if jacobian is not None:
                jacobian[:] = values[self._rows, columns].ravel()
        return True


@kernel
def _cross(a: Array, b: Array) -> Array:
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


@kernel
def _evaluate(pose: Array, point: Array, measured: Array) -> Array:
    """Rows of residual, d/d angle-axis, d/d translation, d/d point: (3, 10)."""
    phi = pose[:3]
    angle = max(np.sqrt((phi * phi).sum()), 1e-8)
    a, b, c = np.sin(angle) / angle, (1 - np.cos(angle)) / angle**2, (angle - np.sin(angle)) / angle**3
    turned = point + a * _cross(phi, point) + b * _cross(phi, _cross(phi, point))
    x, y, z = turned + pose[3:]
    moved = np.empty((9, 3))  # of the point in the camera, by each parameter
    for i, axis in enumerate(np.eye(3)):
        moved[i] = _cross(axis + b * _cross(phi, axis) + c * _cross(phi, _cross(phi, axis)), turned)
        moved[3 + i] = axis
        moved[6 + i] = axis + a * _cross(phi, axis) + b * _cross(phi, _cross(phi, axis))
    values = np.empty((3, 10))
    values[0, 0], values[1, 0] = x / z - measured[0], y / z - measured[1]
    values[2, 0] = measured[3] * (1 / z - measured[2])
    values[0, 1:] = moved[:, 0] / z - moved[:, 2] * x / z**2
    values[1, 1:] = moved[:, 1] / z - moved[:, 2] * y / z**2
    values[2, 1:] = -measured[3] * moved[:, 2] / z**2
    return values
