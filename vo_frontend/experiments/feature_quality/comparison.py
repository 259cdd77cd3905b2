"""Compare features: what they cost, and how well they match on all image pairs that were asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vo_frontend.experiments.feature_quality.contestants import Contestant, Extraction
from vo_frontend.experiments.feature_quality.costs import measure_costs
from vo_frontend.experiments.feature_quality.hpatches import read_hpatches
from vo_frontend.experiments.feature_quality.losses import compare_losses, loss_pairs
from vo_frontend.experiments.feature_quality.multiview import read_bags, require_empty, score_multiview
from vo_frontend.experiments.feature_quality.pairs import (
    held_out_photo_pairs,
    hpatches_scenes,
    open_posed_sequence,
    photo_scenes,
)
from vo_frontend.experiments.feature_quality.phototourism import SceneViews, read_phototourism, score_stereo
from vo_frontend.experiments.feature_quality.reconstruction import require_pycolmap
from vo_frontend.experiments.feature_quality.report import FeatureReport
from vo_frontend.experiments.feature_quality.scores import score_homographies, score_poses


@dataclass(frozen=True, slots=True)
class FeatureComparison:
    """Features, the data to compare them on, and how many pairs are made of it."""

    contestants: Sequence[Contestant]
    extraction: Extraction
    data_root: Path | None
    hpatches: Path | None  # folder of scenes
    phototourism: Path | None  # folder of scenes
    num_phototourism_pairs: int  # of each scene
    bag_sizes: Sequence[int]  # images of each bag that is reconstructed; none: no reconstructions
    num_bags: int  # of each size and scene
    colmap_out: Path | None  # keeps what is reconstructed
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
    tourism = read_phototourism(c.phototourism, c.num_phototourism_pairs) if c.phototourism else []
    bags = [read_bags(scene, c.bag_sizes, c.num_bags) for scene in tourism]
    if c.bag_sizes:
        require_pycolmap()
    if c.colmap_out:
        require_empty(c.colmap_out)
    pairs = held_out_photo_pairs(c.photos, c.num_photo_pairs) if c.photos else []
    sequences = [open_posed_sequence(name, c.data_root, c.gaps, c.num_starts) for name in c.sequences]
    losses_on = loss_pairs(c.photos, c.num_photo_pairs) if c.losses else []
    losses = compare_losses(c.losses, c.contestants, losses_on, c.extraction.weights_dir)
    costs = measure_costs(c.contestants, c.extraction, c.data_root)
    homographies, poses, stereo, multiview = [], [], [], []
    for contestant in c.contestants:
        report(f"{contestant.name} ...")
        extractor = contestant.load(c.extraction)
        homographies += score_homographies(contestant.name, extractor, hpatches_scenes(hpatches))
        homographies += score_homographies(contestant.name, extractor, photo_scenes(pairs))
        poses += [score_poses(contestant.name, extractor, sequence) for sequence in sequences]
        for scene, scene_bags in zip(tourism, bags, strict=True):
            views = SceneViews(scene.folder, extractor)
            stereo.append(score_stereo(contestant.name, views, scene))
            multiview += score_multiview(contestant.name, views, scene_bags, c.colmap_out)
    return FeatureReport(costs, homographies, poses, stereo, multiview, losses)
