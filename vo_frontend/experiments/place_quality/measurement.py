"""Describe the views of a task by every method, score each, and look at the best candidates again."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vo_frontend.experiments.place_quality.local_ranking import rank_by_local_features
from vo_frontend.experiments.place_quality.methods import Method, Vectors
from vo_frontend.experiments.place_quality.scores import (
    NUM_VERIFIED,
    VERIFIED,
    PlaceResult,
    score_answers,
    verified_scores,
)
from vo_frontend.experiments.place_quality.sequences import PlaceTask
from vo_frontend.features.extractor import FeatureExtractor
from vo_frontend.features.places import PlaceExtractor
from vo_frontend.types import Features, Image


@dataclass(frozen=True, slots=True)
class Ranking:
    """What looks at the best candidates of a method again."""

    verified: Sequence[str] = ()  # names of methods whose candidates are verified by the features of words
    num_candidates: int = NUM_VERIFIED
    local: PlaceExtractor | None = None  # re-ranks the method of its name by its own local features


@dataclass(frozen=True, slots=True, eq=False)
class DescribedViews:
    """Vectors (N, D) of N views by one method, and how long each took."""

    vectors: Vectors
    seconds: NDArray[np.float64]  # (N,)


class DescribedReferences:
    """Remembers the references of the last task: the splits of one drive share theirs."""

    def __init__(self, extractor: FeatureExtractor) -> None:
        self._extractor = extractor
        self._images: tuple[Image, ...] = ()
        self._features: list[Features] = []
        self._views: dict[str, DescribedViews] = {}

    def features(self, images: tuple[Image, ...]) -> list[Features]:
        """Return the local features of images, which are known if it was these very images last time."""
        if images is not self._images:
            self._images, self._views = images, {}
            self._features = [self._extractor.extract(image) for image in images]
        return self._features

    def views(self, method: Method, images: tuple[Image, ...]) -> DescribedViews:
        """Return the vectors of images by a method."""
        features = self.features(images)
        if method.name not in self._views:
            self._views[method.name] = describe_views(method, images, features)
        return self._views[method.name]


def score_task(
    task: PlaceTask,
    methods: Sequence[Method],
    extractor: FeatureExtractor,
    ranking: Ranking,
    known: DescribedReferences,
) -> list[PlaceResult]:
    """Measure every method on a task, and what looks at their best candidates again."""
    query_features = [extractor.extract(image) for image in task.queries]
    reference_features = query_features
    if task.references is not None:
        reference_features = known.features(task.references)
    results = []
    for method in methods:
        queries = references = describe_views(method, task.queries, query_features)
        if task.references is not None:
            references = known.views(method, task.references)
        scores = method.compare(queries.vectors, references.vectors)
        seconds = np.concatenate([queries.seconds, references.seconds])
        result = score_answers(task, method.name, scores)
        result = replace(
            result,
            describe_ms=float(1e3 * np.median(seconds)),
            num_bytes=references.vectors[0].nbytes,
        )
        results.append(result)
        if method.name in ranking.verified:
            features = query_features, reference_features
            verified = verified_scores(scores, task.truth, *features, task.camera, ranking.num_candidates)
            results.append(score_answers(task, method.name + VERIFIED, verified, result))
        if ranking.local is not None and method.name == ranking.local.name:
            results += rank_by_local_features(task, ranking.local, method.name, scores)
    return results


def describe_views(method: Method, images: Iterable[Image], features: Sequence[Features]) -> DescribedViews:
    """Describe images (H, W) or (H, W, 3) by one method, and take the time of each."""
    vectors, seconds = [], []
    for image, found in zip(images, features, strict=True):
        start_s = time.perf_counter()
        vectors.append(method.describe(image, found))
        seconds.append(time.perf_counter() - start_s)
    return DescribedViews(np.stack(vectors), np.array(seconds))
