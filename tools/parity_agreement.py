"""How far features agree with those of the authors' own code; check_parity.py asks and prints."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from vo_frontend.types import Features

MAX_DISTANCE_PX = 0.01
MIN_COSINE = 0.9999
MIN_SHARE = 0.995  # of keypoints, and of descriptors
MAX_SCORE_DIFFERENCE = 1e-4

REDUCED_MAX_DISTANCE_PX = 0.1
KEPT_MAX_DISTANCE_PX = 1.0


@dataclass(frozen=True)
class ReducedBounds:
    """What is asked of a precision below fp32."""

    min_share: float  # of keypoints
    min_cosine: float  # median
    min_low_cosine: float  # 1st percentile


REDUCED = {"fp16": ReducedBounds(0.985, 0.9999, 0.999), "bf16": ReducedBounds(0.95, 0.995, 0.99)}


@dataclass(frozen=True)
class Reference:
    """What the authors' code returned."""

    pixels: NDArray[np.float32]  # (N, 2)
    scores: NDArray[np.float32]  # (N,)
    descriptors: NDArray[np.float32]  # (n, D) of the first n keypoints


@dataclass(frozen=True)
class Agreement:
    """How well one case agrees with its reference, at fp32."""

    keypoint_share: float  # of the reference keypoints: one of ours is within MAX_DISTANCE_PX
    descriptor_share: float  # of those with a descriptor: cosine above MIN_COSINE
    score_difference: float  # largest, over common keypoints

    HEADER: ClassVar = ("keypoints %", "descriptors %", "score diff")

    @property
    def bounds(self) -> tuple[str, ...]:
        """Format the bounds for the columns of ``HEADER``."""
        share = f"at least {100 * MIN_SHARE:.1f}"
        return share, share, f"{MAX_SCORE_DIFFERENCE:.1e}"

    @property
    def holds(self) -> bool:
        """Tell whether all three bounds are kept."""
        return (
            self.keypoint_share >= MIN_SHARE
            and self.descriptor_share >= MIN_SHARE
            and self.score_difference <= MAX_SCORE_DIFFERENCE
        )

    @property
    def cells(self) -> tuple[str, ...]:
        """Format the figures for the columns of ``HEADER``."""
        return (
            f"{100 * self.keypoint_share:.2f}",
            f"{100 * self.descriptor_share:.2f}",
            f"{self.score_difference:.1e}",
        )


@dataclass(frozen=True)
class ReducedAgreement:
    """How well one case agrees with its reference, below fp32."""

    keypoint_share: float  # of the reference keypoints: one of ours is within REDUCED_MAX_DISTANCE_PX
    median_cosine: float  # over the descriptors of common keypoints
    low_cosine: float  # their 1st percentile
    kept_share: float  # of the reference keypoints: one of ours is within KEPT_MAX_DISTANCE_PX
    score_difference: float  # 99th percentile over common keypoints
    asked: ReducedBounds

    HEADER: ClassVar = (
        f"within {REDUCED_MAX_DISTANCE_PX} px %",
        "median cosine",
        "1st percentile",
        f"within {KEPT_MAX_DISTANCE_PX:.0f} px %",
        "score diff",
    )

    @property
    def bounds(self) -> tuple[str, ...]:
        """Format the bounds for the columns of ``HEADER``; the last two have none."""
        asked = self.asked
        return (
            f"at least {100 * asked.min_share:.1f}",
            f"at least {asked.min_cosine}",
            f"at least {asked.min_low_cosine}",
        )

    @property
    def holds(self) -> bool:
        """Tell whether all three bounds are kept."""
        return (
            self.keypoint_share >= self.asked.min_share
            and self.median_cosine >= self.asked.min_cosine
            and self.low_cosine >= self.asked.min_low_cosine
        )

    @property
    def cells(self) -> tuple[str, ...]:
        """Format the figures for the columns of ``HEADER``."""
        return (
            f"{100 * self.keypoint_share:.2f}",
            f"{self.median_cosine:.5f}",
            f"{self.low_cosine:.5f}",
            f"{100 * self.kept_share:.2f}",
            f"{self.score_difference:.1e}",
        )


def compare(reference: Reference, ours: Features) -> Agreement:
    """Compare keypoints, descriptors and scores with the reference, at fp32."""
    if not len(ours):
        return Agreement(0.0, 0.0, float("inf"))
    common, nearest = pair(reference, ours, MAX_DISTANCE_PX)
    described = cosines(reference, ours, common, nearest)
    difference = np.abs(reference.scores - ours.scores[nearest])[common]
    return Agreement(
        keypoint_share=float(common.mean()),
        descriptor_share=float((described > MIN_COSINE).mean()) if len(described) else 0.0,
        score_difference=float(difference.max()) if len(difference) else float("inf"),
    )


def compare_reduced(reference: Reference, ours: Features, asked: ReducedBounds) -> ReducedAgreement:
    """Compare keypoints, descriptors and scores with the reference, below fp32."""
    if not len(ours):
        return ReducedAgreement(0.0, -1.0, -1.0, 0.0, float("inf"), asked)
    common, nearest = pair(reference, ours, REDUCED_MAX_DISTANCE_PX)
    kept, _ = pair(reference, ours, KEPT_MAX_DISTANCE_PX)
    described = cosines(reference, ours, common, nearest)
    low, median = np.percentile(described, (1, 50)) if len(described) else (-1.0, -1.0)
    difference = np.abs(reference.scores - ours.scores[nearest])[common]
    return ReducedAgreement(
        keypoint_share=float(common.mean()),
        median_cosine=float(median),
        low_cosine=float(low),
        kept_share=float(kept.mean()),
        score_difference=float(np.percentile(difference, 99)) if len(difference) else float("inf"),
        asked=asked,
    )


def pair(
    reference: Reference, ours: Features, max_distance_px: float
) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Pair each of N reference keypoints with our nearest. Returns whether it is near, and its index, (N,).

    By position, not by rank: near-equal scores may swap.
    """
    delta = reference.pixels[:, None].astype(np.float64) - ours.pixels[None]
    distance_px = np.hypot(delta[..., 0], delta[..., 1])
    return distance_px.min(axis=1) < max_distance_px, distance_px.argmin(axis=1)


def cosines(
    reference: Reference, ours: Features, common: NDArray[np.bool_], nearest: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Compute the cosine for each common keypoint, of (N,), with a descriptor in the reference: (n,)."""
    described = np.flatnonzero(common[: len(reference.descriptors)])
    return np.asarray(np.sum(reference.descriptors[described] * ours.descriptors[nearest[described]], axis=1))
