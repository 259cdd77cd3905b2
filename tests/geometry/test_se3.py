import numpy as np
import pytest

from vo_frontend.geometry import se3

rng = np.random.default_rng(0)


@pytest.mark.parametrize("size", [1e-9, 1e-5, 0.3, 3.0])
def test_log_undoes_exp(size: int) -> None:
    direction = rng.normal(size=3)
    twist = np.concatenate([rng.normal(size=3), size * direction / np.linalg.norm(direction)])
    np.testing.assert_allclose(se3.log(se3.exp(twist)), twist, atol=1e-10)


def test_rotation_of_nearly_pi_survives_log_and_exp() -> None:
    axis = np.array([0.6, 0.0, 0.8])
    R = se3.so3_exp((np.pi - 1e-8) * axis)
    np.testing.assert_allclose(se3.so3_exp(se3.so3_log(R)), R, atol=1e-7)
    assert se3.rotation_angle_rad(R) == pytest.approx(np.pi, abs=1e-7)


def test_exp_of_pure_turn_about_z_takes_x_to_y() -> None:
    T = se3.exp(np.array([0, 0, 0, 0, 0, np.pi / 2]))
    np.testing.assert_allclose(se3.transform_points(T, np.array([[1.0, 0, 0]])), [[0, 1, 0]], atol=1e-12)


def test_inverse_cancels_batches() -> None:
    T = se3.from_rotation_translation(se3.so3_exp(rng.normal(size=(5, 3))), rng.normal(size=(5, 3)))
    np.testing.assert_allclose(se3.inverse(T) @ T, np.tile(np.eye(4), (5, 1, 1)), atol=1e-12)


def test_quaternions_round_trip_for_every_branch_of_shepperd() -> None:
    for R in [np.eye(3), np.diag([1, -1, -1]), np.diag([-1, 1, -1]), np.diag([-1, -1, 1.0])]:
        R_turned = R @ se3.so3_exp(np.array([0.01, -0.02, 0.03]))
        q = se3.quaternion_from_rotation(R_turned)
        assert q[0] >= 0
        np.testing.assert_allclose(se3.rotation_from_quaternion(q), R_turned, atol=1e-12)


def test_quaternion_of_quarter_turn_is_wxyz() -> None:
    q = se3.quaternion_from_rotation(se3.so3_exp(np.array([0, 0, np.pi / 2])))
    np.testing.assert_allclose(q, [np.sqrt(0.5), 0, 0, np.sqrt(0.5)], atol=1e-12)


def test_nearest_rotation_is_proper_and_fixes_noise() -> None:
    R = se3.so3_exp(np.array([0.2, -0.4, 0.1]))
    repaired = se3.nearest_rotation(R + 1e-6 * rng.normal(size=(3, 3)))
    assert np.linalg.det(repaired) == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(repaired, R, atol=1e-5)
