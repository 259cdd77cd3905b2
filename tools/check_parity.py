"""Compare our features with reference outputs of the authors' own code.

    python tools/check_parity.py GOLDEN_DIR
    python tools/check_parity.py GOLDEN_DIR --features aliked-t16 --weights-dir DIR
    python tools/check_parity.py GOLDEN_DIR --features aliked-t16 --precision bf16

GOLDEN_DIR holds ``<model>__<image>__<native|half>.npz`` with ``keypoints``, ``scores`` and, for the first
of them, ``descriptors``; the images lie in ``images/`` and are described by ``images.json``. The exit code
is 0 where every case holds, 1 where one falls short, 2 where the comparison cannot be made. Below fp32
features are not expected to be those of the authors, and the bounds only say that nothing is broken.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import VoError
from vo_frontend.features import FeatureExtractor, load_extractor
from vo_frontend.types import Features, Image

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
class Case:
    """One reference file, and what it is of."""

    model: str
    image: str
    size: str  # native or half
    path: Path


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


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line. Returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("golden_dir", type=Path, metavar="GOLDEN_DIR")
    parser.add_argument("--features", metavar="NAME", help="only this model, e.g. aliked-t16")
    parser.add_argument("--weights-dir", type=Path, metavar="DIR", help="folder with the official weights")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda (default: %(default)s)")
    parser.add_argument("--precision", default="fp32", help="fp32, bf16, fp16 (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        cases = find_cases(options.golden_dir, options.features)
        found = agreements(cases, options.golden_dir, options.weights_dir, options.device, options.precision)
        num_short = print_all(found)
    except VoError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{len(cases) - num_short} of {len(cases)} cases hold")
    return 1 if num_short else 0


def print_all(found: Iterable[tuple[Case, Agreement | ReducedAgreement]]) -> int:
    """Print one row per case. Returns how many fall short."""
    num_short = 0
    bounds: tuple[str, ...] = ()
    for case, agreement in found:
        if not bounds:
            print_row("case", agreement.HEADER)
            bounds = agreement.bounds
        num_short += not agreement.holds
        verdict = () if agreement.holds else ("FALLS SHORT",)
        print_row(f"{case.model} {case.image} {case.size}", agreement.cells + verdict)
    print_row("bounds", bounds)
    return num_short


def print_row(name: str, cells: tuple[str, ...]) -> None:
    """Print a row of the table."""
    print(f"{name:<40}" + "".join(f"{cell:>16}" for cell in cells), flush=True)


def agreements(
    cases: list[Case],
    golden_dir: Path,
    weights_dir: Path | None,
    device: str = "auto",
    precision: str = "fp32",
) -> Iterator[tuple[Case, Agreement | ReducedAgreement]]:
    """Extract and compare, case by case; an extractor is loaded once per model."""
    extractors: dict[tuple[str, int], FeatureExtractor] = {}
    for case in cases:
        reference = read_reference(case.path)
        key = case.model, len(reference.pixels)
        if key not in extractors:
            extractors[key] = load_extractor(
                case.model,
                max_keypoints=key[1],
                device=device,
                precision=precision,
                weights_dir=weights_dir,
            )
        ours = extractors[key].extract(read_image(golden_dir, case))
        if precision == "fp32":
            yield case, compare(reference, ours)
        else:
            yield case, compare_reduced(reference, ours, REDUCED[precision])


def find_cases(golden_dir: Path, model: str | None = None) -> list[Case]:
    """List the reference files, sorted by name."""
    paths = sorted(golden_dir.glob(f"{model or '*'}__*__*.npz"))
    if not paths:
        raise VoError(
            f"{golden_dir}: found no reference file {model or '<model>'}__<image>__<native|half>.npz"
        )
    return [to_case(path) for path in paths]


def to_case(path: Path) -> Case:
    """Read model, image and size off the name of a reference file."""
    model, _, rest = path.stem.partition("__")
    image, _, size = rest.rpartition("__")
    if size not in ("native", "half"):
        raise VoError(f"{path}: the name ends in '{size}', expected <model>__<image>__<native|half>.npz")
    return Case(model, image, size, path)


def read_reference(path: Path) -> Reference:
    """Read keypoints, scores and descriptors of one case."""
    with np.load(path) as arrays:
        return Reference(arrays["keypoints"], arrays["scores"], arrays["descriptors"])


def read_image(golden_dir: Path, case: Case) -> Image:
    """Decode the image of a case as (H, W, 3) uint8 RGB, halved where the case says so.

    Prints a line where its pixels are not those that the reference was made of.
    """
    listing = golden_dir / "images.json"
    described = json.loads(listing.read_text(encoding="utf-8")) if listing.is_file() else {}
    entry = described.get(case.image, {})
    found = [golden_dir / entry["file"]] if entry else sorted((golden_dir / "images").glob(f"{case.image}.*"))
    bgr = cv2.imread(str(found[0]), cv2.IMREAD_COLOR) if found else None
    if bgr is None:
        raise VoError(
            f"{case.path}: no readable image '{case.image}' in {listing} or {golden_dir / 'images'}"
        )
    image: Image = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    if case.size == "half":
        image = halve(image)
    expected = entry.get("sha256_rgb_uint8" if case.size == "native" else "sha256_half_rgb_uint8")
    if expected and hashlib.sha256(np.ascontiguousarray(image).tobytes()).hexdigest() != expected:
        print(f"{found[0]}: decodes to other pixels here than when the reference was made ({case.size})")
    return image


def halve(image: Image) -> Image:
    """Average 2x2 blocks of (H, W, C) uint8, rounded half up; an odd last row or column is dropped."""
    height, width = image.shape[0] // 2, image.shape[1] // 2
    blocks = image[: 2 * height, : 2 * width].astype(np.uint16).reshape(height, 2, width, 2, -1)
    return ((blocks.sum(axis=(1, 3)) + 2) >> 2).astype(np.uint8)


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


if __name__ == "__main__":
    sys.exit(main())
