"""Incremental reconstruction of a few calibrated images by COLMAP, through pycolmap.

COLMAP puts the centre of the top-left pixel at (0.5, 0.5), this package at (0, 0); databases follow COLMAP.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import ConfigError, OutputError
from vo_frontend.formats.colmap import HALF_PIXEL
from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform

DATABASE, MODELS = "database.db", "sparse"
MIN_INLIERS = 15  # of a pair, as COLMAP verifies it
MIN_MODEL_SIZE = 3  # images, as the benchmark has it
NUM_THREADS = 1  # with more, the same input gives different models, and bags this small are no faster
SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class PosedImage:
    """An image to reconstruct: its pose is what is looked for."""

    name: str  # of the file
    camera: PinholeCamera
    pixels: NDArray[np.float32]  # (N, 2) keypoints, px


@dataclass(frozen=True, slots=True, eq=False)
class VerifiedPair:
    """Two images whose matches were verified."""

    image0: int  # row of the images
    image1: int
    matches: NDArray[np.int64]  # (M, 2) indices into the keypoints of both
    inliers: NDArray[np.bool_]  # (M,)
    T_cam0_cam1: Transform | None  # None: no motion was found


@dataclass(frozen=True, slots=True, eq=False)
class Reconstruction:
    """The model with the most images; nothing where there is none."""

    T_cam_world: tuple[Transform | None, ...]  # of each image, in a world of any scale; None: not registered
    num_landmarks: int
    mean_track_length: float  # images that see a landmark, 0 without any


def require_pycolmap() -> Any:
    """Return the module pycolmap.

    Raises:
        ConfigError: it cannot be imported.
    """
    try:
        import pycolmap
    except ImportError as error:
        raise ConfigError(
            f"--multiview: cannot import pycolmap ({error}); install it with: pip install 'pycolmap>=4.2'"
        ) from None
    return pycolmap


def write_database(folder: Path, images: Sequence[PosedImage], pairs: Sequence[VerifiedPair]) -> None:
    """Write ``database.db``: cameras, images, keypoints, matches and verified pairs. Images count from 1.

    Args:
        folder: is made; holds no database yet.
        images: each with a camera of its own.
        pairs: pairs with fewer than ``MIN_INLIERS`` inliers are written as matched, but not as verified.

    Raises:
        ConfigError: pycolmap is missing.
        OutputError: the folder cannot be made, or holds a database.
    """
    pycolmap = require_pycolmap()
    path = folder / DATABASE
    if path.exists():
        raise OutputError(f"{path}: is there already; give another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot make the folder ({error.strerror}); give another name") from None
    with pycolmap.Database.open(path) as database, pycolmap.DatabaseTransaction(database):
        for number, image in enumerate(images, 1):
            _write_image(pycolmap, database, number, image)
        for pair in pairs:
            numbers = pair.image0 + 1, pair.image1 + 1
            database.write_matches(*numbers, pair.matches.astype(np.uint32))
            if pair.T_cam0_cam1 is not None and pair.inliers.sum() >= MIN_INLIERS:
                database.write_two_view_geometry(*numbers, _geometry(pycolmap, pair, pair.T_cam0_cam1))


def reconstruct(folder: Path, image_folder: Path) -> Reconstruction:
    """Reconstruct what ``write_database`` wrote into a folder; models are written into its ``sparse``.

    Calibrations are not refined. The same database gives the same reconstruction.

    Args:
        folder: with ``database.db``.
        image_folder: with the files, for the colours of the landmarks.

    Raises:
        ConfigError: pycolmap is missing.
    """
    pycolmap = require_pycolmap()
    pycolmap.logging.minloglevel = pycolmap.logging.FATAL  # what fails is counted, not reported
    pycolmap.set_random_seed(SEED)
    (folder / MODELS).mkdir(exist_ok=True)
    models = pycolmap.incremental_mapping(
        folder / DATABASE, image_folder, folder / MODELS, options=_options(pycolmap)
    )
    with pycolmap.Database.open(folder / DATABASE) as database:
        num_images = database.num_images()
    if not models:
        return Reconstruction((None,) * num_images, 0, 0.0)
    return _summary(max(models.values(), key=lambda model: model.num_reg_images()), num_images)


def _options(pycolmap: Any) -> Any:
    options = pycolmap.IncrementalPipelineOptions()
    options.min_model_size = MIN_MODEL_SIZE
    options.num_threads = NUM_THREADS
    options.random_seed = SEED
    options.ba_refine_focal_length = False
    options.ba_refine_extra_params = False
    options.mapper.abs_pose_refine_focal_length = False
    options.mapper.abs_pose_refine_extra_params = False
    return options


def _write_image(pycolmap: Any, database: Any, number: int, image: PosedImage) -> None:
    """Write an image with its camera and keypoints; both are a rig and a frame of their own."""
    camera = image.camera
    entry = pycolmap.Camera(
        model="PINHOLE",
        width=camera.width,
        height=camera.height,
        params=[camera.fx, camera.fy, camera.cx + HALF_PIXEL, camera.cy + HALF_PIXEL],
        camera_id=number,
        has_prior_focal_length=True,
    )
    database.write_camera(entry, use_camera_id=True)
    rig = pycolmap.Rig(rig_id=number)
    rig.add_ref_sensor(entry.sensor_id)
    database.write_rig(rig, use_rig_id=True)
    picture = pycolmap.Image(name=image.name, camera_id=number, image_id=number)
    frame = pycolmap.Frame(rig_id=number, frame_id=number)
    frame.add_data_id(picture.data_id)
    database.write_image(picture, use_image_id=True)
    database.write_frame(frame, use_frame_id=True)
    database.write_keypoints(number, image.pixels + np.float32(HALF_PIXEL))


def _geometry(pycolmap: Any, pair: VerifiedPair, T_cam0_cam1: Transform) -> Any:
    geometry = pycolmap.TwoViewGeometry()
    geometry.config = pycolmap.TwoViewGeometryConfiguration.CALIBRATED
    geometry.inlier_matches = pair.matches[pair.inliers].astype(np.uint32)
    geometry.cam2_from_cam1 = pycolmap.Rigid3d(se3.inverse(T_cam0_cam1)[:3])
    geometry.E = pycolmap.essential_matrix_from_pose(geometry.cam2_from_cam1)
    return geometry


def _summary(model: Any, num_images: int) -> Reconstruction:
    registered = set(model.reg_image_ids())
    poses = tuple(
        se3.from_rotation_translation(pose.rotation.matrix(), pose.translation)
        for pose in (model.image(number).cam_from_world() for number in sorted(registered))
    )
    found = dict(zip(sorted(registered), poses, strict=True))
    lengths = [
        len({element.image_id for element in point.track.elements}) for point in model.points3D.values()
    ]
    return Reconstruction(
        tuple(found.get(number) for number in range(1, num_images + 1)),
        len(lengths),
        float(np.mean(lengths)) if lengths else 0.0,
    )
