"""Umeyama alignment: known answers, degenerate points."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from vo_frontend.errors import TrajectoryError
from vo_frontend.geometry import se3
from vo_frontend.geometry.alignment import align

RNG = np.random.default_rng(4)
R_TRUE = se3.so3_exp(np.array([0.4, -1.2, 2.0]))
T_TRUE = np.array([3.0, -20.0, 0.5])


def test_a_known_similarity_is_recovered_exactly() -> None:
    source = RNG.normal(size=(20, 3))
    found = align(source, 2.5 * source @ R_TRUE.T + T_TRUE, with_scale=True)
    assert found.scale == pytest.approx(2.5, rel=1e-12)
    assert_allclose(found.R_target_source, R_TRUE, atol=1e-12)
    assert_allclose(found.t_target_source, T_TRUE, atol=1e-11)


def test_without_scale_the_scale_stays_one() -> None:
    source = RNG.normal(size=(20, 3))
    found = align(source, 2.5 * source @ R_TRUE.T + T_TRUE, with_scale=False)
    assert found.scale == 1.0
    assert_allclose(found.R_target_source, R_TRUE, atol=1e-12)


def test_a_mirrored_target_still_gets_a_proper_rotation() -> None:
    source = RNG.normal(size=(20, 3))
    found = align(source, source * (1, 1, -1), with_scale=True)
    assert np.linalg.det(found.R_target_source) == pytest.approx(1.0)


def test_points_on_a_straight_line_align() -> None:
    source = np.linspace(0, 10, 15)[:, None] * np.array([0.0, 0.6, 0.8])
    target = 0.5 * source @ R_TRUE.T + T_TRUE
    found = align(source, target, with_scale=True)
    assert_allclose(found.transform_points(source), target, atol=1e-12)
    assert found.scale == pytest.approx(0.5)


@pytest.mark.parametrize("still", ["estimate", "ground truth"])
def test_no_motion_has_no_scale(still: str) -> None:
    moving, fixed = RNG.normal(size=(9, 3)), np.full((9, 3), 1e4 / 3)
    pair = (fixed, moving) if still == "estimate" else (moving, fixed)
    with pytest.raises(TrajectoryError, match=f"of the {still} are equal, so the scale is undefined"):
        align(*pair, with_scale=True)
    found = align(*pair, with_scale=False)
    assert np.isfinite(found.transform_points(pair[0])).all()


def test_two_points_are_too_few() -> None:
    with pytest.raises(TrajectoryError, match="got 2 positions, expected at least 3"):
        align(np.eye(3)[:2], np.eye(3)[:2], with_scale=True)


def test_poses_keep_orthonormal_rotations_and_inputs_are_not_touched() -> None:
    source = RNG.normal(size=(8, 3))
    T = se3.from_rotation_translation(se3.so3_exp(RNG.normal(size=(8, 3))), source)
    target = 3 * source @ R_TRUE.T + T_TRUE
    before = T.copy(), source.copy(), target.copy()
    moved = align(source, target, with_scale=True).transform_poses(T)
    assert_allclose(moved[:, :3, 3], target, atol=1e-11)
    assert_allclose(moved[:, :3, :3], R_TRUE @ T[:, :3, :3], atol=1e-12)
    for now, then in zip((T, source, target), before, strict=True):
        assert (now == then).all()
