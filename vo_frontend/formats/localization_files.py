"""Poses of single images as files: for the localisation benchmarks, as JSON and as CSV."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.formats.atomic import write_atomically
from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform

CSV_HEADER = "name,segment,tx,ty,tz,qw,qx,qy,qz,inliers,sigma_x,sigma_y,sigma_z,sigma_rx,sigma_ry,sigma_rz"


@dataclass(frozen=True, slots=True, eq=False)
class LocalizedImage:
    """Where an image was taken in a map; no pose where the map does not show it."""

    name: str  # as it was asked for
    timestamp_ns: int | None  # None where nothing is known of the time
    T_world_cam: Transform | None  # (4, 4) in the world of the segment
    segment_id: int | None = None
    num_inliers: int = 0
    covariance: NDArray[np.float64] | None = (
        None  # (6, 6) of [rho, phi] in the camera's frame: map units, rad
    )


def write_submission(path: Path, images: Sequence[LocalizedImage]) -> None:
    """Write ``name qw qx qy qz tx ty tz`` for each image with a pose: the world in the camera, as COLMAP.

    Names go without folders, as visuallocalization.net takes them.

    Raises:
        OutputError: the file cannot be written.
    """
    lines = []
    for image in images:
        if image.T_world_cam is not None:
            T_cam_world = se3.inverse(image.T_world_cam)
            numbers = [*se3.quaternion_from_rotation(T_cam_world[:3, :3]), *T_cam_world[:3, 3]]
            lines.append(f"{Path(image.name).name} {' '.join(str(float(each)) for each in numbers)}\n")
    write_atomically(path, "".join(lines).encode())


def write_json(path: Path, images: Sequence[LocalizedImage]) -> None:
    """Write every image with its pose ``T_world_cam`` and covariance, null where it has none.

    Raises:
        OutputError: the file cannot be written.
    """
    rows = [
        {
            "name": image.name,
            "timestamp_ns": image.timestamp_ns,
            "segment": image.segment_id,
            "T_world_cam": None if image.T_world_cam is None else image.T_world_cam.tolist(),
            "inliers": image.num_inliers,
            "covariance": None if image.covariance is None else image.covariance.tolist(),
        }
        for image in images
    ]
    write_atomically(path, (json.dumps(rows, indent=1) + "\n").encode())


def write_csv(path: Path, images: Sequence[LocalizedImage]) -> None:
    """Write one line per image: position and quaternion of the camera in the world, empty without a pose.

    Raises:
        OutputError: the file cannot be written.
    """
    lines = [CSV_HEADER]
    for image in images:
        if image.T_world_cam is None or image.covariance is None:
            lines.append(f"{image.name},,,,,,,,,0,,,,,,")
            continue
        T = image.T_world_cam
        pose = [*T[:3, 3], *se3.quaternion_from_rotation(T[:3, :3])]
        sigmas = np.sqrt(np.diag(image.covariance))
        fields = [*map(float, pose), image.num_inliers, *map(float, sigmas)]
        lines.append(f"{image.name},{image.segment_id},{','.join(map(str, fields))}")
    write_atomically(path, ("\n".join(lines) + "\n").encode())
