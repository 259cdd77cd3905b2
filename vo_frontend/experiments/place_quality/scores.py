"""Score what is found again, by similarities of views and after geometric verification."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.config import Config
from vo_frontend.evaluation.retrieval import (
    PrecisionRecall,
    RetrievalTruth,
    best_answers,
    precision_recall,
    rank_references,
    recall_at,
)
from vo_frontend.experiments.place_quality.methods import Vectors
from vo_frontend.experiments.place_quality.sequences import PlaceTask
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.places.verification import AffineVerifier, EpipolarVerifier
from vo_frontend.session.build import build_estimator
from vo_frontend.types import Features

KS = (1, 5, 10)
NUM_VERIFIED = 20  # candidates per query
VERIFIED = ", verified"


@dataclass(frozen=True, slots=True, eq=False)
class PlaceResult:
    """One method on one task of Q queries."""

    data: str
    method: str
    num_references: int
    recall: tuple[float, ...]  # at each of KS, shares of the answerable queries; NaN where there are none
    curve: PrecisionRecall
    best_scores: NDArray[np.float64]  # (Q,)
    is_right: NDArray[np.bool_]  # (Q,) of the best reference
    is_answerable: NDArray[np.bool_]  # (Q,)
    describe_ms: float  # median per view, features not counted
    num_bytes: int  # per place


def score_answers(
    task: PlaceTask, method: str, scores: Vectors, cost: PlaceResult | None = None
) -> PlaceResult:
    """Measure scores (Q, N) of a method; costs are those of ``cost``, else unknown (0)."""
    best_scores, is_right = best_answers(scores, task.truth)
    return PlaceResult(
        data=task.name,
        method=method,
        num_references=scores.shape[1],
        recall=recall_at(scores, task.truth, KS),
        curve=precision_recall(scores, task.truth),
        best_scores=best_scores,
        is_right=is_right,
        is_answerable=task.truth.is_answerable,
        describe_ms=cost.describe_ms if cost else 0.0,
        num_bytes=cost.num_bytes if cost else 0,
    )


def verified_scores(
    scores: Vectors,
    truth: RetrievalTruth,
    queries: Sequence[Features],
    references: Sequence[Features],
    camera: PinholeCamera | None,
    num_candidates: int = NUM_VERIFIED,
) -> Vectors:
    """Put the best candidates of each query in the order of their inliers; the others follow as they were.

    Args:
        scores: (Q, N) at most 1.
        truth: which references are ignored.
        queries: Q sets of features.
        references: N sets of features.
        camera: of all views, for the essential matrix; None verifies by affine maps.
        num_candidates: that are verified, per query.

    Returns:
        (Q, N): 2 + inliers + the score for the candidates, the score for the others.
    """
    verifier = AffineVerifier() if camera is None else EpipolarVerifier(build_estimator(Config(), camera))
    order = rank_references(scores, truth)[:, :num_candidates]
    result = scores.copy()
    for query, candidates in enumerate(order):
        for candidate in candidates[~truth.is_ignored[query, candidates]]:
            result[query, candidate] += 2 + verifier.verify(queries[query], references[candidate]).score
    return result
