"""Sparse models in COLMAP's text format: cameras.txt, images.txt, points3D.txt.

COLMAP puts the centre of the top-left pixel at (0.5, 0.5), this package at (0, 0); the files follow COLMAP.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import OutputError
from vo_frontend.formats.atomic import write_atomically
from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera

NO_POINT = -1
UNKNOWN_ERROR = -1.0  # as COLMAP writes it
HALF_PIXEL = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class ColmapModel:
    """Holds K images of one camera, their F features one image after the other, and M points in one world."""

    camera: PinholeCamera
    names: Sequence[str]  # (K,) of the image files
    T_world_cam: NDArray[np.float64]  # (K, 4, 4)
    num_features: NDArray[np.int64]  # (K,)
    pixels: NDArray[np.float32]  # (F, 2) x, y in px
    points: NDArray[np.int64]  # (F,) row of the point that each shows, NO_POINT without
    points_world: NDArray[np.float64]  # (M, 3)
    colors: NDArray[np.uint8]  # (M, 3) RGB
    errors_px: NDArray[np.float64]  # (M,) mean distance of its features from the point, NaN where unknown


def write_colmap(folder: Path, model: ColmapModel) -> None:
    """Write a model into a folder, made where it is missing. Images and points count from 1.

    Raises:
        OutputError: the folder cannot be made, or a file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot make the folder ({error.strerror}); give another name") from None
    for name, lines in (
        ("cameras.txt", _cameras(model)),
        ("images.txt", _images(model)),
        ("points3D.txt", _points(model)),
    ):
        write_atomically(folder / name, "".join(f"{line}\n" for line in lines).encode())


def _cameras(model: ColmapModel) -> list[str]:
    camera = model.camera
    return [
        "# CAMERA_ID, MODEL, WIDTH, HEIGHT, fx, fy, cx, cy",
        f"1 PINHOLE {camera.width} {camera.height} {camera.fx!r} {camera.fy!r} "
        f"{camera.cx + HALF_PIXEL!r} {camera.cy + HALF_PIXEL!r}",
    ]


def _images(model: ColmapModel) -> list[str]:
    lines = ["# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME", "# POINTS2D[] as (X, Y, POINT3D_ID)"]
    T_cam_world = se3.inverse(model.T_world_cam)
    poses = np.concatenate(
        [se3.quaternion_from_rotation(T_cam_world[:, :3, :3]), T_cam_world[:, :3, 3]], axis=1
    )
    ends = np.cumsum(model.num_features)
    pixels = model.pixels.astype(np.float64) + HALF_PIXEL
    numbers = np.where(model.points == NO_POINT, -1, model.points + 1)
    for row, (name, end) in enumerate(zip(model.names, ends, strict=True)):
        own = slice(end - model.num_features[row], end)
        lines.append(f"{row + 1} {' '.join(map(repr, poses[row].tolist()))} 1 {name}")
        triples = zip(pixels[own].tolist(), numbers[own].tolist(), strict=True)
        lines.append(" ".join(f"{x!r} {y!r} {number}" for (x, y), number in triples))
    return lines


def _points(model: ColmapModel) -> list[str]:
    lines = ["# POINT3D_ID, X, Y, Z, R, G, B, ERROR, TRACK[] as (IMAGE_ID, POINT2D_IDX)"]
    image = np.repeat(np.arange(len(model.names)), model.num_features)
    first = np.cumsum(model.num_features) - model.num_features
    number = np.arange(len(model.points)) - first[image]
    seen = np.flatnonzero(model.points != NO_POINT)
    seen = seen[np.argsort(model.points[seen], kind="stable")]
    ends = np.cumsum(np.bincount(model.points[seen], minlength=len(model.points_world)))
    errors = np.where(np.isfinite(model.errors_px), model.errors_px, UNKNOWN_ERROR).tolist()
    starts = np.append(0, ends)[:-1]
    for row, (point, color) in enumerate(
        zip(model.points_world.tolist(), model.colors.tolist(), strict=True)
    ):
        track = seen[starts[row] : ends[row]]
        pairs = zip((image[track] + 1).tolist(), number[track].tolist(), strict=True)
        lines.append(
            f"{row + 1} {' '.join(map(repr, point))} {' '.join(map(str, color))} {errors[row]!r} "
            + " ".join(f"{image_id} {index}" for image_id, index in pairs)
        )
    return lines
