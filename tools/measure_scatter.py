"""Measure how exact keypoints are, by the image size in which they are found.

    python tools/measure_scatter.py kitti/06 street

In a rectified pair a point has one row. The rows of mutual nearest neighbours differ by the scatter of both
keypoints: 1.48 times the median absolute deviation, over the square root of 2, in px of the whole image.
"""

import argparse
import sys
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.cli.options import add_data_root, add_weights_dir
from vo_frontend.errors import VoError
from vo_frontend.features import load_extractor
from vo_frontend.features.extractor import FeatureExtractor
from vo_frontend.session.opened_input import open_named
from vo_frontend.types import Frame, Sensor

SCALES = (1.0, 0.85, 0.75, 0.5)
NUM_PAIRS, STEP = 8, 6  # frames
NUM_KEYPOINTS = 800
MIN_SIMILARITY, MAX_ROWS_PX = 0.7, 4.0


def main() -> int:
    """Parse the command line, measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sequences", nargs="+", help="stereo sequences, or street")
    group = parser.add_argument_group("input")
    add_data_root(group, "the sequences")
    add_weights_dir(group)
    args = parser.parse_args()
    try:
        print("sequence             scale  matches  scatter [px]")
        for name in args.sequences:
            for line in measured(name, args.data_root, args.weights_dir):
                print(f"{name:20} {line}", flush=True)
    except VoError as error:
        print(f"measure_scatter: {error}", file=sys.stderr)
        return 2
    return 0


def measured(name: str, data_root: Path | None, weights_dir: Path | None) -> list[str]:
    """Measure one sequence at all scales."""
    source = open_named(name, data_root, Sensor.STEREO).source
    pairs = list(islice(source, 0, NUM_PAIRS * STEP, STEP))
    source.close()
    lines = []
    for scale in SCALES:
        extractor = load_extractor(
            "aliked-t16", max_keypoints=NUM_KEYPOINTS, image_scale=scale, weights_dir=weights_dir
        )
        rows_px = np.concatenate([row_differences_px(extractor, pair) for pair in pairs])
        scatter_px = 1.4826 * np.median(np.abs(rows_px - np.median(rows_px))) / np.sqrt(2)
        lines.append(f"{scale:5g}  {len(rows_px):7}  {scatter_px:.3f}")
    return lines


def row_differences_px(extractor: FeatureExtractor, pair: Frame) -> NDArray[np.float32]:
    """Match the two images of a pair and return the differences (M,) of rows, px."""
    if pair.image is None or pair.image_right is None:
        return np.empty(0, np.float32)
    left, right = extractor.extract_batch([pair.image, pair.image_right])
    similarity = left.descriptors @ right.descriptors.T
    partner = similarity.argmax(axis=1)
    is_match = similarity.argmax(axis=0)[partner] == np.arange(len(left))
    is_match &= similarity.max(axis=1) > MIN_SIMILARITY
    shift_px = (right.pixels[partner] - left.pixels)[is_match]
    return np.asarray(shift_px[np.abs(shift_px[:, 1]) < MAX_ROWS_PX, 1])


if __name__ == "__main__":
    sys.exit(main())
