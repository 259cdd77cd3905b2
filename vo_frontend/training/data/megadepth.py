"""Pairs of a scene in MegaDepth's layout (Li and Snavely, CVPR 2018), prepared as for D2-Net and LoFTR.

One ``.npz`` file per scene, without pickled objects. Its arrays:

- ``image_paths``, ``depth_paths``: (N,) text, relative to the folder of the ``.npz`` file or to ``root``.
- ``intrinsics``: (N, 3, 3) px, of the image as it lies on disk, undistorted.
- ``poses``: (N, 4, 4) ``T_cam_world`` as COLMAP has it, in the unit of the depth.
- ``pairs``: (P, 2) indices of images that overlap; ``overlaps``: (P,) part of the points they share, 0..1.

Depth images have the size of their image: ``.npy`` with floats, or 16-bit ``.png`` in thousandths of the
unit (mm, where the scene is metric). Zero is unknown. D2-Net and LoFTR ship the same arrays with depth in
HDF5 and the list as ``pair_infos``, rows of ((i, j), overlap, ...): write ``pairs`` and ``overlaps`` from
that, and each HDF5 ``depth`` with ``numpy.save``.
"""

import logging
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import CameraError, SourceError
from vo_frontend.formats.trajectories import poses_from_matrices
from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.sources.image_files import read_depth_units, read_image
from vo_frontend.training.data.depth_crops import crop_pair, resize_view
from vo_frontend.training.data.depth_warp import Agreement, Depth, DepthView
from vo_frontend.training.data.pairs import ImagePair, as_rgb, require_crop_size
from vo_frontend.training.data.photometric import PhotometricRanges

log = logging.getLogger(__name__)

PNG_UNITS = 1000.0  # per unit of the scene
MIN_OVERLAP = 0.1  # of either crop
MAX_DRAWS = 20
RECONSTRUCTION_AGREEMENT = Agreement(max_depth_ratio=0.05, max_round_trip_px=2.0)


@dataclass(frozen=True, slots=True)
class Scene:
    """The arrays of a scene's file: N images, P pairs."""

    image_paths: NDArray[np.str_]  # (N,)
    depth_paths: NDArray[np.str_]  # (N,)
    intrinsics: NDArray[np.float64]  # (N, 3, 3) px
    poses: NDArray[np.float64]  # (N, 4, 4) T_cam_world
    pairs: NDArray[np.int64]  # (P, 2)
    overlaps: NDArray[np.float64]  # (P,)


class MegadepthPairs:
    """Listed pairs with a useful overlap, one item each."""

    def __init__(
        self,
        scene: Path,
        crop_px: int,
        root: Path | None = None,
        overlap: tuple[float, float] = (0.1, 0.7),
        zoom: tuple[float, float] = (1.0, 2.0),
        photometric: PhotometricRanges | None = PhotometricRanges(),  # noqa: B008 (frozen)
        agreement: Agreement = RECONSTRUCTION_AGREEMENT,
    ) -> None:
        """Args:
            scene: the ``.npz`` file.
            root: what its paths are relative to; its own folder by default.
            overlap: listed pairs outside this range are too hard or too easy.
            zoom: shorter side of the resized image, in crops.

        Raises:
            SourceError: the file is missing or malformed, or lists no pair with such an overlap.
            ConfigError: ``crop_px`` is not a multiple of 32.
        """
        require_crop_size(crop_px)
        self._path, self._crop_px, self._root = scene, crop_px, root or scene.parent
        self._zoom, self._photometric, self._agreement = zoom, photometric, agreement
        self._scene = read_scene(scene)
        where = [f"{scene}: pose of {path}" for path in self._scene.image_paths]
        self._T_cam_world = poses_from_matrices(self._scene.poses[:, :3].astype(np.float64), where)
        low, high = overlap
        self._pairs = self._scene.pairs[(self._scene.overlaps >= low) & (self._scene.overlaps <= high)]
        if not len(self._pairs):
            raise SourceError(
                f"{scene}: none of {len(self._scene.pairs)} pairs has an overlap of {low:g} to {high:g}"
            )
        self._unusable: set[int] = set()

    def __len__(self) -> int:
        return len(self._pairs)

    def pair(self, number: int, rng: np.random.Generator) -> ImagePair:
        """Make listed pair ``number``, or a later one where that is unreadable or has too little in common.

        Raises:
            SourceError: no pair was found in many draws.
        """
        for draw in range(MAX_DRAWS):
            index0, index1 = self._pairs[(number + draw) % len(self)]
            view0, view1 = self._view(int(index0), rng), self._view(int(index1), rng)
            if view0 is None or view1 is None:
                continue
            pair = crop_pair(view0, view1, self._crop_px, self._agreement, self._photometric, rng)
            if pair is not None and min(pair.covisible01.mean(), pair.covisible10.mean()) >= MIN_OVERLAP:
                return pair
        raise SourceError(
            f"{self._path}: of {MAX_DRAWS} listed pairs from number {number} on none can be read and has "
            f"{100 * MIN_OVERLAP:.0f} % in common; expected depth and poses of one unit, poses as T_cam_world"
        )

    def _view(self, index: int, rng: np.random.Generator) -> DepthView | None:
        if index in self._unusable:
            return None
        try:
            view = self._read_view(index)
        except (SourceError, CameraError) as error:
            log.warning("left out: %s", error)
            self._unusable.add(index)
            return None
        shorter_px = self._crop_px * float(np.exp(rng.uniform(*np.log(self._zoom))))
        return resize_view(view, shorter_px / min(view.camera.width, view.camera.height))

    def _read_view(self, index: int) -> DepthView:
        image_path = self._root / str(self._scene.image_paths[index])
        depth_path = self._root / str(self._scene.depth_paths[index])
        image, depth = as_rgb(read_image(image_path)), read_depth(depth_path)
        if image.shape[:2] != depth.shape:
            raise SourceError(
                f"{depth_path}: depth of shape {depth.shape}, expected {image.shape[:2]} of the image"
            )
        K, (height, width) = self._scene.intrinsics[index].astype(float), depth.shape
        try:
            camera = PinholeCamera(K[0, 0], K[1, 1], K[0, 2], K[1, 2], width, height)
        except CameraError as error:
            raise CameraError(f"{image_path}: {error}") from None
        return DepthView(image, depth, camera, se3.inverse(self._T_cam_world[index]))


def read_depth(path: Path) -> Depth:
    """Read depth (H, W) from ``.npy`` or 16-bit ``.png``, NaN where unknown.

    Raises:
        SourceError: the file is missing, truncated or not a depth image.
    """
    if path.suffix == ".npy":
        try:
            depth = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise SourceError(f"{path}: cannot read the depth ({error})") from None
        if depth.ndim != 2 or depth.dtype.kind != "f":
            raise SourceError(f"{path}: {depth.dtype} of shape {depth.shape}, expected floats (H, W)")
    else:
        depth = read_depth_units(path) / PNG_UNITS
    return np.where(depth > 0, depth, np.nan).astype(np.float32)


def read_scene(path: Path) -> Scene:
    """Read the file of a scene and check it.

    Raises:
        SourceError: the file is missing, lacks an array, or arrays do not fit each other.
    """
    names = [field.name for field in fields(Scene)]
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = [file[name] for name in names]
    except KeyError as error:
        raise SourceError(f"{path}: {error.args[0]}, expected the arrays {', '.join(names)}") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise SourceError(f"{path}: cannot read the scene ({error}), expected an .npz file") from None
    scene = Scene(*arrays)
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
