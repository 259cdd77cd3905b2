"""Calibrations in YAML: ours and EuRoC's, Kalibr's camera chain, ROS camera_info, OpenCV's FileStorage."""

from typing import Any

import numpy as np

from vo_frontend.errors import CameraError, ConfigError, shown
from vo_frontend.geometry.se3 import from_rotation_translation, inverse
from vo_frontend.sensors.calibration import Camera, parse_camera
from vo_frontend.sensors.camera_files.values import (
    AskImageSize,
    camera,
    known_size,
    matrix,
    numbers,
    rigid_transform,
    size_of,
)
from vo_frontend.sensors.rig import CameraRig, MountedCamera, MountedImu
from vo_frontend.yaml_text import parse_yaml

Fields = dict[str, Any]
# The names that programs give to the fields of OpenCV's matrices.
OPENCV_MATRIX = ("camera_matrix", "cameraMatrix", "Camera_Matrix", "intrinsic_matrix", "K", "M", "mtx")
OPENCV_LENS = (
    "distortion_coefficients",
    "distCoeffs",
    "dist_coeffs",
    "distortion",
    "Distortion_Coefficients",
    "D",
    "dist",
)
OPENCV_SIZE = (("image_width", "image_height"), ("image_Width", "image_Height"), ("width", "height"))
ROS_MODELS = {
    "plumb_bob": "radial-tangential",
    "rational_polynomial": "radial-tangential",
    "equidistant": "equidistant",
    "fisheye": "equidistant",
    "": "none",
    "none": "none",
}
KALIBR_MODELS = {"radtan": "radial-tangential", "equidistant": "equidistant", "none": "none"}


def load_fields(text: str, where: str) -> Fields:
    """Parse YAML, OpenCV's dialect included.

    Raises:
        CameraError: not YAML, or no fields.
    """
    try:
        fields = parse_yaml(text, where)
    except ConfigError as error:
        raise CameraError(str(error)) from None
    if not isinstance(fields, dict):
        raise CameraError(f"{where}: expected fields such as intrinsics and resolution, found none")
    return {str(name): value for name, value in fields.items()}


def is_euroc(fields: Fields) -> bool:
    """Whether the fields are EuRoC's, which are ours too."""
    return "intrinsics" in fields or "resolution" in fields


def read_euroc(fields: Fields, where: str, image_size: AskImageSize | None) -> CameraRig:
    """Read ``intrinsics``, ``resolution``, the lens and, where they are there, ``T_BS`` and the IMU."""
    pose = rigid_transform(fields["T_BS"], f"{where}: T_BS") if "T_BS" in fields else np.eye(4)
    return CameraRig(MountedCamera(parse_camera(fields, where), pose), imu=_mounted_imu(fields, where))


def is_kalibr(fields: Fields) -> bool:
    """Whether this is a camchain."""
    return isinstance(fields.get("cam0"), dict)


def read_kalibr(fields: Fields, where: str, image_size: AskImageSize | None) -> CameraRig:
    """Read ``cam0`` and, where it is there, ``cam1`` with ``T_cn_cnm1``; further cameras are ignored."""
    left = MountedCamera(_kalibr_camera(fields["cam0"], f"{where}: cam0"))
    imu = _mounted_imu(fields["cam0"], f"{where}: cam0")
    if not isinstance(fields.get("cam1"), dict):
        return CameraRig(left, imu=imu)
    pose = rigid_transform(fields["cam1"].get("T_cn_cnm1"), f"{where}: cam1: T_cn_cnm1")
    right = MountedCamera(_kalibr_camera(fields["cam1"], f"{where}: cam1"), inverse(pose))
    return CameraRig(left, right, imu)


def _mounted_imu(fields: Fields, where: str) -> MountedImu | None:
    """Read Kalibr's ``T_cam_imu`` and ``timeshift_cam_imu`` (s), which our own files may have too."""
    if "T_cam_imu" not in fields:
        return None
    (shift_s,) = numbers([fields.get("timeshift_cam_imu", 0.0)], f"{where}: timeshift_cam_imu", 1)
    return MountedImu(rigid_transform(fields["T_cam_imu"], f"{where}: T_cam_imu"), shift_s)


