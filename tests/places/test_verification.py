"""Geometric verification against maps and motions that are known."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.config import RansacConfig
from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.places.verification import AffineConfig, AffineVerifier, EpipolarVerifier, affine_ransac
from vo_frontend.tracking.robust import PoselibEstimator
from vo_frontend.types import Features

A_TRUE = np.array([[0.9, 0.2, 15.0], [-0.1, 1.1, -8.0]])
CAMERA = PinholeCamera(400.0, 400.0, 319.5, 239.5, 640, 480)


def pixels(count: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform((0, 0), (639, 479), (count, 2))


def mapped(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points @ A_TRUE[:, :2].T + A_TRUE[:, 2]


def features_at(points: NDArray[np.float64], seed: int = 5) -> Features:
    """Feature i of one seed looks like feature i of the same seed, and like no other."""
    vectors = np.random.default_rng(seed).standard_normal((len(points), 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Features(points.astype(np.float32), vectors, np.ones(len(points), np.float32))


def test_an_affine_map_is_found_among_as_many_wrong_matches() -> None:
    points0 = pixels(100)
    points1 = np.concatenate([mapped(points0[:50]), pixels(50, seed=1)])
    A, inliers = affine_ransac(points0, points1, AffineConfig(max_residual_px=3.0))
    assert A is not None
    assert inliers[:50].all()
    assert inliers[50:].sum() <= 3
    np.testing.assert_allclose(mapped(points0[:50]), points0[:50] @ A[:, :2].T + A[:, 2], atol=1.5)


def test_the_map_of_matches_without_error_is_exact() -> None:
    points0 = pixels(30)
    A, inliers = affine_ransac(points0, mapped(points0), AffineConfig())
    assert inliers.all()
    assert A is not None
    np.testing.assert_allclose(A, A_TRUE, atol=1e-6)


def test_the_residual_limit_decides_what_is_an_inlier() -> None:
    points0 = pixels(40)
    points1 = mapped(points0)
    points1[0] += (15.0, 0.0)
    assert not affine_ransac(points0, points1, AffineConfig(max_residual_px=10.0))[1][0]
    assert affine_ransac(points0, points1, AffineConfig(max_residual_px=20.0))[1].all()


def test_two_matches_and_points_on_a_line_fix_no_map() -> None:
    line = np.column_stack([np.arange(20.0), 2 * np.arange(20.0)])
    for points in (pixels(0), pixels(2), line, np.ones((9, 2))):
        A, inliers = affine_ransac(points, points, AffineConfig())
        assert A is None
        assert inliers.shape == (len(points),)
        assert not inliers.any()


def test_the_affine_score_of_an_image_against_its_warped_copy_counts_all_features() -> None:
    points = pixels(60)
    found = AffineVerifier().verify(features_at(points), features_at(mapped(points)))
    assert found.score == len(found.matches) == 60
    assert found.T_query_candidate is None


def test_features_that_look_alike_but_are_scattered_score_little() -> None:
    found = AffineVerifier().verify(features_at(pixels(60)), features_at(pixels(60, seed=1)))
    assert len(found.matches) == 60
    assert found.score < 10


def test_an_image_without_features_scores_zero() -> None:
    nothing, something = features_at(pixels(0)), features_at(pixels(20))
    epipolar = EpipolarVerifier(PoselibEstimator(CAMERA, RansacConfig(), 0))
    for verifier in (AffineVerifier(), epipolar):
        assert verifier.verify(nothing, something).score == 0
        assert verifier.verify(something, nothing).score == 0


def test_verification_twice_is_the_same() -> None:
    query, candidate = features_at(pixels(60)), features_at(pixels(60, seed=1))
    first, second = (AffineVerifier().verify(query, candidate) for _ in range(2))
    np.testing.assert_array_equal(first.inliers, second.inliers)


def test_the_essential_matrix_counts_the_points_of_a_motion_and_gives_its_direction() -> None:
    rng = np.random.default_rng(0)
    points_cam0 = np.column_stack([rng.uniform(-3, 3, 80), rng.uniform(-2, 2, 80), rng.uniform(4, 12, 80)])
    T_cam0_cam1 = se3.exp(np.array([0.8, 0.1, 0.3, 0.02, -0.1, 0.01]))
    points_cam1 = se3.transform_points(se3.inverse(T_cam0_cam1), points_cam0)
    seen0, seen1 = (400 * p[:, :2] / p[:, 2:] + (319.5, 239.5) for p in (points_cam0, points_cam1))
    seen1[:20] = pixels(20, seed=3)
    verifier = EpipolarVerifier(PoselibEstimator(CAMERA, RansacConfig(), 0))
    found = verifier.verify(features_at(seen0), features_at(seen1))
    assert 60 <= found.score <= 66
    assert found.T_query_candidate is not None
    direction = T_cam0_cam1[:3, 3] / np.linalg.norm(T_cam0_cam1[:3, 3])
    np.testing.assert_allclose(found.T_query_candidate[:3, 3], direction, atol=0.01)
