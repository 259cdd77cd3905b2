"""Reconstruction of small bags of images of the PhotoTourism scenes (Jin et al., "Image Matching across Wide
Baselines: From Paper to Practice", IJCV 2021, multi-view task).

A scene lists its bags as ``sub_set/5bag_000.txt``, one line ``images/NAME.jpg`` for each image. Where it
lists none of a size, bags are drawn: each image shares a tenth of its points with one that is already in the
bag.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import numpy as np

from vo_frontend.errors import OutputError, SourceError
from vo_frontend.evaluation.feature_metrics import mean_average_accuracy, pose_error_deg
from vo_frontend.experiments.feature_quality.phototourism import (
    SceneViews,
    TourismScene,
    TwoViews,
    calibration_file,
    image_file,
    listed_pairs,
)
from vo_frontend.experiments.feature_quality.reconstruction import (
    PosedImage,
    Reconstruction,
    VerifiedPair,
    reconstruct,
    write_database,
)
from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform

BAGS = "sub_set"
SEED = 0


@dataclass(frozen=True, slots=True)
class Bag:
    """Images of a scene that are reconstructed together."""

    name: str
    scene: TourismScene
    images: tuple[str, ...]  # names
    is_drawn: bool  # by us; False: the data set lists it


@dataclass(frozen=True, slots=True)
class MultiviewResult:
    """One extractor on the bags of one size of a scene. Means over the bags."""

    features: str
    scene: str
    bag_size: int  # images
    num_bags: int
    num_drawn: int  # of the bags, by us
    maa_5deg: float  # share in [0, 1]
    maa_10deg: float
    registered: float  # share of the images, in [0, 1]
    track_length: float  # images that see a landmark, over the bags that have a model
    num_landmarks: float  # over the bags that have a model


@dataclass(frozen=True, slots=True)
class _BagScore:
    maa_5deg: float
    maa_10deg: float
    registered: float
    track_length: float
    num_landmarks: int


def read_bags(scene: TourismScene, sizes: Sequence[int], num_bags: int) -> list[Bag]:
    """Choose bags of a scene, the first of those it lists or drawn with a fixed seed.

    Args:
        scene: images are not decoded yet.
        sizes: images of each bag.
        num_bags: of each size, at most.

    Raises:
        SourceError: a list is empty or cannot be read, an image or its calibration is missing, or too few
            images have points in common.
    """
    bags = []
    for size in sizes:
        lists = sorted((scene.folder / BAGS).glob(f"{size}bag_*.txt"))[:num_bags]
        if lists:
            bags += [Bag(path.stem, scene, _listed_images(path, size), False) for path in lists]
        else:
            bags += _draw(scene, size, num_bags)
    for bag in bags:
        for image in bag.images:
            for path in (image_file(scene.folder, image), calibration_file(scene.folder, image)):
                if not path.is_file():
                    raise SourceError(f"{path}: no such file, bag {bag.name} needs it")
    return bags


def score_multiview(
    name: str, views: SceneViews, bags: Sequence[Bag], colmap_out: Path | None
) -> list[MultiviewResult]:
    """Reconstruct the bags of a scene and compare all relative poses with the true ones.

    Args:
        name: of the extractor.
        views: of the scene.
        bags: of the scene.
        colmap_out: keeps databases and models, as ``FEATURES/SCENE/BAG``; None: they are not kept.

    Raises:
        SourceError: an image or calibration cannot be read.
        OutputError: a folder cannot be made, or is in use.
        ConfigError: pycolmap is missing.
    """
    if not bags:
        return []
    matched: dict[tuple[str, str], TwoViews] = {}
    by_size: dict[int, list[_BagScore]] = {}
    for bag in bags:
        for pair in combinations(bag.images, 2):
            if pair not in matched:
                matched[pair] = views.match(*pair)
        with TemporaryDirectory() if colmap_out is None else nullcontext(colmap_out) as root:
            found = _reconstruct(Path(root) / name / bag.scene.name / bag.name, bag, views, matched)
        by_size.setdefault(len(bag.images), []).append(_score(bag, views, found))
    drawn = [len(bag.images) for bag in bags if bag.is_drawn]
    scene = bags[0].scene.name
    return [_mean(name, scene, size, drawn.count(size), scores) for size, scores in by_size.items()]


def require_empty(folder: Path) -> None:
    """Make sure that a folder can take databases.

    Raises:
        OutputError: it holds something, or is no folder.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder}: expected a new or an empty folder for databases of COLMAP")


