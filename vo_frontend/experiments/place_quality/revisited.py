"""Image retrieval on revisited Oxford and Paris: describe, rank, and score by the official protocol."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vo_frontend.errors import PlaceError
from vo_frontend.evaluation.retrieval import global_average_precision
from vo_frontend.evaluation.revisited import (
    Protocol,
    RevisitedQuery,
    RevisitedScores,
    RevisitedTruth,
    read_revisited,
    score_revisited,
)
from vo_frontend.experiments.place_quality.methods import Method, Vectors
from vo_frontend.features.extractor import FeatureExtractor
from vo_frontend.features.image import MIN_SIZE_PX
from vo_frontend.sources.image_files import IMAGE_SUFFIXES, read_image
from vo_frontend.types import Image

IMAGES_FOLDER = "jpg"  # of the official layout


@dataclass(frozen=True, slots=True)
class RevisitedResult:
    """One method on one data set."""

    data: str
    method: str
    scores: tuple[RevisitedScores, ...]  # easy, medium, hard
    medium_gap: float  # global average precision of the first answers, protocol medium


def measure_revisited(
    folder: Path, methods: list[Method], extractor: FeatureExtractor
) -> list[RevisitedResult]:
    """Measure every method on a folder with ``jpg/`` and ground truth; one image is in memory at a time.

    Args:
        folder: the ground truth is its only ``gnd*.mat`` or ``gnd*.json``.
        methods: each gives one result.
        extractor: of the local features that methods use.

    Raises:
        VoError: the ground truth or an image is missing or malformed.
    """
    truth = read_revisited(_truth_file(folder))
    references = [_image(folder, name) for name in truth.images]
    queries = [_image(folder, query.image) for query in truth.queries]
    reference_vectors = _described(references, [None] * len(references), methods, extractor)
    query_vectors = _described(queries, list(truth.queries), methods, extractor)
    return [
        _scored(folder.name, method, method.compare(of_queries, of_references), truth)
        for method, of_queries, of_references in zip(methods, query_vectors, reference_vectors, strict=True)
    ]


def _scored(data: str, method: Method, scores: Vectors, truth: RevisitedTruth) -> RevisitedResult:
    """Score a method by its scores (Q, N)."""
    rankings = [np.argsort(-row, kind="stable") for row in scores]
    per_protocol = tuple(score_revisited(rankings, truth, protocol) for protocol in Protocol)
    confidences, is_right = [], []
    for row, ranking, query in zip(scores, rankings, truth.queries, strict=True):
        positives, ignored = query.split(Protocol.MEDIUM)
        first = next((number for number in ranking if number not in ignored), None)
        if len(positives) and first is not None:
            confidences.append(row[first])
            is_right.append(first in positives)
    gap = global_average_precision(np.array(confidences), np.array(is_right, bool), len(confidences))
    return RevisitedResult(data, method.name, per_protocol, gap)


def _described(
    paths: list[Path],
    queries: list[RevisitedQuery | None],
    methods: list[Method],
    extractor: FeatureExtractor,
) -> list[Vectors]:
    """Describe the images of paths, cropped where a query says so. Returns (N, D) for each method."""
    rows: list[list[Vectors]] = [[] for _ in methods]
    for path, query in zip(paths, queries, strict=True):
        image = read_image(path)
        view = image if query is None else _crop(image, query, path)
        features = extractor.extract(view)
        for row, method in zip(rows, methods, strict=True):
            row.append(method.describe(view, features))
    return [np.stack(row) for row in rows]


def _crop(image: Image, query: RevisitedQuery, path: Path) -> Image:
    """Cut the box of a query out of its image; a very small one is enlarged for the extractor."""
    x0, y0, x1, y1 = (round(value) for value in query.box_px)
    view = np.ascontiguousarray(image[max(y0, 0) : y1, max(x0, 0) : x1])
    if not view.size:
        raise PlaceError(f"{path}: the query's box {query.box_px} px lies outside the image")
    factor = MIN_SIZE_PX / min(view.shape[:2])
    if factor <= 1:
        return view
    size = tuple(max(MIN_SIZE_PX, round(factor * side)) for side in view.shape[1::-1])
    return np.asarray(cv2.resize(view, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _truth_file(folder: Path) -> Path:
    found = sorted(path for path in folder.glob("gnd*") if path.suffix in (".mat", ".json"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise PlaceError(f"{folder}: got {names}, expected one ground truth, gnd*.mat or gnd*.json")
    return found[0]


def _image(folder: Path, name: str) -> Path:
    """Find an image by the name of the ground truth, which the official files give without its ending."""
    candidates = [
        folder / IMAGES_FOLDER / f"{name}{suffix}" for suffix in ("", ".jpg", *sorted(IMAGE_SUFFIXES))
    ]
    for path in candidates:
        if path.is_file():
            return path
    raise PlaceError(
        f"{candidates[1]}: not found; get the images of the data set into {candidates[1].parent}"
    )
