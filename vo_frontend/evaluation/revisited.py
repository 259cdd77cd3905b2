"""The protocol of revisited Oxford and Paris (F. Radenovic et al., CVPR 2018), and its ground truth.

Easy: easy images are right; hard and junk ones are ignored. Medium: easy and hard are right, junk is ignored.
Hard: hard images are right; easy and junk are ignored. Queries are cropped to their box before they are
described. The official files are pickles, which are never opened, and ``.mat``, which scipy reads. Own JSON:

    {"images": ["a.jpg"], "queries": [{"image": "q.jpg", "box": [x0, y0, x1, y1],
                                       "easy": [0], "hard": [], "junk": []}]}

where the lists hold positions in ``images``, from 0, and the box is in px.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import PlaceError

KS = (1, 5, 10)
Indices = NDArray[np.int64]
_EXPECTED = "expected gnd_roxford5k.mat, gnd_rparis6k.mat or a JSON file with 'images' and 'queries'"


class Protocol(Enum):
    """Names the three settings."""

    EASY = "easy"
    MEDIUM = "medium"
    HARD = "hard"


@dataclass(frozen=True, slots=True, eq=False)
class RevisitedQuery:
    """One query image, its box, and where the images of its landmark stand in the list of all."""

    image: str  # name of the file
    box_px: tuple[float, float, float, float]  # x0, y0, x1, y1
    easy: Indices  # (E,)
    hard: Indices  # (H,)
    junk: Indices  # (J,)

    def split(self, protocol: Protocol) -> tuple[Indices, Indices]:
        """Return the images that are right (P,) and those that are ignored (I,)."""
        if protocol is Protocol.EASY:
            return self.easy, np.concatenate([self.hard, self.junk])
        if protocol is Protocol.MEDIUM:
            return np.concatenate([self.easy, self.hard]), self.junk
        return self.hard, np.concatenate([self.easy, self.junk])


@dataclass(frozen=True, slots=True, eq=False)
class RevisitedTruth:
    """The ground truth of one of the two data sets."""

    images: tuple[str, ...]  # N names of files
    queries: tuple[RevisitedQuery, ...]  # Q


@dataclass(frozen=True, slots=True)
class RevisitedScores:
    """Means over the queries that have a right image, as shares in [0, 1]; NaN where none has."""

    protocol: Protocol
    num_queries: int
    mean_average_precision: float
    mean_precision_at: tuple[float, ...]  # at each of KS


def average_precision(ranks: Sequence[int] | Indices, num_positives: int) -> float:
    """Return the area under the precision-recall curve by trapezoids, as the official code has it.

    The j-th right image, at rank r, both from 0, adds ``((j/r if r else 1) + (j+1)/(r+1)) / (2 n)``.

    Args:
        ranks: (P,) increasing, of the right images that were returned, from 0, ignored images taken out.
        num_positives: n, of all right images, n > 0.
    """
    total = 0.0
    for j, rank in enumerate(ranks):
        before = j / rank if rank else 1.0
        total += (before + (j + 1) / (rank + 1)) / (2 * num_positives)
    return float(total)


def precision_at(ranks: Sequence[int] | Indices, k: int) -> float:
    """Return the share of right images among the first ``k``, where k is cut at the last right image's rank.

    Args:
        ranks: (P,) increasing, from 0, ignored images taken out; P > 0.
        k: how many images are looked at.
    """
    one_based = np.asarray(ranks) + 1
    cut = min(int(one_based.max()), k)
    return float((one_based <= cut).sum() / cut)


def positive_ranks(ranking: Indices, positives: Indices, ignored: Indices) -> Indices:
    """Return the ranks (P,) of the right images, increasing, from 0, once ignored images are taken out.

    Args:
        ranking: (N,) image numbers, best first, each once.
        positives: (P,) image numbers.
        ignored: (I,) image numbers.
    """
    counted = ranking[np.isin(ranking, ignored, invert=True)]
    return np.flatnonzero(np.isin(counted, positives))


def score_revisited(
    rankings: Sequence[Indices], truth: RevisitedTruth, protocol: Protocol
) -> RevisitedScores:
    """Average AP and precision over the queries; those without a right image are skipped.

    Args:
        rankings: Q arrays (N,) of image numbers, best first.
        truth: of the same queries and images.
        protocol: which images count.
    """
    precisions, precisions_at = [], []
    for ranking, query in zip(rankings, truth.queries, strict=True):
        positives, ignored = query.split(protocol)
        if not len(positives):
            continue
        ranks = positive_ranks(np.asarray(ranking), positives, ignored)
        precisions.append(average_precision(ranks, len(positives)))
        precisions_at.append([precision_at(ranks, k) if len(ranks) else 0.0 for k in KS])
    if not precisions:
        return RevisitedScores(protocol, 0, float("nan"), tuple(float("nan") for _ in KS))
    mean_at = np.mean(precisions_at, axis=0)
    return RevisitedScores(protocol, len(precisions), float(np.mean(precisions)), tuple(mean_at.tolist()))


def read_revisited(path: Path) -> RevisitedTruth:
    """Read ground truth from the official ``.mat`` (numbers from 1) or from JSON (numbers from 0).

    Raises:
        PlaceError: the file is missing, malformed, a pickle, or ``.mat`` where scipy is not installed.
    """
    if path.suffix == ".pkl":
        raise PlaceError(f"{path}: is a pickle, which can run code when opened; {_EXPECTED}")
    read = _read_mat if path.suffix == ".mat" else _read_json
    try:
        return read(path)
    except OSError as error:
        raise PlaceError(f"{path}: cannot be read ({error.strerror or error}); {_EXPECTED}") from None
    except (ValueError, TypeError, LookupError, NotImplementedError) as error:
        raise PlaceError(f"{path}: is malformed ({error}); {_EXPECTED}") from None


def _read_json(path: Path) -> RevisitedTruth:
    content = json.loads(path.read_text(encoding="utf-8"))
    images = tuple(str(name) for name in content["images"])
    return RevisitedTruth(
        images, tuple(_query(row["image"], row["box"], row, 0, len(images)) for row in content["queries"])
    )


def _read_mat(path: Path) -> RevisitedTruth:
    try:
        from scipy.io import loadmat
    except ImportError:
        raise PlaceError(
            f"{path}: scipy reads .mat files and is not installed; install it, or use JSON"
        ) from None
    content = loadmat(path, simplify_cells=True)
    images = tuple(str(name) for name in np.atleast_1d(content["imlist"]))
    names, rows = np.atleast_1d(content["qimlist"]), np.atleast_1d(content["gnd"])
    return RevisitedTruth(
        images,
        tuple(
            _query(str(name), row["bbx"], row, 1, len(images)) for name, row in zip(names, rows, strict=True)
        ),
    )


def _query(name: str, box: Any, lists: Mapping[str, Any], first: int, num_images: int) -> RevisitedQuery:
    x0, y0, x1, y1 = (float(value) for value in np.ravel(box))
    numbers = {key: np.ravel(lists[key]).astype(np.int64) - first for key in ("easy", "hard", "junk")}
    for key, indices in numbers.items():
        if len(indices) and (indices.min() < 0 or indices.max() >= num_images):
            raise ValueError(f"{key} images of {name} lie outside the list of {num_images}")
    return RevisitedQuery(name, (x0, y0, x1, y1), **numbers)
