"""Scenes as DISK (M. Tyszkiewicz et al., NeurIPS 2020) prepares MegaDepth: ``dataset.json`` and HDF5.

``dataset.json`` maps the name of each scene to ``image_path``, ``depth_path`` and ``calib_path`` (folders,
relative to the file), ``images`` (names) and ``tuples`` (lists of indices of images that see the same). Of
image NAME

- the image is ``image_path/NAME``, ``.jpg`` where the name has no suffix;
- ``depth_path/NAME.h5`` holds ``depth`` (H, W), 0 where unknown;
- ``calib_path/calibration_NAME.h5`` holds ``K`` (3, 3), ``R`` (3, 3) and ``T`` (3,), world to camera, as
  COLMAP has them: the centre of the top-left pixel is (0.5, 0.5).

NAME in the last two may be with or without the suffix of the image.
"""

import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from vo_frontend.errors import SourceError
from vo_frontend.training.data.depth_warp import DepthView
from vo_frontend.training.data.hdf5 import read_hdf5
from vo_frontend.training.data.scenes import read_view

FOLDERS = ("image_path", "depth_path", "calib_path")
COLMAP_CENTER_PX = 0.5  # of the top-left pixel


class DiskScene:
    """One entry of ``dataset.json``. Implements :class:`vo_frontend.training.data.scenes.Scene`."""

    def __init__(
        self, name: str, folders: Sequence[Path], images: Sequence[str], tuples: Sequence[Sequence[int]]
    ) -> None:
        """Args: ``folders`` of images, depth and calibration; the rest as in the file."""
        self.name = name
        self._depth, self._calibration = folders[1], folders[2]
        self.image_paths = tuple(
            folders[0] / (image if Path(image).suffix else f"{image}.jpg") for image in images
        )
        pairs = sorted({pair for numbers in tuples for pair in combinations(sorted(set(numbers)), 2)})
        self.pairs = np.array(pairs, dtype=np.int64).reshape(-1, 2)

    def view(self, index: int) -> DepthView:
        """Read an image with its depth and pose."""
        image = self.image_paths[index]
        K, R, T = read_hdf5(_file_of(self._calibration, "calibration_", image), ["K", "R", "T"])
        if K.shape != (3, 3) or R.shape != (3, 3) or T.size != 3:
            raise SourceError(
                f"{self._calibration}: K, R, T of {image.name} have shapes {K.shape}, {R.shape}, {T.shape}, "
                "expected (3, 3), (3, 3), (3,)"
            )
        K = K.astype(np.float64)
        K[:2, 2] -= COLMAP_CENTER_PX
        return read_view(image, _file_of(self._depth, "", image), K, np.column_stack([R, T.reshape(3)]))


def read_disk_dataset(path: Path, root: Path | None = None) -> list[DiskScene]:
    """Read ``dataset.json``; nothing else is opened yet.

    Args:
        path: of the file.
        root: what its folders are relative to; its own folder by default.

    Raises:
        SourceError: the file is missing or malformed.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SourceError(f"{path}: cannot read the file ({error.strerror})") from None
    except ValueError as error:
        raise SourceError(f"{path}: is not JSON ({error})") from None
    if not isinstance(entries, dict):
        raise SourceError(f"{path}: got a {type(entries).__name__}, expected scenes by their names")
    return [_scene(f"{path}: {name}", entry, root or path.parent) for name, entry in sorted(entries.items())]


def _scene(where: str, entry: Any, root: Path) -> DiskScene:
    if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in FOLDERS):
        raise SourceError(f"{where}: expected {', '.join(FOLDERS)}, images and tuples")
    images, tuples = entry.get("images"), entry.get("tuples")
    if not isinstance(images, list) or not all(isinstance(image, str) for image in images):
        raise SourceError(f"{where}: images: expected a list of names")
    if not isinstance(tuples, list) or not all(_are_indices(numbers, len(images)) for numbers in tuples):
        raise SourceError(f"{where}: tuples: expected lists of image numbers from 0 to {len(images) - 1}")
    return DiskScene(where, [root / entry[key] for key in FOLDERS], images, tuples)


def _are_indices(numbers: Any, count: int) -> bool:
    return isinstance(numbers, list) and all(type(n) is int and 0 <= n < count for n in numbers)


def _file_of(folder: Path, prefix: str, image: Path) -> Path:
    """Find the file of an image, named with its suffix or without."""
    short, long = (folder / f"{prefix}{name}.h5" for name in (image.stem, image.name))
    return long if long.exists() and not short.exists() else short
