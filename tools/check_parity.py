"""Compare our features with reference outputs of the authors' own code.

    python tools/check_parity.py GOLDEN_DIR
    python tools/check_parity.py GOLDEN_DIR --features aliked-t16 --weights-dir DIR

GOLDEN_DIR holds ``<model>__<image>__<native|half>.npz`` with ``keypoints``, ``scores`` and, for the first
of them, ``descriptors``; the images lie in ``images/`` and are described by ``images.json``. The exit code
is 0 where every case holds, 1 where one falls short, 2 where the comparison cannot be made.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True)
class Case:
    """One reference file."""

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
    """How well one case agrees with its reference."""

    keypoint_share: float  # of the reference keypoints: one of ours is within MAX_DISTANCE_PX
    descriptor_share: float  # of those with a descriptor: cosine above MIN_COSINE
    score_difference: float  # largest, over common keypoints

    @property
    def holds(self) -> bool:
        """Whether all three bounds are kept."""
        return (
            self.keypoint_share >= MIN_SHARE
            and self.descriptor_share >= MIN_SHARE
            and self.score_difference <= MAX_SCORE_DIFFERENCE
        )


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("golden_dir", type=Path, metavar="GOLDEN_DIR")
    parser.add_argument("--features", metavar="NAME", help="only this model, e.g. aliked-t16")
    parser.add_argument("--weights-dir", type=Path, metavar="DIR", help="folder with the official weights")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        cases = find_cases(options.golden_dir, options.features)
        num_short = check_all(cases, options.golden_dir, options.weights_dir, options.device)
    except VoError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{len(cases) - num_short} of {len(cases)} cases hold")
    return 1 if num_short else 0


def check_all(cases: list[Case], golden_dir: Path, weights_dir: Path | None, device: str) -> int:
    """Print one row per case. Returns how many fall short."""
    print(f"{'case':<44}{'keypoints %':>12}{'descriptors %':>15}{'score diff':>12}")
    num_short = 0
    for case, agreement in agreements(cases, golden_dir, weights_dir, device):
        num_short += not agreement.holds
        print(
            f"{f'{case.model} {case.image} {case.size}':<44}{100 * agreement.keypoint_share:>12.2f}"
            f"{100 * agreement.descriptor_share:>15.2f}{agreement.score_difference:>12.1e}"
            f"{'' if agreement.holds else '  FALLS SHORT'}",
            flush=True,
        )
    bounds = f"at least {100 * MIN_SHARE:.1f}", f"at least {100 * MIN_SHARE:.1f}", MAX_SCORE_DIFFERENCE
    print(f"{'bounds':<41}{bounds[0]:>15}{bounds[1]:>15}{bounds[2]:>12.1e}")
    return num_short


def agreements(
    cases: list[Case], golden_dir: Path, weights_dir: Path | None, device: str = "auto"
) -> Iterator[tuple[Case, Agreement]]:
    """Extract and compare, case by case; an extractor is loaded once per model."""
    extractors: dict[tuple[str, int], FeatureExtractor] = {}
    for case in cases:
        reference = read_reference(case.path)
        key = case.model, len(reference.pixels)
        if key not in extractors:
            extractors[key] = load_extractor(
                case.model, max_keypoints=key[1], device=device, weights_dir=weights_dir
            )
        yield case, compare(reference, extractors[key].extract(read_image(golden_dir, case)))


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
    """Decode the image of a case as RGB, halved if asked for; says so where it is not the described one."""
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
    """Mean of 2x2 blocks, rounded half up; an odd last row or column is dropped."""
    height, width = image.shape[0] // 2, image.shape[1] // 2
    blocks = image[: 2 * height, : 2 * width].astype(np.uint16).reshape(height, 2, width, 2, -1)
    return ((blocks.sum(axis=(1, 3)) + 2) >> 2).astype(np.uint8)


def compare(reference: Reference, ours: Features) -> Agreement:
    """Pair every reference keypoint with our nearest and compare what belongs to the pair.

    By position, not by rank: near-equal scores may swap.
    """
    if not len(ours):
        return Agreement(0.0, 0.0, float("inf"))
    delta = reference.pixels[:, None].astype(np.float64) - ours.pixels[None]
    distance_px = np.hypot(delta[..., 0], delta[..., 1])
    nearest = distance_px.argmin(axis=1)
    common = distance_px.min(axis=1) < MAX_DISTANCE_PX
    num_described = len(reference.descriptors)
    cosine = np.sum(reference.descriptors * ours.descriptors[nearest[:num_described]], axis=1)
    described = cosine[common[:num_described]]
    difference = np.abs(reference.scores - ours.scores[nearest])[common]
    return Agreement(
        keypoint_share=float(common.mean()),
        descriptor_share=float((described > MIN_COSINE).mean()) if len(described) else 0.0,
        score_difference=float(difference.max()) if len(difference) else float("inf"),
    )


if __name__ == "__main__":
    sys.exit(main())
