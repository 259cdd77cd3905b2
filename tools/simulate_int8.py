"""Tell what 8-bit arithmetic would make of features and trajectories, before anybody writes kernels for it.

    python tools/simulate_int8.py aliked-t16 --golden GOLDEN_DIR
    python tools/simulate_int8.py aliked-t16 --seq kitti/06 --sensor stereo

What the convolutions multiply is rounded to 8 bits, weights by output channel around zero, inputs over their
range in this image, and multiplied as float32, which keeps such sums exact enough. Spared are the first layer
and the predicted offsets, and what is no convolution (the products of deformable taps), as kernels would
hardly: so this is the better end of what 8 bits can do.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from check_parity import find_cases, read_image, read_reference
from parity_agreement import REDUCED, compare_reduced
from torch import Tensor
from torch.overrides import TorchFunctionMode

from vo_frontend.errors import VoError
from vo_frontend.evaluation.evaluate import evaluate
from vo_frontend.features.loading import load_readable_extractor
from vo_frontend.features.networks.extractor import NetworkExtractor
from vo_frontend.features.networks.trunk import FeatureNetwork
from vo_frontend.session.opened_input import OpenedInput, open_named
from vo_frontend.session.options import configure
from vo_frontend.session.session import Session
from vo_frontend.types import Features, Image, Sensor

SPARED = ("block1.conv1.", "offset_conv.")
INPUT_BITS = {"weights": 32, "weights and inputs": 8}


def rounded(values: Tensor, num_levels: int, dim: tuple[int, ...] | None = None) -> Tensor:
    """Round to ``num_levels`` equal steps over the range of all values, or around zero along ``dim``."""
    if dim is not None:
        step = values.abs().amax(dim, keepdim=True).clamp(min=1e-12) * 2 / (num_levels - 2)
        return torch.round(values / step) * step
    low, high = values.min().clamp(max=0), values.max().clamp(min=0)
    step = (high - low).clamp(min=1e-12) / (num_levels - 1)
    zero = torch.round(-low / step)  # zero, which pads, stays zero
    return ((torch.round(values / step) + zero).clamp(0, num_levels - 1) - zero) * step


class RoundedConvolutions(TorchFunctionMode):
    """Rounds what convolutions multiply, while it is entered."""

    def __init__(self, network: FeatureNetwork, input_bits: int) -> None:
        """Spare some layers of a network."""
        super().__init__()
        self._input_bits = input_bits
        named = network.named_parameters()
        self._spared = [each for name, each in named if any(part in name for part in SPARED)]

    def __torch_function__(  # noqa: D105  torch names it
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if func is not torch.conv2d or any(args[1] is each for each in self._spared):
            return func(*args, **(kwargs or {}))
        values, weights, *others = args
        if self._input_bits == 8:
            values = rounded(values, 256)
        return func(values, rounded(weights, 256, (1, 2, 3)), *others, **(kwargs or {}))


class RoundedExtractor(NetworkExtractor):
    """Finds features with a network whose convolutions are rounded."""

    def __init__(self, name: str, max_keypoints: int, weights_dir: Path | None, input_bits: int) -> None:
        """Load the network."""
        exact = load_readable_extractor(name, max_keypoints=max_keypoints, weights_dir=weights_dir)
        if not isinstance(exact, NetworkExtractor):
            raise VoError(f"{name}: has no network, expected aliked-* or alike-*")
        super().__init__(name, exact.network, max_keypoints=max_keypoints, device=exact.device)
        self._mode = RoundedConvolutions(self.network, input_bits)

    def extract(self, image: Image) -> Features:
        """Detect and describe, rounded."""
        with self._mode:
            return super().extract(image)


def parity_rows(name: str, golden_dir: Path, weights_dir: Path | None) -> Iterator[str]:
    """Compare with the authors' outputs; the columns are those of bf16 in docs/benchmarks.md."""
    cases = [(case, read_reference(case.path)) for case in find_cases(golden_dir, name)]
    for label, input_bits in INPUT_BITS.items():
        extractors = {
            budget: RoundedExtractor(name, budget, weights_dir, input_bits)
            for budget in {len(reference.pixels) for _, reference in cases}
        }
        found = []
        for case, reference in cases:
            ours = extractors[len(reference.pixels)].extract(read_image(golden_dir, case))
            each = compare_reduced(reference, ours, REDUCED["bf16"])
            shares = 100 * each.keypoint_share, 100 * each.kept_share
            found.append((*shares, each.median_cosine, each.low_cosine, each.score_difference))
        ranges = zip(np.min(found, axis=0), np.max(found, axis=0), (1, 1, 4, 4, 3), strict=True)
        yield f"| {name}, {label} | " + " | ".join(f"{a:.{n}f} to {b:.{n}f}" for a, b, n in ranges) + " |"


def trajectory_row(name: str, opened: OpenedInput, weights_dir: Path | None) -> str:
    """Track a sequence with weights and inputs rounded."""
    source = opened.source
    config = configure(sensor=source.sensor.value, device="cpu")
    extractor = RoundedExtractor(name, config.features.max_keypoints, weights_dir, input_bits=8)
    session = Session.for_source(config, source, extractor)
    for frame in source:
        session.process(frame)
    session.finish()
    if opened.load_ground_truth is None:
        raise VoError(f"{source.name}: has no ground truth, expected a sequence with one")
    longest = max(session.records.trajectory.trajectory().segments().values(), key=len)
    errors = evaluate(longest, opened.load_ground_truth(), sensor_has_scale=source.sensor is not Sensor.MONO)
    ate = "-" if errors.ate_m is None else f"{errors.ate_m.rmse:.4f}"
    turned = "-" if errors.rpe_rotation_deg is None else f"{errors.rpe_rotation_deg.mean:.4f}"
    return f"| {name} | {source.name} {source.sensor.value}, {len(longest)} poses | {ate} | {turned} |"


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and print the rows."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("features")
    parser.add_argument("--golden", type=Path, help="folder of the authors' outputs, see check_parity.py")
    parser.add_argument("--seq", help="below $VO_DATA_ROOT, or street")
    parser.add_argument("--sensor", default="mono", help="mono (default), stereo or rgbd")
    args = parser.parse_args(argv)
    root, weights = (
        Path(path) if (path := os.environ.get(n)) else None for n in ("VO_DATA_ROOT", "VO_WEIGHTS_DIR")
    )
    try:
        for row in parity_rows(args.features, args.golden, weights) if args.golden else ():
            print(row, flush=True)
        if args.seq:
            print(
                trajectory_row(args.features, open_named(args.seq, root, Sensor(args.sensor), None), weights)
            )
    except VoError as error:
        print(f"simulate_int8: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
