"""Sequences and features that are looked at before the first frame, so that nothing is missing later."""

from collections.abc import Sequence
from pathlib import Path

from vo_frontend.config import Config
from vo_frontend.experiments.ablation.scores import load_ground_truth
from vo_frontend.experiments.ablation.sequences import SensorSequence
from vo_frontend.features import FeatureExtractor, load_extractor
from vo_frontend.session.opened_input import OpenedInput, open_named


def open_inputs(
    sequences: Sequence[SensorSequence],
    features: str,
    data_root: Path | None,
    weights_dir: Path | None,
    max_frames: int,
) -> tuple[list[OpenedInput], FeatureExtractor]:
    """Open sequences that have ground truth, and load what extracts features.

    Raises:
        VoError: a sequence, its ground truth or the weights are missing or malformed.
    """
    opened = [open_named(each.name, data_root, each.sensor, slice(max_frames)) for each in sequences]
    for each in opened:
        load_ground_truth(each)
    extractor = load_extractor(
        features, max_keypoints=Config().features.max_keypoints, device="cpu", weights_dir=weights_dir
    )
    return opened, extractor
