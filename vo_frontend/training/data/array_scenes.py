"""Scenes as arrays in one ``.npz`` file each, as D2-Net and LoFTR prepare MegaDepth.

The arrays, without pickled objects:

- ``image_paths``, ``depth_paths``: (N,) text, relative to the folder of the ``.npz`` file or to a root.
- ``intrinsics``: (N, 3, 3) px, of the image as it lies on disk, undistorted.
- ``poses``: (N, 4, 4) ``T_cam_world`` as COLMAP has it, in the unit of the depth.
- ``pairs``: (P, 2) indices of images that overlap; ``overlaps``: (P,) part of the points they share, 0..1.

Depth images have the size of their image: HDF5 with the array ``depth``, ``.npy`` with floats, or 16-bit
``.png`` in thousandths of the unit (mm, where the scene is metric). Zero is unknown. D2-Net and LoFTR ship
the list as ``pair_infos``, pickled rows of ((i, j), overlap, ...): write ``pairs`` and ``overlaps`` from it.
"""

import zipfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import SourceError
from vo_frontend.training.data.depth_warp import DepthView
from vo_frontend.training.data.scenes import read_view

OVERLAP = (0.1, 0.7)  # listed pairs outside this range are too hard or too easy


@dataclass(frozen=True, slots=True)
class SceneArrays:
    """The arrays of a scene's file: N images, P pairs."""

    image_paths: NDArray[np.str_]  # (N,)
    depth_paths: NDArray[np.str_]  # (N,)
    intrinsics: NDArray[np.float64]  # (N, 3, 3) px
    poses: NDArray[np.float64]  # (N, 4, 4) T_cam_world
    pairs: NDArray[np.int64]  # (P, 2)
    overlaps: NDArray[np.float64]  # (P,)


class ArrayScene:
    """One ``.npz`` file. Implements :class:`vo_frontend.training.data.scenes.Scene`."""

    def __init__(self, path: Path, root: Path | None = None, overlap: tuple[float, float] = OVERLAP) -> None:
        """Args:
            path: of the file.
            root: what its paths are relative to; its own folder by default.
            overlap: of the pairs to use.

        Raises:
            SourceError: the file is missing or malformed.
        """
        self.name = str(path)
        self._arrays = arrays = read_arrays(path)
        self._root = root or path.parent
        self.image_paths = tuple(self._root / str(image) for image in arrays.image_paths)
        self.pairs = arrays.pairs[(arrays.overlaps >= overlap[0]) & (arrays.overlaps <= overlap[1])]

    def view(self, index: int) -> DepthView:
        """Read an image with its depth and pose."""
        arrays = self._arrays
        depth_path = self._root / str(arrays.depth_paths[index])
        K = arrays.intrinsics[index].astype(np.float64)
        return read_view(self.image_paths[index], depth_path, K, arrays.poses[index])


def read_arrays(path: Path) -> SceneArrays:
    """Read the file of a scene and check it.

    Raises:
        SourceError: the file is missing, lacks an array, or arrays do not fit each other.
    """
    names = [field.name for field in fields(SceneArrays)]
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = [file[name] for name in names]
    except KeyError as error:
        raise SourceError(f"{path}: {error.args[0]}, expected the arrays {', '.join(names)}") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise SourceError(f"{path}: cannot read the scene ({error}), expected an .npz file") from None
    scene = SceneArrays(*arrays)
    N, P = len(scene.image_paths), len(scene.pairs)
    for name, array, expected in zip(
        names, arrays, [(N,), (N,), (N, 3, 3), (N, 4, 4), (P, 2), (P,)], strict=True
    ):
        if array.shape != expected:
            raise SourceError(f"{path}: {name} has shape {array.shape}, expected {expected}")
    beyond = scene.pairs[(scene.pairs < 0) | (scene.pairs >= N)]
    if len(beyond):
        raise SourceError(f"{path}: pairs names image {beyond[0]}, expected 0 to {N - 1}")
    return scene
