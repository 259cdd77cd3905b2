"""A scene of posed images with depth on disk, whatever the layout, and how one of its views is read."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import CameraError, SourceError
from vo_frontend.formats.trajectories import poses_from_matrices
from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.sources.image_files import read_depth_units, read_image
from vo_frontend.training.data.depth_warp import Depth, DepthView
from vo_frontend.training.data.hdf5 import SUFFIXES as HDF5_SUFFIXES
from vo_frontend.training.data.hdf5 import read_hdf5
from vo_frontend.training.data.pairs import as_rgb

PNG_UNITS = 1000.0  # per unit of the scene


class Scene(Protocol):
    """N images, and which of them overlap. It can be sent to another process."""

    @property
    def name(self) -> str:
        """Where it comes from, for messages."""
        ...

    @property
    def image_paths(self) -> tuple[Path, ...]:
        """The files (N,) of the images."""
        ...

    @property
    def pairs(self) -> NDArray[np.int64]:
        """The indices (P, 2) of images that overlap."""
        ...

    def view(self, index: int) -> DepthView:
        """Read an image with its depth and pose.

        Raises:
            SourceError, CameraError, TrajectoryError: a file is missing or malformed.
        """
        ...


def read_view(
    image_path: Path, depth_path: Path, K: NDArray[np.float64], matrix_cam_world: NDArray[Any]
) -> DepthView:
    """Read one view.

    Args:
        image_path: of the image as the intrinsics mean it, undistorted.
        depth_path: of the same size; see :func:`read_depth`.
        K: (3, 3) px; the centre of the top-left pixel is (0, 0).
        matrix_cam_world: (3, 4) or (4, 4), in the unit of the depth.

    Raises:
        SourceError: image or depth cannot be read, or they differ in size.
        CameraError: the intrinsics are impossible.
        TrajectoryError: the pose is no rotation and translation.
    """
    image, depth = as_rgb(read_image(image_path)), read_depth(depth_path)
    if image.shape[:2] != depth.shape:
        raise SourceError(
            f"{depth_path}: depth of shape {depth.shape}, expected {image.shape[:2]} of the image"
        )
    height, width = depth.shape
    try:
        camera = PinholeCamera(K[0, 0], K[1, 1], K[0, 2], K[1, 2], width, height)
    except CameraError as error:
        raise CameraError(f"{image_path}: {error}") from None
    matrices = np.asarray(matrix_cam_world, np.float64)[None, :3]
    T_cam_world = poses_from_matrices(matrices, [f"pose of {image_path}"])[0]
    return DepthView(image, depth, camera, se3.inverse(T_cam_world))


def read_depth(path: Path) -> Depth:
    """Read depth (H, W), NaN where unknown: HDF5 (``depth``), ``.npy``, or 16-bit ``.png`` in thousandths.

    Raises:
        SourceError: the file is missing, truncated or not a depth image; h5py is not installed.
    """
    if path.suffix in HDF5_SUFFIXES:
        depth = read_hdf5(path, ["depth"])[0]
    elif path.suffix == ".npy":
        try:
            depth = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise SourceError(f"{path}: cannot read the depth ({error})") from None
    else:
        depth = read_depth_units(path) / PNG_UNITS
    if depth.ndim != 2 or depth.dtype.kind != "f":
        raise SourceError(f"{path}: {depth.dtype} of shape {depth.shape}, expected floats (H, W)")
    return np.where(depth > 0, depth, np.nan).astype(np.float32)