def _listed_images(path: Path, size: int) -> tuple[str, ...]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot read the bag ({error})") from None
    images = tuple(PurePosixPath(line.strip()).stem for line in lines if line.strip())
    if len(images) != size or len(set(images)) < size:
        raise SourceError(
            f"{path}: got {len(set(images))} different images, expected {size} lines images/NAME.jpg"
        )
    return images


def _draw(scene: TourismScene, size: int, num_bags: int) -> list[Bag]:
    """Grow bags along the pairs of images that have points in common, each from an image of its own."""
    neighbours: dict[str, set[str]] = {}
    for first, second in listed_pairs(scene.folder):
        neighbours.setdefault(first, set()).add(second)
        neighbours.setdefault(second, set()).add(first)
    rng = np.random.default_rng([SEED, size])
    bags: list[Bag] = []
    for start in rng.permutation(sorted(neighbours)):
        images = [str(start)]
        while len(images) < size:
            near = sorted(set().union(*(neighbours[image] for image in images)) - set(images))
            if not near:
                break
            images.append(near[rng.integers(len(near))])
        is_new = all(set(images) != set(bag.images) for bag in bags)
        if len(images) == size and is_new and len(bags) < num_bags:
            bags.append(Bag(f"{size}bag_{len(bags):03d}", scene, tuple(images), True))
    if not bags:
        raise SourceError(f"{scene.folder}: no {size} images have points in common, take smaller bags")
    return bags


def _reconstruct(
    folder: Path, bag: Bag, views: SceneViews, matched: dict[tuple[str, str], TwoViews]
) -> Reconstruction:
    images = [
        PosedImage(image_file(bag.scene.folder, name).name, views[name].camera, views[name].features.pixels)
        for name in bag.images
    ]
    pairs = []
    for row0, row1 in combinations(range(len(images)), 2):
        two = matched[bag.images[row0], bag.images[row1]]
        pairs.append(VerifiedPair(row0, row1, two.matches, two.inliers, two.T_cam0_cam1))
    write_database(folder, images, pairs)
    return reconstruct(folder, image_file(bag.scene.folder, bag.images[0]).parent)


def _score(bag: Bag, views: SceneViews, found: Reconstruction) -> _BagScore:
    true = [views[name].T_cam_world for name in bag.images]
    errors = np.array(
        [
            pose_error_deg(
                _relative(found.T_cam_world[row0], found.T_cam_world[row1]),
                true[row0] @ se3.inverse(true[row1]),
                min_baseline=0.0,
            )
            for row0, row1 in combinations(range(len(true)), 2)
        ]
    )
    registered = sum(pose is not None for pose in found.T_cam_world) / len(true)
    return _BagScore(
        mean_average_accuracy(errors, 5), mean_average_accuracy(errors, 10),
        registered, found.mean_track_length, found.num_landmarks,
    )  # fmt: skip


def _relative(T_cam0_world: Transform | None, T_cam1_world: Transform | None) -> Transform | None:
    if T_cam0_world is None or T_cam1_world is None:
        return None
    return T_cam0_world @ se3.inverse(T_cam1_world)


def _mean(name: str, scene: str, size: int, num_drawn: int, scores: Sequence[_BagScore]) -> MultiviewResult:
    modelled = [score for score in scores if score.num_landmarks]
    return MultiviewResult(
        name, scene, size, len(scores), num_drawn,
        float(np.mean([score.maa_5deg for score in scores])),
        float(np.mean([score.maa_10deg for score in scores])),
        float(np.mean([score.registered for score in scores])),
        float(np.mean([score.track_length for score in modelled])) if modelled else 0.0,
        float(np.mean([score.num_landmarks for score in modelled])) if modelled else 0.0,
    )  # fmt: skip
