"""Compare features: what they cost, and how well they match on all image pairs that were asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vo_frontend.experiments.feature_quality.contestants import Contestant
from vo_frontend.experiments.feature_quality.costs import measure_costs
from vo_frontend.experiments.feature_quality.hpatches import read_hpatches
from vo_frontend.experiments.feature_quality.losses import compare_losses, loss_pairs
from vo_frontend.experiments.feature_quality.pairs import (
    held_out_photo_pairs,
    hpatches_scenes,
    open_posed_sequence,
    photo_scenes,
)
from vo_frontend.experiments.feature_quality.report import FeatureReport
from vo_frontend.experiments.feature_quality.scores import score_homographies, score_poses


@dataclass(frozen=True, slots=True)
class FeatureComparison:
    """Features, the data to compare them on, and how many pairs are made of it."""

    contestants: Sequence[Contestant]
    max_keypoints: int  # per image
    weights_dir: Path | None
    data_root: Path | None
    hpatches: Path | None  # folder of scenes
    photos: Sequence[Path]  # folders
    num_photo_pairs: int
    sequences: Sequence[str]
    gaps: Sequence[int]  # frames between the two of a pair
    num_starts: int  # first frames of pairs per sequence
    losses: Sequence[str]  # contestants


def compare_features(comparison: FeatureComparison, report: Callable[[str], None]) -> FeatureReport:
    """Measure everything. All data are found before the first extraction; ``report`` gets a line for each.

    Raises:
        VoError: data or weights are missing or malformed.
    """
    c = comparison
    hpatches = read_hpatches(c.hpatches) if c.hpatches else []
    pairs = held_out_photo_pairs(c.photos, c.num_photo_pairs) if c.photos else []
    sequences = [open_posed_sequence(name, c.data_root, c.gaps, c.num_starts) for name in c.sequences]
    losses_on = loss_pairs(c.photos, c.num_photo_pairs) if c.losses else []
    losses = compare_losses(c.losses, c.contestants, losses_on, c.weights_dir)
    costs = measure_costs(c.contestants, c.max_keypoints, c.weights_dir, c.data_root)
    homographies, poses = [], []
    for contestant in c.contestants:
        report(f"{contestant.name} ...")
        extractor = contestant.load(c.max_keypoints, c.weights_dir)
        homographies += score_homographies(contestant.name, extractor, hpatches_scenes(hpatches))
        homographies += score_homographies(contestant.name, extractor, photo_scenes(pairs))
        poses += [score_poses(contestant.name, extractor, sequence) for sequence in sequences]
    return FeatureReport(costs, homographies, poses, losses)