def _kalibr_camera(fields: Fields, where: str) -> Camera:
    kind, lens = fields.get("camera_model", "pinhole"), fields.get("distortion_model", "none")
    if kind != "pinhole" or str(lens) not in KALIBR_MODELS:
        raise CameraError(
            f"{where}: got camera_model {shown(kind)} with distortion_model {shown(lens)}, expected pinhole "
            f"with {', '.join(KALIBR_MODELS)}; calibrate with --models pinhole-radtan or pinhole-equi"
        )
    fx, fy, cx, cy = numbers(fields.get("intrinsics"), f"{where}: intrinsics", 4)
    width, height = numbers(fields.get("resolution"), f"{where}: resolution", 2)
    coefficients = numbers(fields.get("distortion_coeffs", []), f"{where}: distortion_coeffs")
    return camera((fx, fy, cx, cy), (round(width), round(height)), KALIBR_MODELS[lens], coefficients, where)


def is_ros(fields: Fields) -> bool:
    """Whether this is a ``camera_info`` file or message."""
    named = "projection_matrix" in fields or "camera_name" in fields
    return named or ("distortion_model" in fields and ("K" in fields or "k" in fields))


def read_ros(fields: Fields, where: str, image_size: AskImageSize | None) -> CameraRig:
    """Read ``camera_info``: K and D, and from R and P where the camera sits in its stereo pair."""
    fields = {_ROS_NAMES.get(name, name): value for name, value in fields.items()}
    K = matrix(fields.get("camera_matrix"), f"{where}: camera_matrix", 3, 3)
    named = str(fields.get("distortion_model") or "")
    if named not in ROS_MODELS:
        raise CameraError(
            f"{where}: distortion_model: got {shown(named)}, expected {', '.join(filter(None, ROS_MODELS))}"
        )
    coefficients = numbers(fields.get("distortion_coefficients", []), f"{where}: distortion_coefficients")
    size = size_of(fields, ("image_width", "image_height"), where, image_size)
    found = camera((K[0, 0], K[1, 1], K[0, 2], K[1, 2]), size, ROS_MODELS[named], coefficients, where)
    R = matrix(fields.get("rectification_matrix", np.eye(3)), f"{where}: rectification_matrix", 3, 3)
    P = matrix(fields.get("projection_matrix", np.zeros((3, 4))), f"{where}: projection_matrix", 3, 4)
    shift_m = P[0, 3] / P[0, 0] if P[0, 0] > 0 else 0.0
    # REP 104: P = K' [I | t], so a point p of the rectified left camera is R^-1 (p + t) in this one.
    T_cam_body = from_rotation_translation(R.T, R.T @ np.array([shift_m, 0.0, 0.0]))
    return CameraRig(MountedCamera(found, inverse(T_cam_body)))


_ROS_NAMES = {
    **dict.fromkeys(("K", "k"), "camera_matrix"),
    **dict.fromkeys(("D", "d"), "distortion_coefficients"),
    **dict.fromkeys(("R", "r"), "rectification_matrix"),
    **dict.fromkeys(("P", "p"), "projection_matrix"),
    "width": "image_width",
    "height": "image_height",
}


def is_opencv(fields: Fields) -> bool:
    """Whether a field is a camera matrix as OpenCV's programs name it."""
    return any(name in fields for name in OPENCV_MATRIX)


def read_opencv(fields: Fields, where: str, image_size: AskImageSize | None) -> CameraRig:
    """Read what OpenCV's calibration programs write; ``fisheye_model: 1`` is an equidistant lens."""
    name = next(name for name in OPENCV_MATRIX if name in fields)
    K = matrix(fields[name], f"{where}: {name}", 3, 3)
    lens = next((name for name in OPENCV_LENS if name in fields), None)
    coefficients = numbers(fields[lens], f"{where}: {lens}") if lens else []
    sizes = [names for names in OPENCV_SIZE if names[0] in fields]
    size = size_of(fields, sizes[0], where, image_size) if sizes else known_size(image_size, where)
    model = "equidistant" if fields.get("fisheye_model") else "radial-tangential"
    intrinsics = (float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2]))
    return CameraRig(MountedCamera(camera(intrinsics, size, model, coefficients, where)))
