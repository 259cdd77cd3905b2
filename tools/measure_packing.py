"""Measure what rounding descriptors to one byte a dimension costs: matches of frames with archived ones.

    python tools/measure_packing.py kitti/06 aliked-t16

Each frame is matched with the one some frames before it, as that was and as the archive keeps it.
"""

import argparse
import os
import sys
from itertools import islice
from pathlib import Path

import numpy as np

from vo_frontend.atlas.packed_keyframe import packed_descriptors, unpacked_descriptors
from vo_frontend.config import MatchingConfig
from vo_frontend.errors import VoError
from vo_frontend.features import load_extractor
from vo_frontend.sources.registry import find_sequence, open_sequence
from vo_frontend.tracking.matching import Matcher

MAX_FRAMES = 60


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and print the shares over all pairs of frames."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("sequence", help="below $VO_DATA_ROOT")
    parser.add_argument("features", help="name of an extractor")
    parser.add_argument("--gap", type=int, default=5, help="frames between the two of a pair (default: 5)")
    args = parser.parse_args(argv)
    try:
        source = open_sequence(find_sequence(args.sequence, Path(os.environ.get("VO_DATA_ROOT", "."))))
        extractor = load_extractor(args.features, max_keypoints=1000, device="cpu")
        images = [frame.image for frame in islice(source, MAX_FRAMES) if frame.image is not None]
        found = [extractor.extract(image).descriptors for image in images]
    except VoError as error:
        print(f"measure_packing: {error}", file=sys.stderr)
        return 2
    matcher = Matcher(MatchingConfig().min_similarity)
    num_exact = num_kept = num_packed = 0
    least_cosine = 1.0
    for then, now in zip(found, found[args.gap :], strict=False):
        kept = unpacked_descriptors(packed_descriptors(then))
        least_cosine = min(least_cosine, float((then * kept).sum(axis=1).min()))
        exact, packed = matcher.match(then, now), matcher.match(kept, now)
        pairs, packed_pairs = (
            np.stack([each.index0, each.index1], axis=1).tolist() for each in (exact, packed)
        )
        num_exact += len(pairs)
        num_packed += len(packed_pairs)
        num_kept += len({tuple(pair) for pair in pairs} & {tuple(pair) for pair in packed_pairs})
    print(f"{args.sequence}, {args.features}, {len(found)} frames, {args.gap} apart:")
    print(f"of {num_exact} matches {100 * num_kept / num_exact:.2f} % stay, {num_packed - num_kept} are new,")
    print(f"least cosine of a descriptor with itself {least_cosine:.6f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
