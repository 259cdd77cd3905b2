"""How far features of a faster path are from those of the reference network on the CPU."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.types import Features

NEAR_PX, FAR_PX = 0.01, 0.1


@dataclass(frozen=True, slots=True)
class Parity:
    """Over all keypoints of the reference, each paired with the nearest one of the faster path."""

    within_001px_percent: float  # 0.01 px
    within_01px_percent: float  # 0.1 px
    median_cosine: float  # of the descriptors of those within 0.1 px
    percentile1_cosine: float


def measure_parity(pairs: Iterable[tuple[Features, Features]]) -> Parity:
    """Compare pairs of reference and result, one per image.

    Raises:
        ValueError: no result has a keypoint within 0.1 px of one of the reference.
    """
    distances, cosines = zip(*(_compare(*pair) for pair in pairs), strict=True)
    distance_px, cosine = np.concatenate(distances), np.concatenate(cosines)
    common = cosine[distance_px < FAR_PX]
    if not len(common):
        raise ValueError("no keypoint of the reference was found again")
    return Parity(
        within_001px_percent=100 * float(np.mean(distance_px < NEAR_PX)),
        within_01px_percent=100 * float(np.mean(distance_px < FAR_PX)),
        median_cosine=float(np.median(common)),
        percentile1_cosine=float(np.percentile(common, 1)),
    )


def _compare(reference: Features, found: Features) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Measure distance in px and cosine to the nearest keypoint found, (N,) each."""
    if not len(found):
        return np.full(len(reference), np.inf), np.zeros(len(reference))
    distance_px = np.linalg.norm(reference.pixels[:, None] - found.pixels, axis=2)  # (N, M)
    nearest = distance_px.argmin(axis=1)
    return distance_px.min(axis=1), np.sum(reference.descriptors * found.descriptors[nearest], axis=1)
