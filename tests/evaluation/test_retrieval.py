"""Metrics of retrieval against values worked out by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.evaluation.retrieval import (
    RetrievalTruth,
    best_answers,
    global_average_precision,
    near_in_time,
    precision_recall,
    rank_references,
    recall_at,
    separation,
    truth_of_poses,
)
from vo_frontend.geometry import se3

SCORES = np.array(
    [
        [0.9, 0.5, 0.1, 0.2],  # right at once
        [0.3, 0.8, 0.4, 0.1],  # right second
        [0.7, 0.6, 0.5, 0.1],  # right last
        [0.2, 0.3, 0.1, 0.6],  # no right answer
    ]
)
POSITIVE = np.zeros((4, 4), np.bool_)
POSITIVE[[0, 1, 2], [0, 2, 3]] = True
TRUTH = RetrievalTruth(POSITIVE, np.zeros_like(POSITIVE))


def pose(x_m: float = 0.0, yaw_deg: float = 0.0) -> NDArray[np.float64]:
    R = se3.so3_exp(np.array([0.0, np.deg2rad(yaw_deg), 0.0]))
    return se3.from_rotation_translation(R, np.array([x_m, 0.0, 0.0]))


def test_recall_counts_answerable_queries_with_a_right_reference_among_the_best() -> None:
    assert recall_at(SCORES, TRUTH, (1, 2, 3, 4, 9)) == pytest.approx((1 / 3, 2 / 3, 2 / 3, 1.0, 1.0))


def test_ignored_references_leave_the_ranking() -> None:
    is_ignored = np.zeros_like(POSITIVE)
    is_ignored[1, 1] = True
    assert recall_at(SCORES, RetrievalTruth(POSITIVE, is_ignored), (1,)) == pytest.approx((2 / 3,))


def test_a_query_whose_only_right_reference_is_ignored_is_not_answerable() -> None:
    truth = RetrievalTruth(POSITIVE, POSITIVE)
    assert not truth.is_answerable.any()
    assert np.isnan(recall_at(SCORES, truth, (1,))[0])


def test_equal_scores_keep_the_order_of_the_references_so_that_a_constant_gains_nothing() -> None:
    constant = np.ones((4, 4))
    np.testing.assert_array_equal(rank_references(constant, TRUTH), np.tile(np.arange(4), (4, 1)))
    assert recall_at(constant, TRUTH, (1,)) == pytest.approx((1 / 3,))


def test_scores_that_are_no_numbers_are_refused() -> None:
    broken = SCORES.copy()
    broken[0, 0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        recall_at(broken, TRUTH, (1,))
    with pytest.raises(ValueError, match="masks"):
        RetrievalTruth(POSITIVE, POSITIVE[:2])


def test_precision_and_recall_over_falling_thresholds() -> None:
    curve = precision_recall(SCORES, TRUTH)  # answers 0.9 right, 0.8 wrong, 0.7 wrong, 0.6 wrong
    np.testing.assert_allclose(curve.thresholds, [0.9, 0.8, 0.7, 0.6])
    np.testing.assert_allclose(curve.precision, [1.0, 1 / 2, 1 / 3, 1 / 4])
    np.testing.assert_allclose(curve.recall, [1 / 3] * 4)
    assert curve.recall_at_full_precision == pytest.approx(1 / 3)


def test_answers_of_one_score_are_accepted_together() -> None:
    scores = np.array([[0.9, 0.1], [0.9, 0.1], [0.5, 0.1]])
    is_positive = np.array([[True, False], [False, True], [True, False]])
    curve = precision_recall(scores, RetrievalTruth(is_positive, np.zeros_like(is_positive)))
    np.testing.assert_allclose(curve.precision, [1 / 2, 2 / 3])
    assert curve.recall_at_full_precision == 0.0


def test_a_surest_answer_that_is_wrong_leaves_no_recall_without_error() -> None:
    scores = SCORES.copy()
    scores[3, 3] = 2.0
    assert precision_recall(scores, TRUTH).recall_at_full_precision == 0.0


def test_a_query_without_any_reference_left_gives_no_answer() -> None:
    is_ignored = np.zeros_like(POSITIVE)
    is_ignored[3] = True
    truth = RetrievalTruth(POSITIVE, is_ignored)
    best_scores, is_right = best_answers(SCORES, truth)
    assert best_scores[3] == -np.inf
    assert not is_right[3]
    assert len(precision_recall(SCORES, truth).thresholds) == 3


def test_global_average_precision_of_five_answers() -> None:
    confidences = np.array([0.2, 0.9, 0.8, 0.4, 0.6])
    is_right = np.array([True, True, False, False, True])
    # In order: right 1/1, wrong, right 2/3, wrong, right 3/5; four queries have an answer.
    expected = (1 + 2 / 3 + 3 / 5) / 4
    assert global_average_precision(confidences, is_right, 4) == pytest.approx(expected)
    assert global_average_precision(np.zeros(0), np.zeros(0, np.bool_), 4) == 0.0


def test_separation_is_one_half_for_equal_scores_and_one_where_all_seen_are_higher() -> None:
    low, high = np.array([0.1, 0.2]), np.array([0.3, 0.4, 0.5])
    assert separation(high, low) == 1.0
    assert separation(low, high) == 0.0
    assert separation(low, low) == 0.5


def test_places_are_the_same_within_both_limits_only() -> None:
    queries = np.stack([pose()])
    references = np.stack(
        [pose(4.9), pose(5.1), pose(0, 29.9), pose(0, 30.1), pose(4.9, -29.9), pose(0, 180)]
    )
    found = truth_of_poses(queries, references, max_distance_m=5.0, max_angle_deg=30.0)
    assert found.tolist() == [[True, False, True, False, True, False]]


def test_nearness_in_time_includes_the_limit() -> None:
    stamps_ns = np.array([0, 6_000_000_000, 6_000_000_001])
    assert near_in_time(stamps_ns[:1], stamps_ns, 6.0).tolist() == [[True, True, False]]
