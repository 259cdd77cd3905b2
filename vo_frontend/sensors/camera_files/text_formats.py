"""Calibrations in plain text: KITTI's ``calib.txt`` and COLMAP's ``cameras.txt``."""

import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import CameraError
from vo_frontend.geometry.se3 import from_rotation_translation
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.camera_files.values import AskImageSize, ImageSize, camera, known_size, numbers
from vo_frontend.sensors.rig import CameraRig, MountedCamera

COLMAP_CENTRE_PX = 0.5  # COLMAP's centre of the top-left pixel is (0.5, 0.5), ours and OpenCV's (0, 0)
Pinhole = tuple[float, float, float, float]
Split = Callable[[list[float]], tuple[Pinhole, str, list[float]]]
# COLMAP's models by the number of their parameters; what they hold, with its coefficients in OpenCV's order.
COLMAP_MODELS: dict[str, tuple[int, Split]] = {
    "SIMPLE_PINHOLE": (3, lambda p: ((p[0], p[0], p[1], p[2]), "none", [])),
    "PINHOLE": (4, lambda p: ((p[0], p[1], p[2], p[3]), "none", [])),
    "SIMPLE_RADIAL": (4, lambda p: ((p[0], p[0], p[1], p[2]), "radial-tangential", [p[3], 0.0, 0.0, 0.0])),
    "RADIAL": (5, lambda p: ((p[0], p[0], p[1], p[2]), "radial-tangential", [*p[3:], 0.0, 0.0])),
    "OPENCV": (8, lambda p: ((p[0], p[1], p[2], p[3]), "radial-tangential", p[4:])),
    "FULL_OPENCV": (12, lambda p: ((p[0], p[1], p[2], p[3]), "radial-tangential", p[4:])),
    "OPENCV_FISHEYE": (8, lambda p: ((p[0], p[1], p[2], p[3]), "equidistant", p[4:])),
    "SIMPLE_RADIAL_FISHEYE": (4, lambda p: ((p[0], p[0], p[1], p[2]), "equidistant", [p[3], 0.0, 0.0, 0.0])),
    "RADIAL_FISHEYE": (5, lambda p: ((p[0], p[0], p[1], p[2]), "equidistant", [*p[3:], 0.0, 0.0])),
}
_KITTI_LINE = re.compile(r"^P(?:_rect_0)?(\d):\s*(.*)$")
_COLMAP_LINE = re.compile(r"^\d+\s+[A-Z_]+\s+\d+\s+\d+\s+\S")


def is_kitti(lines: list[str]) -> bool:
    """Whether a line is a projection matrix of KITTI."""
    return any(map(_KITTI_LINE.match, lines))


def read_kitti(lines: list[str], where: str, image_size: AskImageSize | None) -> CameraRig:
    """Read the first projection matrix and, where it is there, the one of the camera to its right.

    The cameras of KITTI's odometry data are rectified to one orientation: P = K [I | t_cam_cam0].
    """
    matches = [match for match in map(_KITTI_LINE.match, lines) if match]
    first, *others = [
        (int(match[1]), np.array(numbers(match[2].split(), f"{where}: P{match[1]}", 12)).reshape(3, 4))
        for match in matches
    ]
    size = known_size(image_size, where)
    left = MountedCamera(_kitti_camera(first[1], size, where), _kitti_pose(first[1]))
    partner = next((P for number, P in others if number == first[0] + 1), None)
    if partner is None:
        return CameraRig(left)
    return CameraRig(left, MountedCamera(_kitti_camera(partner, size, where), _kitti_pose(partner)))


def _kitti_camera(P: NDArray[np.float64], size: ImageSize, where: str) -> Camera:
    intrinsics = (float(P[0, 0]), float(P[1, 1]), float(P[0, 2]), float(P[1, 2]))
    return camera(intrinsics, size, "none", [], where)


def _kitti_pose(P: NDArray[np.float64]) -> NDArray[np.float64]:
    return from_rotation_translation(np.eye(3), -np.linalg.inv(P[:, :3]) @ P[:, 3])


def is_colmap(lines: list[str]) -> bool:
    """Whether every line is a camera of COLMAP."""
    return bool(lines) and all(map(_COLMAP_LINE.match, lines))


def read_colmap(lines: list[str], where: str, image_size: AskImageSize | None) -> CameraRig:
    """Read the only camera of a ``cameras.txt``.

    Raises:
        CameraError: several cameras, an unknown model or a wrong number of parameters.
    """
    if len(lines) > 1:
        raise CameraError(f"{where}: {len(lines)} cameras of COLMAP, expected one; leave one line")
    _, model, width, height, *parameters = lines[0].split()
    if model not in COLMAP_MODELS:
        raise CameraError(f"{where}: COLMAP's model {model}, expected {', '.join(COLMAP_MODELS)}")
    count, split = COLMAP_MODELS[model]
    (fx, fy, cx, cy), lens, coefficients = split(numbers(parameters, f"{where}: {model}", count))
    centre = (cx - COLMAP_CENTRE_PX, cy - COLMAP_CENTRE_PX)
    found = camera((fx, fy, *centre), (int(width), int(height)), lens, coefficients, where)
    return CameraRig(MountedCamera(found))
