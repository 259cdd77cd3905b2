"""Image pairs with known geometry to compare features on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import ConfigError
from vo_frontend.evaluation.associate import associate
from vo_frontend.experiments.feature_quality.hpatches import HpatchesScene
from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.session.opened_input import open_named
from vo_frontend.sources.image_files import read_image
from vo_frontend.types import Image, Trajectory

if TYPE_CHECKING:
    from vo_frontend.training.data.pairs import ImagePair
    from vo_frontend.training.data.ranges import HomographyRanges

PHOTOGRAPHS = "photographs"
PHOTO_SEED = 20_211_205  # the same pairs whatever is compared
PHOTO_CROP_PX = 320
MAX_NAMED_SCENES = 6  # more are reported by kind


@dataclass(frozen=True, slots=True, eq=False)
class PlanarScene:
    """Images that homographies relate to the first one."""

    group: str  # the row of the table that it belongs to
    reference: Image
    others: tuple[Image, ...]
    homographies: tuple[NDArray[np.float64], ...]  # (3, 3): pixels of the reference to pixels of each other


@dataclass(frozen=True, slots=True, eq=False)
class PosePair:
    """Two frames of a sequence and the true motion between them."""

    frame0: int  # key of PosedSequence.images
    frame1: int
    T_cam0_cam1: Transform


@dataclass(frozen=True, slots=True, eq=False)
class PosedSequence:
    """Pairs of frames of one camera."""

    name: str
    camera: PinholeCamera
    images: dict[int, Image]  # by position in the sequence
    pairs: tuple[PosePair, ...]


def hpatches_scenes(scenes: Sequence[HpatchesScene]) -> Iterator[PlanarScene]:
    """Decode one scene after the other.

    Raises:
        SourceError: an image cannot be decoded.
    """
    is_named = len(scenes) <= MAX_NAMED_SCENES
    for scene in scenes:
        group = scene.name if is_named else f"HPatches {scene.name[0]}_*"
        others = tuple(read_image(path) for path in scene.others)
        yield PlanarScene(group, read_image(scene.reference), others, scene.homographies)


def held_out_photo_pairs(
    folders: Sequence[Path], num_pairs: int, ranges: "HomographyRanges | None" = None
) -> "list[ImagePair]":
    """Make pairs of the photographs that training holds out, as training makes them, with changes of light.

    ``folders`` must be those of the training, in its order: of all their photographs, every tenth is held
    out. Each of them gives one pair, then each a second one, and so on. ``ranges`` of the homographies are
    those of training by default.

    Raises:
        VoError: a folder is missing or has no photographs.
    """
    from vo_frontend.training.data.data_config import DataConfig
    from vo_frontend.training.data.homography_pairs import HomographyPairs, find_photographs
    from vo_frontend.training.data.ranges import HomographyRanges
    from vo_frontend.training.data.training_data import hold_out_scattered
    from vo_frontend.training.engine.randomness import sample_rng

    photographs = find_photographs(folders)
    divided = hold_out_scattered(photographs, DataConfig().held_out_every, "photographs")
    held_out = HomographyPairs(divided.held_out, PHOTO_CROP_PX, ranges or HomographyRanges())
    return [
        held_out.pair(number % len(held_out), sample_rng(PHOTO_SEED, number)) for number in range(num_pairs)
    ]


def photo_scenes(pairs: "Sequence[ImagePair]") -> list[PlanarScene]:
    """Turn pairs from one homography each into scenes."""
    return [
        PlanarScene(PHOTOGRAPHS, pair.image0, (pair.image1,), (homography_of_warp(pair.warp01),))
        for pair in pairs
    ]


def homography_of_warp(warp: NDArray[np.float32]) -> NDArray[np.float64]:
    """Find the homography (3, 3) that made a dense map (H, W, 2) of pixels, from its corners."""
    height, width = warp.shape[:2]
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], np.float32)
    moved = np.ascontiguousarray(warp[[0, 0, -1, -1], [0, -1, -1, 0]])
    return np.asarray(cv2.getPerspectiveTransform(corners, moved))


def open_posed_sequence(
    name: str, data_root: Path | None, gaps: Sequence[int], num_starts: int
) -> PosedSequence:
    """Choose pairs of frames without looking at images or poses, and read their frames.

    ``num_starts`` frames are spread evenly over the sequence; each is paired with the frames that come
    ``gaps`` positions later, as far as there are any.

    Raises:
        VoError: the sequence is unknown, missing, malformed or without ground truth, or nothing is left.
    """
    whole = open_named(name, data_root)
    num_frames = whole.source.num_frames
    if whole.load_ground_truth is None or num_frames is None:
        raise ConfigError(f"{name}: has no ground truth here, expected a sequence with poses")
    chosen = choose_pairs(num_frames, gaps, num_starts)
    if not chosen:
        raise ConfigError(f"{name}: {num_frames} frames are too few for a gap of {min(gaps)}")
    images: dict[int, Image] = {}
    stamps_ns: list[int] = []
    for position in sorted({position for pair in chosen for position in pair}):
        # One by one: to decode or render the frames in between takes most of the time.
        for frame in open_named(name, data_root, frames=slice(position, position + 1)).source:
            if frame.image is not None:
                images[position] = frame.image
                stamps_ns.append(frame.timestamp_ns)
    T_world_cam = _poses_at(list(images), stamps_ns, whole.load_ground_truth())
    pairs = tuple(
        PosePair(first, second, se3.inverse(T_world_cam[first]) @ T_world_cam[second])
        for first, second in chosen
        if first in T_world_cam and second in T_world_cam
    )
    if not pairs:
        raise ConfigError(f"{name}: no pair of frames has ground truth at both")
    return PosedSequence(name, whole.source.camera, images, pairs)


def choose_pairs(num_frames: int, gaps: Sequence[int], num_starts: int) -> list[tuple[int, int]]:
    """List positions (start, start + gap) by the rule of :func:`open_posed_sequence`."""
    starts = sorted({number * num_frames // num_starts for number in range(num_starts)})
    return [(start, start + gap) for gap in gaps for start in starts if start + gap < num_frames]


def _poses_at(
    positions: Sequence[int], stamps_ns: Sequence[int], ground_truth: Trajectory
) -> dict[int, Transform]:
    """Look up the true poses (4, 4) of the frames that have one near their time."""
    index, index_gt = associate(np.array(stamps_ns, dtype=np.int64), ground_truth.timestamps_ns)
    return {positions[i]: ground_truth.T_world_cam[j] for i, j in zip(index, index_gt, strict=True)}
