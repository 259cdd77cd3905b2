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

import cv2
import numpy as np
from parity_agreement import REDUCED, Agreement, ReducedAgreement, Reference, compare, compare_reduced

from vo_frontend.errors import VoError
from vo_frontend.features import FeatureExtractor, load_extractor
from vo_frontend.types import Image


@dataclass(frozen=True)
class Case:
    """One reference file, and what it is of."""

    model: str
    image: str
    size: str  # native or half
    path: Path


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


if __name__ == "__main__":
    sys.exit(main())
