"""Pairs of scenes in MegaDepth's layouts (Li and Snavely, CVPR 2018), and which scenes are held out."""

import logging
import os
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from vo_frontend.errors import CameraError, SourceError, TrajectoryError
from vo_frontend.training.data.array_scenes import ArrayScene
from vo_frontend.training.data.depth_crops import crop_pair, resize_view
from vo_frontend.training.data.depth_warp import Agreement, DepthView
from vo_frontend.training.data.disk_scenes import read_disk_dataset
from vo_frontend.training.data.pairs import ImagePair, require_crop_size
from vo_frontend.training.data.ranges import DepthRanges, PhotometricRanges
from vo_frontend.training.data.scenes import Scene

log = logging.getLogger(__name__)

DISK_DATASET = "dataset.json"
MIN_OVERLAP = 0.1  # of either crop
MAX_DRAWS = 20
RECONSTRUCTION_AGREEMENT = Agreement(max_depth_ratio=0.05, max_round_trip_px=2.0)


class MegadepthPairs:
    """Listed pairs of one scene, one item each."""

    def __init__(
        self,
        scene: Scene,
        crop_px: int,
        ranges: DepthRanges = DepthRanges(),  # noqa: B008 (frozen)
        photometric: PhotometricRanges | None = PhotometricRanges(),  # noqa: B008 (frozen)
        agreement: Agreement = RECONSTRUCTION_AGREEMENT,
    ) -> None:
        """Args: ``scene`` with at least one pair.

        Raises:
            ConfigError: ``crop_px`` is not a multiple of 32.
        """
        require_crop_size(crop_px)
        self._scene, self._crop_px, self._ranges = scene, crop_px, ranges
        self._photometric, self._agreement = photometric, agreement
        self._unusable: set[int] = set()

    def __len__(self) -> int:
        return len(self._scene.pairs)

    def pair(self, number: int, rng: np.random.Generator) -> ImagePair:
        """Make listed pair ``number``, or a later one where that is unreadable or has too little in common.

        Raises:
            SourceError: no pair was found in many draws.
        """
        for draw in range(MAX_DRAWS):
            index0, index1 = self._scene.pairs[(number + draw) % len(self)]
            view0, view1 = self._view(int(index0), rng), self._view(int(index1), rng)
            if view0 is None or view1 is None:
                continue
            pair = crop_pair(
                view0, view1, self._crop_px, self._agreement, self._photometric, rng, self._ranges.turn_deg
            )
            if pair is not None and min(pair.covisible01.mean(), pair.covisible10.mean()) >= MIN_OVERLAP:
                return pair
        raise SourceError(
            f"{self._scene.name}: of {MAX_DRAWS} listed pairs from number {number} on none can be read and "
            f"has {100 * MIN_OVERLAP:.0f} % in common; expected depth and T_cam_world in one unit"
        )

    def _view(self, index: int, rng: np.random.Generator) -> DepthView | None:
        if index in self._unusable:
            return None
        try:
            view = self._scene.view(index)
        except (SourceError, CameraError, TrajectoryError) as error:
            log.warning("left out: %s", error)
            self._unusable.add(index)
            return None
        shorter_px = self._crop_px * float(np.exp(rng.uniform(*np.log(self._ranges.zoom))))
        return resize_view(view, shorter_px / min(view.camera.width, view.camera.height))


def find_scenes(places: Sequence[Path], root: Path | None) -> list[Scene]:
    """Open the scenes of ``.npz`` files, of DISK's ``dataset.json``, or of folders with either.

    A folder is that of a ``dataset.json``, else every ``.npz`` file at any depth below it is a scene. A scene
    without a useful pair is left out, with a warning.

    Args:
        places: files and folders.
        root: what the paths in the files are relative to; the folder of each file by default.

    Raises:
        SourceError: a file is missing or malformed, or there is no scene in a place.
    """
    scenes: list[Scene] = []
    for place in places:
        found = _open_place(place, root)
        usable = [scene for scene in found if len(scene.pairs)]
        for scene in found:
            if not len(scene.pairs):
                log.warning("left out: %s: no pair of images with a useful overlap", scene.name)
        if not usable:
            raise SourceError(f"{place}: none of its {len(found)} scenes lists a pair with a useful overlap")
        scenes += usable
    return scenes


def group_by_images(scenes: Sequence[Scene]) -> list[list[Scene]]:
    """Put scenes that share an image together, in the order of their first ones.

    LoFTR divides a scene into one file per range of overlap: what is held out must be held out of all.
    """
    group_of: dict[str, list[int]] = {}  # of scenes, by image
    for number, scene in enumerate(scenes):
        images = [os.path.abspath(path) for path in scene.image_paths]
        touched = {id(group): group for image in images if (group := group_of.get(image))}
        merged = sorted([number, *chain.from_iterable(touched.values())])
        for member in merged:
            group_of.update((os.path.abspath(path), merged) for path in scenes[member].image_paths)
    groups = {id(group): group for group in group_of.values()}.values()
    return [[scenes[number] for number in group] for group in sorted(groups)]


def _open_place(place: Path, root: Path | None) -> Sequence[Scene]:
    if place.is_dir():
        if (place / DISK_DATASET).is_file():
            return read_disk_dataset(place / DISK_DATASET, root)
        files = sorted(place.rglob("*.npz"))
        if not files:
            raise SourceError(f"{place}: no {DISK_DATASET} and no .npz file in it, expected scenes")
        return [ArrayScene(file, root) for file in files]
    if place.suffix == ".json":
        return read_disk_dataset(place, root)
    return [ArrayScene(place, root)]
