"""Metrics of features against values known beforehand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.evaluation.feature_metrics import (
    THRESHOLDS_PX,
    HomographyScores,
    ImageSize,
    corner_error_px,
    mean_homography_scores,
    pose_auc,
    pose_error_deg,
    score_homography_pair,
    warp,
)
from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform

SIZE = ImageSize(320, 240)
TILTED = np.array([[0.9, 0.1, 12.0], [-0.15, 1.1, -7.0], [3e-4, -2e-4, 1.0]])


def shift(x: float, y: float = 0.0) -> NDArray[np.float64]:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def grid(step: int = 20) -> NDArray[np.float64]:
    """Points far enough apart that none is near another one's place."""
    x, y = np.meshgrid(np.arange(5.0, SIZE.width, step), np.arange(5.0, SIZE.height, step))
    return np.column_stack([x.ravel(), y.ravel()])


def same_index(count: int) -> NDArray[np.int64]:
    return np.column_stack([np.arange(count)] * 2)


def score(
    pixels0: NDArray[np.float64],
    pixels1: NDArray[np.float64],
    matches: NDArray[np.int64],
    H: NDArray[np.float64] | None = None,
    H_estimated: NDArray[np.float64] | None = None,
) -> HomographyScores:
    H = np.eye(3) if H is None else H
    return score_homography_pair(pixels0, pixels1, matches, H, H_estimated, SIZE, SIZE)


def test_the_same_keypoints_under_the_identity_score_one_everywhere() -> None:
    points = grid()
    scores = score(points, points, same_index(len(points)), H_estimated=np.eye(3))
    for shares in (scores.repeatability, scores.matching_score, scores.matching_accuracy):
        np.testing.assert_array_equal(shares, np.ones(10))
    assert scores.corner_error_px == 0
    np.testing.assert_array_equal(mean_homography_scores([scores]).homography_accuracy, np.ones(10))


def test_keypoints_warped_by_any_homography_score_one_everywhere() -> None:
    points = grid()
    warped = warp(TILTED, points)
    keep = SIZE.contains(warped)
    points, warped = points[keep], warped[keep]
    scores = score(points, warped, same_index(len(points)), TILTED, 3.0 * TILTED)
    for shares in (scores.repeatability, scores.matching_score, scores.matching_accuracy):
        np.testing.assert_array_equal(shares, np.ones(10))
    assert scores.corner_error_px == pytest.approx(0, abs=1e-9)


def test_a_shift_of_four_and_a_half_pixels_counts_from_the_threshold_of_five() -> None:
    points = grid()
    scores = score(points, points, same_index(len(points)), shift(4.5), np.eye(3))
    expected = (THRESHOLDS_PX >= 5).astype(float)
    np.testing.assert_array_equal(scores.matching_accuracy, expected)
    np.testing.assert_array_equal(scores.repeatability, expected)
    assert scores.corner_error_px == pytest.approx(4.5)
    np.testing.assert_array_equal(mean_homography_scores([scores]).homography_accuracy, expected)


def test_accuracy_follows_the_distribution_of_errors() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(20, 220, (1500, 2))
    moved = points + rng.normal(0, 2.0, points.shape)
    scores = score(points, moved, same_index(len(points)))
    rayleigh = 1 - np.exp(-(THRESHOLDS_PX**2) / (2 * 2.0**2))
    np.testing.assert_allclose(scores.matching_accuracy, rayleigh, atol=0.03)


