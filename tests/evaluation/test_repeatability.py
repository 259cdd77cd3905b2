"""Keypoints that two images have in common, counted one to one."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.evaluation.feature_metrics import ImageSize, score_homography_pair
from vo_frontend.evaluation.repeatability import num_covisible, repeated_distances_px

SIZE = ImageSize(320, 240)
Points = NDArray[np.float64]


def spread(count: int, seed: int = 0) -> Points:
    """Points of a coarse grid: 16 px apart or more."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(8.0, 300, 16), np.arange(8.0, 220, 16))
    return rng.permutation(np.column_stack([x.ravel(), y.ravel()]))[:count]


def repeatability_3px(pixels0: Points, pixels1: Points, H_1_0: Points | None = None) -> float:
    H = np.eye(3) if H_1_0 is None else H_1_0
    scores = score_homography_pair(pixels0, pixels1, np.zeros((0, 2), np.int64), H, None, SIZE, SIZE)
    return float(scores.repeatability[2])


@pytest.mark.parametrize("size", [2, 5, 20])
def test_a_cluster_beside_one_keypoint_counts_once(size: int) -> None:
    cluster = np.array([100.0, 100]) + np.random.default_rng(0).uniform(-1, 1, (size, 2))
    single = np.array([[100.0, 100]])
    assert len(repeated_distances_px(cluster, single, cluster, single)) == 1
    assert repeatability_3px(cluster, single) == pytest.approx(1 / (0.5 * (size + 1)))
    assert repeatability_3px(single, cluster) == pytest.approx(1 / (0.5 * (size + 1)))


def test_duplicates_of_one_keypoint_in_both_images_count_once() -> None:
    same = np.tile([[50.0, 60.0]], (10, 1))
    assert repeatability_3px(same, same) == pytest.approx(1 / 10)


def test_shared_keypoints_among_others_are_counted_by_the_mean_of_both_images() -> None:
    points = spread(60)
    first, second = points[:40], np.vstack([points[:25] + 0.5, points[40:]])  # 25 of 40 and of 45 in common
    assert repeatability_3px(first, second) == pytest.approx(25 / 42.5)


def test_the_first_and_the_second_image_may_change_places() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.uniform(0, 200, (300, 2)), rng.uniform(0, 200, (200, 2))
    H = np.array([[1.1, 0.1, 4.0], [-0.1, 0.9, 3.0], [1e-4, 0, 1]])
    assert repeatability_3px(first, second, H) == pytest.approx(
        repeatability_3px(second, first, np.linalg.inv(H))
    )


def test_the_distance_is_the_mean_of_both_images() -> None:
    point0, point1 = np.array([[10.0, 10]]), np.array([[30.0, 10]])
    distances = repeated_distances_px(point0, point1, point1 + (2, 0), point0 + (0, 4))
    np.testing.assert_allclose(distances, [3.0])


def test_pairs_equal_those_of_the_whole_table() -> None:
    rng = np.random.default_rng(2)
    pixels0, pixels1 = rng.uniform(0, 100, (500, 2)), rng.uniform(0, 100, (333, 2))
    warped0, warped1 = pixels0 + rng.normal(0, 1, (500, 2)), pixels1 + rng.normal(0, 1, (333, 2))
    table = np.linalg.norm(warped0[:, None] - pixels1, axis=2)
    table = 0.5 * (table + np.linalg.norm(pixels0[:, None] - warped1, axis=2))
    expected = [table[i, j] for i, j in enumerate(table.argmin(axis=1)) if table.argmin(axis=0)[j] == i]
    np.testing.assert_allclose(repeated_distances_px(pixels0, pixels1, warped0, warped1), expected)


def test_keypoints_that_the_other_image_does_not_show_are_left_out() -> None:
    points = spread(30)
    hidden = np.where(np.arange(30)[:, None] < 10, np.nan, points)
    assert len(repeated_distances_px(points, points, hidden, points)) == 20
    assert num_covisible(hidden, points) == 25
    nothing = np.full((30, 2), np.nan)
    assert len(repeated_distances_px(points, points, nothing, points)) == 0


def test_random_keypoints_repeat_as_often_as_chance_allows() -> None:
    """Many one-sided neighbours, few pairs: a count of neighbours would say nearly 1."""
    rng = np.random.default_rng(3)
    first, second = (rng.uniform(0, [320, 240], (3000, 2)) for _ in range(2))
    near = np.linalg.norm(first[:, None] - second, axis=2).min(axis=1) <= 3.0
    assert near.mean() > 0.6
    assert repeatability_3px(first, second) < near.mean() - 0.1
