"""Rank views by the local features of a place network: DELF's index, and DELG's second look at candidates."""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vo_frontend.evaluation.retrieval import RetrievalTruth
from vo_frontend.experiments.place_quality.methods import Vectors
from vo_frontend.experiments.place_quality.scores import PlaceResult, score_answers, verified_scores
from vo_frontend.experiments.place_quality.sequences import PlaceTask
from vo_frontend.features.places import LocalPlaceFeatures, PlaceExtractor
from vo_frontend.places.local_index import LocalFeatureIndex, train_codebook
from vo_frontend.types import Features

CODEBOOK_FEATURES, NUM_WORDS = 20_000, 256
INDEX, RERANKED = "DELF index", ", re-ranked by DELF"


def rank_by_local_features(
    task: PlaceTask, extractor: PlaceExtractor, by_name: str, scores: Vectors, num_words: int = NUM_WORDS
) -> list[PlaceResult]:
    """Measure DELF's index alone and verified, and another method's scores (Q, N) re-ranked by affine maps.

    Args:
        task: queries and references with truth.
        extractor: of local features.
        by_name: of the method that ``scores`` come from.
        scores: (Q, N) at most 1.
        num_words: of the index.
    """
    start_s = time.perf_counter()
    queries = references = [extractor.local_features(image) for image in task.queries]
    if task.references is not None:
        references = [extractor.local_features(image) for image in task.references]
    describe_ms = 1e3 * (time.perf_counter() - start_s) / (len(queries) + len(task.references or ()))
    votes, num_bytes = index_votes(queries, references, task.truth, num_words)
    found = replace(score_answers(task, INDEX, votes), describe_ms=describe_ms, num_bytes=num_bytes)
    results = [found]
    views = [_as_features(view) for view in queries], [_as_features(view) for view in references]
    for name, before in ((INDEX, votes), (by_name, scores)):
        after = verified_scores(before, task.truth, *views, camera=None)
        results.append(score_answers(task, name + RERANKED, after, found))
    return results


def index_votes(
    queries: Sequence[LocalPlaceFeatures],
    references: Sequence[LocalPlaceFeatures],
    truth: RetrievalTruth,
    num_words: int = NUM_WORDS,
) -> tuple[Vectors, int]:
    """Ask an index of all references, with words of their own, for each query.

    Returns:
        votes: (Q, N) per feature of the query.
        num_bytes: that a reference takes on average.
    """
    descriptors = np.concatenate([view.descriptors for view in references])
    rng = np.random.default_rng(0)
    chosen = rng.choice(len(descriptors), min(CODEBOOK_FEATURES, len(descriptors)), replace=False)
    index = LocalFeatureIndex(train_codebook(descriptors[np.sort(chosen)], rng, num_words))
    for number, view in enumerate(references):
        index.add(number, view.descriptors)
    votes = np.zeros((len(queries), len(references)), np.float32)
    for row, view in enumerate(queries):
        found = index.query(view.descriptors, len(references), exclude=np.flatnonzero(truth.is_ignored[row]))
        votes[row, found.ids] = found.scores
    return votes, round(index.num_features * index.bytes_per_feature / len(references))


def _as_features(view: LocalPlaceFeatures) -> Features:
    return Features(view.pixels, view.descriptors, view.attention)