def test_wrong_matches_lower_the_accuracy_and_missing_ones_the_matching_score() -> None:
    points = grid()
    count = len(points)
    matches = same_index(count)[: count // 2].copy()
    wrong = count // 4
    matches[:wrong, 1] = np.roll(matches[:wrong, 1], 1)
    scores = score(points, points, matches)
    right = count // 2 - wrong
    np.testing.assert_allclose(scores.matching_accuracy, right / (count // 2))
    np.testing.assert_allclose(scores.matching_score, right / count)
    np.testing.assert_array_equal(scores.repeatability, np.ones(10))


def test_keypoints_outside_the_other_image_do_not_count_against_repeatability() -> None:
    points = grid()
    half = SIZE.width / 2
    visible = points[points[:, 0] < half]
    scores = score(points, visible + (half, 0), np.zeros((0, 2), int), shift(half))
    np.testing.assert_array_equal(scores.repeatability, np.ones(10))
    np.testing.assert_array_equal(scores.matching_accuracy, np.zeros(10))


def test_no_keypoints_at_all_score_zero() -> None:
    nothing = np.zeros((0, 2))
    scores = score(nothing, nothing, np.zeros((0, 2), int))
    for shares in (scores.repeatability, scores.matching_score, scores.matching_accuracy):
        np.testing.assert_array_equal(shares, np.zeros(10))
    assert scores.corner_error_px == np.inf


def test_every_pair_weighs_the_same_in_the_mean() -> None:
    points = grid()
    good = score(points, points, same_index(len(points)), H_estimated=np.eye(3))
    bad = score(points[:4], points[:4], np.zeros((0, 2), int))
    mean = mean_homography_scores([good, bad])
    np.testing.assert_allclose(mean.matching_accuracy, 0.5)
    np.testing.assert_allclose(mean.homography_accuracy, 0.5)
    assert mean.num_keypoints == (len(points) + 4) / 2


def test_points_beyond_the_horizon_have_no_place_in_the_other_image() -> None:
    H = np.array([[1.0, 0, 0], [0, 1, 0], [-0.01, 0, 1]])  # horizon at x = 100
    warped = warp(-H, np.array([[50.0, 10], [100, 10], [150, 10]]))
    np.testing.assert_allclose(warped[0], [100, 20])
    assert np.isnan(warped[1:]).all()


def test_the_corner_error_is_the_mean_over_the_corners() -> None:
    H = np.diag([1.0, (SIZE.height - 1 + 8) / (SIZE.height - 1), 1.0])  # moves the two lower corners by 8
    assert corner_error_px(H, np.eye(3), SIZE) == pytest.approx(4)
    assert corner_error_px(None, np.eye(3), SIZE) == np.inf


def motion(rotation_deg: float, translation: list[float]) -> Transform:
    return se3.from_rotation_translation(
        se3.so3_exp(np.array([0.0, np.deg2rad(rotation_deg), 0.0])), np.asarray(translation, float)
    )


def test_the_pose_error_is_the_larger_of_both_angles() -> None:
    true = motion(10, [1, 0, 0])
    direction = [np.cos(np.deg2rad(4)), np.sin(np.deg2rad(4)), 0]
    assert pose_error_deg(motion(13, [5, 0, 0]), true, 0.1) == pytest.approx(3)
    assert pose_error_deg(motion(13, direction), true, 0.1) == pytest.approx(4)
    assert pose_error_deg(true, true, 0.1) == pytest.approx(0, abs=1e-9)
    assert pose_error_deg(None, true, 0.1) == np.inf


def test_the_opposite_direction_of_translation_is_the_same() -> None:
    assert pose_error_deg(motion(0, [-1, 0, 0]), motion(0, [1, 0, 0]), 0.1) == pytest.approx(0, abs=1e-9)


def test_short_baselines_have_no_direction() -> None:
    assert pose_error_deg(motion(2, [0, 1, 0]), motion(0, [0.09, 0, 0]), 0.1) == pytest.approx(2)
    assert pose_error_deg(motion(2, [0, 1, 0]), motion(0, [0.11, 0, 0]), 0.1) == pytest.approx(90)


def test_auc_of_known_errors() -> None:
    assert pose_auc(np.zeros(7)) == (1.0, 1.0, 1.0)
    assert pose_auc(np.full(7, np.inf)) == (0.0, 0.0, 0.0)
    # One error of 5: recall rises linearly to 1 at 5, then stays.
    assert pose_auc(np.array([5.0]), [10.0]) == pytest.approx((0.75,))
    # Errors of 2 and infinity: recall rises to 1/2 at 2, then stays.
    assert pose_auc(np.array([np.inf, 2.0]), [10.0]) == pytest.approx(((0.5 * 2 * 0.5 + 8 * 0.5) / 10,))


def test_auc_of_uniform_errors_is_half_of_the_share_below_the_threshold() -> None:
    errors_deg = (np.arange(4000) + 0.5) / 4000 * 20
    assert pose_auc(errors_deg) == pytest.approx((5 / 40, 10 / 40, 20 / 40), abs=1e-3)
