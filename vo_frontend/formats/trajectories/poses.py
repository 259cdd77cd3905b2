"""From the numbers of a file to poses, and what is wrong with those that are none."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import TrajectoryError
from vo_frontend.geometry import se3

MAX_QUATERNION_NORM_ERROR = 0.01  # datasets print 4 decimals; more than that is another column order
MAX_NUMBER = 1e12  # of a position in m: beyond the sun; squares and sums of it are far from overflow
MAX_ROTATION_ERROR = 0.01  # of R^T R against identity


def poses_from_matrices(matrices: NDArray[np.float64], where: Sequence[str]) -> NDArray[np.float64]:
    """Make poses (N, 4, 4) of matrices (N, 3, 4) whose rotations were rounded to a few decimals.

    Raises:
        TrajectoryError: a matrix is not finite or not a rotation; ``where`` (N,) names it.
    """
    _require_finite(matrices.reshape(len(matrices), -1), where)
    R = matrices[:, :, :3]
    error = np.abs(np.swapaxes(R, 1, 2) @ R - np.eye(3)).max(axis=(1, 2))
    is_rotation = (error <= MAX_ROTATION_ERROR) & (np.linalg.det(R) > 0)
    _require(is_rotation, where, "the left 3x3 is not a rotation, expected orthonormal rows")
    return se3.from_rotation_translation(se3.nearest_rotation(R), matrices[:, :, 3])


def poses_from_quaternions(
    values: NDArray[np.float64], where: Sequence[str], columns: str
) -> NDArray[np.float64]:
    """Make poses (N, 4, 4) of rows (N, 7): position x y z, then quaternion w x y z.

    Raises:
        TrajectoryError: a row is not finite or its quaternion not of unit length; ``where`` (N,) names
            it, and the message says which ``columns`` were expected.
    """
    _require_finite(values, where)
    q_wxyz = values[:, 3:]
    is_unit = np.abs(np.linalg.norm(q_wxyz, axis=1) - 1) <= MAX_QUATERNION_NORM_ERROR
    _require(is_unit, where, f"the quaternion is not of unit length, expected {columns}")
    return se3.from_rotation_translation(se3.rotation_from_quaternion(q_wxyz), values[:, :3])


def _require_finite(values: NDArray[np.float64], where: Sequence[str]) -> None:
    is_good = np.asarray((np.abs(values) <= MAX_NUMBER).all(axis=1))  # of NaN, too
    _require(is_good, where, f"the pose is not finite, expected numbers of at most {MAX_NUMBER:g}")


def _require(is_good: NDArray[np.bool_], where: Sequence[str], message: str) -> None:
    if not is_good.all():
        raise TrajectoryError(f"{where[int(np.argmin(is_good))]}: {message}")
