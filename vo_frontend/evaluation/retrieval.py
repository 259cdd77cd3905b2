"""How well images of places are found again. Pure functions of similarity scores (Q, N) and the truth.

Recall@k as in R. Arandjelovic et al., "NetVLAD", CVPR 2016: the share of queries with a right reference
among the best k. Precision and recall as for closing loops: each query offers its best reference, which is
accepted above a threshold (M. Cummins and P. Newman, "FAB-MAP", IJRR 2008). GAP as in the challenges on
Google Landmarks (F. Perronnin et al., "A family of contextual measures of similarity", CVPR 2009).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3

Scores = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class RetrievalTruth:
    """Which of N references are right for each of Q queries, and which do not take part."""

    is_positive: Mask  # (Q, N) shows the place of the query
    is_ignored: Mask  # (Q, N) left out before ranks count: too near in time, junk

    def __post_init__(self) -> None:
        shapes = self.is_positive.shape, self.is_ignored.shape
        if shapes[0] != shapes[1] or self.is_positive.ndim != 2:
            raise ValueError(f"RetrievalTruth needs two masks (Q, N), got {shapes}")

    @property
    def is_answerable(self) -> Mask:
        """Tell which queries (Q,) have a right reference at all."""
        return np.asarray((self.is_positive & ~self.is_ignored).any(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class PrecisionRecall:
    """Precision and recall at T thresholds, from the strictest to the loosest."""

    thresholds: NDArray[np.float64]  # (T,) a best reference counts from this score on
    precision: NDArray[np.float64]  # (T,) right answers over given answers
    recall: NDArray[np.float64]  # (T,) right answers over queries that have one

    @property
    def recall_at_full_precision(self) -> float:
        """Return the largest recall without a wrong answer, 0 where the surest answer is wrong."""
        return float(self.recall[self.precision == 1.0].max(initial=0.0))


def truth_of_poses(
    T_world_queries: NDArray[np.float64],
    T_world_references: NDArray[np.float64],
    max_distance_m: float,
    max_angle_deg: float,
) -> Mask:
    """Tell which references (Q, N) stand within a distance and an angle of each query.

    Args:
        T_world_queries: (Q, 4, 4) poses of the cameras, m.
        T_world_references: (N, 4, 4) likewise, in the same world.
        max_distance_m: between the centres of the cameras.
        max_angle_deg: of the rotation between the cameras.
    """
    gaps = T_world_queries[:, None, :3, 3] - T_world_references[None, :, :3, 3]
    is_near = np.linalg.norm(gaps, axis=2) <= max_distance_m
    query, reference = np.nonzero(is_near)
    R_query_reference = (
        T_world_queries[query, :3, :3].transpose(0, 2, 1) @ T_world_references[reference, :3, :3]
    )
    is_near[query, reference] = se3.rotation_angle_rad(R_query_reference) <= np.deg2rad(max_angle_deg)
    return np.asarray(is_near)


def near_in_time(
    query_ns: NDArray[np.int64], reference_ns: NDArray[np.int64], max_difference_s: float
) -> Mask:
    """Tell which references (N,) ns were taken within a time of each query (Q,) ns, as (Q, N)."""
    return np.asarray(
        np.abs(query_ns[:, None] - reference_ns[None, :]) <= round(max_difference_s * 1e9), dtype=np.bool_
    )


def rank_references(scores: Scores, truth: RetrievalTruth) -> NDArray[np.int64]:
    """Order the references of each query, best first, as (Q, N) indices; ignored ones come last.

    Equal scores keep the order of the references.

    Args:
        scores: (Q, N) finite, larger is more alike.
        truth: of the same queries and references.

    Raises:
        ValueError: a score is not finite, or the shapes differ.
    """
    if scores.shape != truth.is_positive.shape or not np.isfinite(scores).all():
        raise ValueError(f"scores: expected {truth.is_positive.shape} finite numbers, got {scores.shape}")
    allowed = np.where(truth.is_ignored, -np.inf, scores)
    return np.asarray(np.argsort(-allowed, axis=1, kind="stable"), np.int64)


def recall_at(scores: Scores, truth: RetrievalTruth, ks: Sequence[int]) -> tuple[float, ...]:
    """Measure the share of answerable queries with a right reference among the best k, for each k.

    Args:
        scores: (Q, N) finite, larger is more alike.
        truth: of the same queries and references.
        ks: numbers of references that are looked at.

    Returns:
        Shares in [0, 1]; NaN where no query is answerable.
    """
    order = rank_references(scores, truth)
    is_right = np.take_along_axis(truth.is_positive & ~truth.is_ignored, order, axis=1)[truth.is_answerable]
    if not len(is_right):
        return tuple(float("nan") for _ in ks)
    return tuple(float(is_right[:, :k].any(axis=1).mean()) for k in ks)


def best_answers(scores: Scores, truth: RetrievalTruth) -> tuple[NDArray[np.float64], Mask]:
    """Return the score (Q,) of the best reference of each query and whether it is right (Q,).

    Queries whose references are all ignored answer nothing: minus infinity, wrong.
    """
    best = rank_references(scores, truth)[:, :1]
    is_allowed = ~np.take_along_axis(truth.is_ignored, best, axis=1)[:, 0]
    is_right = np.take_along_axis(truth.is_positive, best, axis=1)[:, 0] & is_allowed
    best_scores = np.take_along_axis(scores, best, axis=1)[:, 0].astype(np.float64)
    return np.where(is_allowed, best_scores, -np.inf), is_right


def precision_recall(scores: Scores, truth: RetrievalTruth) -> PrecisionRecall:
    """Accept the best reference of each query from one threshold after the other.

    An answer to a query that has no right reference is wrong.

    Args:
        scores: (Q, N) finite, larger is more alike.
        truth: of the same queries and references.
    """
    best_scores, is_right = best_answers(scores, truth)
    order = np.argsort(-best_scores, kind="stable")
    order = order[np.isfinite(best_scores[order])]
    ordered = best_scores[order]
    num_right = np.cumsum(is_right[order])
    is_last_of_equals = np.append(ordered[1:] != ordered[:-1], True)[: len(ordered)]
    num_given = np.arange(1, len(order) + 1)
    num_answerable = max(int(truth.is_answerable.sum()), 1)
    return PrecisionRecall(
        thresholds=ordered[is_last_of_equals],
        precision=(num_right / num_given)[is_last_of_equals],
        recall=(num_right / num_answerable)[is_last_of_equals],
    )


def global_average_precision(confidences: Scores, is_right: Mask, num_answerable: int) -> float:
    """Average the precision over one list of all answers, surest first (GAP, also called micro-AP).

    ``GAP = 1/M * sum_i P(i) rel(i)``, where P(i) is the precision of the first i answers. Queries without
    an answer are left out of the list but count in M.

    Args:
        confidences: (A,) of the answers, at most one per query.
        is_right: (A,).
        num_answerable: M, the queries that have a right answer.
    """
    right = is_right[np.argsort(-confidences, kind="stable")]
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    return float((precision * right).sum() / max(num_answerable, 1))


def separation(seen: NDArray[np.float64], unseen: NDArray[np.float64]) -> float:
    """Return how often the best score of a seen place exceeds that of an unseen one, a tie as one half.

    This is the area under the ROC curve: 1 separates perfectly, 0.5 is chance.

    Args:
        seen: (A,) best scores of queries whose place is among the references, A > 0.
        unseen: (B,) best scores of queries whose place is not, B > 0.
    """
    difference = seen[:, None] - unseen[None, :]
    return float((np.sign(difference) + 1).mean() / 2)
