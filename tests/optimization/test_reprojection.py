from collections.abc import Callable

import numpy as np
import pytest
from callable_parts import callable_part
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.optimization import reprojection
from vo_frontend.optimization.least_squares import move_pose, solve_positive_definite
from vo_frontend.optimization.reprojection import DEPTH_HUBER, measurements

add_pose_curvature = callable_part(reprojection.add_pose_curvature)
curvature = callable_part(reprojection.curvature)
residual = callable_part(reprojection.residual)
robust_cost = callable_part(reprojection.robust_cost)

Array = NDArray[np.float64]

RAY = np.array([[0.13, -0.07]])
POINT_CAM = np.array([0.5, -0.4, 5.0])
WIDE, NARROW = 1.0, 1e-3  # Huber widths: quadratic everywhere, linear everywhere


def observation(*, inverse_depth: float = 0.21, depth_weight: float = 3.0) -> Array:
    return measurements(RAY, np.array([inverse_depth]), np.array([depth_weight]))


def cost(point_cam: Array, measured: Array, huber: float) -> float:
    return float(robust_cost(*residual(*point_cam, measured, 0), huber))


def differences(function: Callable[[Array], Array], size: int, step: float = 1e-6) -> Array:
    """Columns d function / d x at zero, central."""
    moves = step * np.eye(size)
    return np.stack([(function(d) - function(-d)) / (2 * step) for d in moves], axis=-1)


def curvature_of(point_cam: Array, measured: Array, huber: float) -> tuple[Array, Array]:
    b0, b1, b2, c00, c02, c12, c22 = curvature(*point_cam, measured, 0, huber)
    return np.array([b0, b1, b2]), np.array([[c00, 0, c02], [0, c00, c12], [c02, c12, c22]])


def weights(r: Array, huber: float) -> Array:
    ray = min(1.0, huber / np.hypot(r[0], r[1]))
    return np.diag([ray, ray, min(1.0, DEPTH_HUBER * huber / abs(r[2]))])


@pytest.mark.parametrize("huber", [WIDE, NARROW])
@pytest.mark.parametrize("depth_weight", [0.0, 3.0])
def test_gradient_is_that_of_the_cost(huber: float, depth_weight: float) -> None:
    measured = observation(depth_weight=depth_weight)
    gradient, _ = curvature_of(POINT_CAM, measured, huber)
    numeric = differences(lambda d: np.array(cost(POINT_CAM + d, measured, huber)), 3)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("huber", [WIDE, NARROW])
@pytest.mark.parametrize("depth_weight", [0.0, 3.0])
def test_curvature_is_that_of_the_three_residuals_by_finite_differences(
    huber: float, depth_weight: float
) -> None:
    measured = observation(depth_weight=depth_weight)
    J = differences(lambda d: np.array(residual(*(POINT_CAM + d), measured, 0)), 3)
    r = np.array(residual(*POINT_CAM, measured, 0))
    W = weights(np.array([r[0], r[1], r[2] if depth_weight else 1.0]), huber)
    W[2, 2] *= depth_weight > 0
    gradient, C = curvature_of(POINT_CAM, measured, huber)
    np.testing.assert_allclose(C, J.T @ W @ J, rtol=1e-6, atol=1e-11)
    np.testing.assert_allclose(gradient, J.T @ W @ r, rtol=1e-6, atol=1e-11)


def test_curvature_of_the_pose_is_that_of_a_left_perturbation_by_finite_differences() -> None:
    T, point_world = se3.exp(np.array([0.1, -0.2, 0.3, 0.2, -0.1, 0.3])), np.array([0.5, -0.4, 5.0])
    measured, huber = observation(), 0.05

    def residuals_after(twist: Array) -> Array:
        point_cam = se3.transform_points(se3.exp(twist) @ T, point_world[None])[0]
        return np.array(residual(*point_cam, measured, 0))

    J, r = differences(residuals_after, 6), residuals_after(np.zeros(6))
    point_cam = se3.transform_points(T, point_world[None])[0]
    H, g = np.zeros((8, 6)), np.zeros(8)
    add_pose_curvature(2, *point_cam, curvature(*point_cam, measured, 0, huber), H, g)
    np.testing.assert_allclose(H[2:], np.asarray(J.T @ weights(r, huber) @ J), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(g[2:], -J.T @ weights(r, huber) @ r, rtol=1e-6, atol=1e-8)
    assert not H[:2].any()


def test_a_wrong_depth_takes_no_weight_from_a_good_pixel() -> None:
    good, wrong = observation(inverse_depth=0.2), observation(inverse_depth=0.8)
    gradient, C = curvature_of(POINT_CAM, good, NARROW)
    gradient_wrong, C_wrong = curvature_of(POINT_CAM, wrong, NARROW)
    np.testing.assert_array_equal(C_wrong[:2], C[:2])
    np.testing.assert_array_equal(gradient_wrong[:2], gradient[:2])


def test_behind_the_camera_is_far_worse_than_before_it_and_pulls_at_nothing() -> None:
    measured = observation()
    behind = np.array([0.5, -0.4, -1.0])
    assert cost(behind, measured, NARROW) > 1000 * cost(POINT_CAM, measured, NARROW)
    assert curvature(*behind, measured, 0, NARROW) == (0,) * 7


def test_unknown_depth_is_no_depth() -> None:
    unknown = measurements(
        np.repeat(RAY, 3, axis=0), np.array([np.nan, 0.2, 0.3]), np.array([2.0, np.nan, 0.0])
    )
    np.testing.assert_array_equal(unknown, measurements(np.repeat(RAY, 3, axis=0)))


def test_depth_without_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="belong together"):
        measurements(RAY, np.array([0.2]))
    with pytest.raises(ValueError, match=r"must be \(1,\)"):
        measurements(RAY, np.array([0.2, 0.3]), np.array([1.0, 1.0]))


@pytest.mark.parametrize("size", [1, 6, 60])
def test_the_symmetric_solve_agrees_with_lapack(size: int) -> None:
    rng = np.random.default_rng(size)
    A = rng.normal(size=(size, size + 3))
    H, b = A @ A.T, rng.normal(size=size)
    x, upper = b.copy(), np.triu(H)
    assert solve_positive_definite(upper, x)
    np.testing.assert_allclose(x, np.linalg.solve(H, b), rtol=1e-8)


@pytest.mark.parametrize("entry", [0.0, -1.0, np.nan, np.inf])
def test_a_matrix_that_is_not_positive_definite_is_said_to_be(entry: float) -> None:
    assert not solve_positive_definite(np.diag([1.0, entry, 1.0]), np.ones(3))


@pytest.mark.parametrize("angle_rad", [0.0, 1e-9, 1e-5, 1e-3, 2.0])
def test_a_moved_pose_is_rotated_by_the_exponential_and_then_shifted(angle_rad: float) -> None:
    T = se3.exp(np.array([0.1, -0.2, 0.3, 0.2, -0.1, 0.3]))
    rho, phi = np.array([0.3, 0.2, -0.1]), angle_rad * np.array([0.6, 0.0, 0.8])
    moved = np.empty((1, 4, 4))
    move_pose(T[None], 0, np.concatenate([[9.0], rho, phi]), 1, moved)
    np.testing.assert_allclose(moved[0], se3.from_rotation_translation(se3.so3_exp(phi), rho) @ T, atol=1e-14)
