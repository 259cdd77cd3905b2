"""Calibrations written for other programs. What a format cannot hold is an error, never left out."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import yaml

from vo_frontend.errors import CameraError
from vo_frontend.geometry.se3 import inverse
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.camera_files.text_formats import COLMAP_CENTRE_PX
from vo_frontend.sensors.rig import CameraRig


def format_camera_file(rig: CameraRig, file_format: str, comment: str = "") -> str:
    """Write a calibration as the text of a file.

    Args:
        rig: one camera, or a pair for the formats that hold two.
        file_format: a key of ``FORMATS``.
        comment: one line that stands above, where the format has comments.

    Raises:
        CameraError: the format cannot hold what the rig is.
    """
    write, num_cameras = FORMATS[file_format]
    if rig.right is not None and num_cameras == 1:
        both = " or ".join(name for name, (_, count) in FORMATS.items() if count == 2)
        raise CameraError(f"{file_format} holds one camera, got a stereo pair; write it as {both}")
    text = write(rig)
    if comment and text.startswith("%YAML"):
        first, _, rest = text.partition("\n")
        return f"{first}\n# {comment}\n{rest}"
    return f"# {comment}\n{text}" if comment else text


def _dump(fields: dict[str, Any]) -> str:
    return yaml.safe_dump(fields, sort_keys=False, default_flow_style=None, width=10_000)


def _euroc(rig: CameraRig) -> str:
    camera = rig.left.calibration
    pose = {"cols": 4, "rows": 4, "data": rig.left.T_body_cam.ravel().tolist()}
    fields: dict[str, Any] = {"sensor_type": "camera", "T_BS": pose, **_size_and_pinhole(camera)}
    if camera.distortion_model != "none":
        fields |= {
            "distortion_model": camera.distortion_model,
            "distortion_coefficients": list(camera.distortion),
        }
    return _dump(fields | _imu(rig))


def _imu(rig: CameraRig) -> dict[str, Any]:
    if rig.imu is None:
        return {}
    return {"T_cam_imu": rig.imu.T_cam_imu.tolist(), "timeshift_cam_imu": rig.imu.time_shift_s}


def _size_and_pinhole(camera: Camera) -> dict[str, Any]:
    return {
        "resolution": [camera.width, camera.height],
        "intrinsics": [camera.fx, camera.fy, camera.cx, camera.cy],
    }


def _kalibr(rig: CameraRig) -> str:
    chain = {"cam0": _imu(rig) | _kalibr_camera(rig.left.calibration)}
    if rig.right is not None and rig.T_left_right is not None:
        pose = {"T_cn_cnm1": inverse(rig.T_left_right).tolist()}
        chain["cam1"] = pose | _kalibr_camera(rig.right.calibration)
    return _dump(chain)


def _kalibr_camera(camera: Camera) -> dict[str, Any]:
    lens = {"radial-tangential": "radtan"}.get(camera.distortion_model, camera.distortion_model)
    if lens == "radtan" and any(camera.distortion[4:]):
        raise CameraError("kalibr: its radtan lens ends with p2, got k3 or more; write euroc, ros or opencv")
    return {
        "camera_model": "pinhole",
        **_size_and_pinhole(camera),
        "distortion_model": lens,
        "distortion_coeffs": list(camera.distortion[:4]),
    }


def _ros(rig: CameraRig) -> str:
    camera = rig.left.calibration
    longer = len(camera.distortion) > 5
    radial = "rational_polynomial" if longer else "plumb_bob"
    model = "equidistant" if camera.distortion_model == "equidistant" else radial
    lens = list(camera.distortion) or [0.0] * 5
    K = camera.pinhole.K
    return _dump(
        {
            "image_width": camera.width,
            "image_height": camera.height,
            "camera_name": "camera",
            "camera_matrix": _ros_matrix(K),
            "distortion_model": model,
            "distortion_coefficients": {"rows": 1, "cols": len(lens), "data": lens},
            "rectification_matrix": _ros_matrix(np.eye(3)),
            "projection_matrix": _ros_matrix(np.column_stack([K, np.zeros(3)])),
        }
    )


def _ros_matrix(values: "np.ndarray[Any, np.dtype[np.float64]]") -> dict[str, Any]:
    return {"rows": values.shape[0], "cols": values.shape[1], "data": values.ravel().tolist()}


def _opencv(rig: CameraRig) -> str:
    camera = rig.left.calibration
    mode = cv2.FILE_STORAGE_WRITE | cv2.FILE_STORAGE_MEMORY | cv2.FILE_STORAGE_FORMAT_YAML
    storage = cv2.FileStorage("camera.yml", mode)
    storage.write("image_width", camera.width)
    storage.write("image_height", camera.height)
    storage.write("fisheye_model", int(camera.distortion_model == "equidistant"))
    storage.write("camera_matrix", camera.pinhole.K)
    storage.write("distortion_coefficients", np.array([camera.distortion or [0.0] * 5]).T)
    return str(storage.releaseAndGetString())


def _kitti(rig: CameraRig) -> str:
    rights = [] if rig.right is None or rig.T_left_right is None else [(rig.right, rig.T_left_right)]
    lines = [_kitti_line(0, rig.left.calibration, 0.0)]
    for right, T_left_right in rights:
        baseline_m = float(T_left_right[0, 3])
        is_parallel = np.allclose(T_left_right[:3, :3], np.eye(3), atol=1e-9)
        if not is_parallel or abs(T_left_right[1:3, 3]).max() > 1e-9 * baseline_m:
            raise CameraError("kitti: holds rectified cameras, got a pair that is not; write kalibr")
        lines.append(_kitti_line(1, right.calibration, baseline_m))
    return "\n".join([*lines, ""])


def _kitti_line(number: int, camera: Camera, baseline_m: float) -> str:
    if camera.distortion_model != "none":
        raise CameraError("kitti: holds cameras without a lens, got distortion; write another format")
    P = np.column_stack([camera.pinhole.K, [-camera.fx * baseline_m, 0.0, 0.0]])
    return f"P{number}: " + " ".join(f"{value:.12e}" for value in P.ravel())


def _colmap(rig: CameraRig) -> str:
    camera = rig.left.calibration
    lens = list(camera.distortion)
    model = {"none": "PINHOLE", "equidistant": "OPENCV_FISHEYE"}.get(camera.distortion_model, "OPENCV")
    if model == "OPENCV" and len(lens) > 4:
        model, lens = "FULL_OPENCV", lens + [0.0] * (8 - len(lens))
    centre = (camera.cx + COLMAP_CENTRE_PX, camera.cy + COLMAP_CENTRE_PX)
    numbers = " ".join(repr(float(value)) for value in (camera.fx, camera.fy, *centre, *lens))
    return f"1 {model} {camera.width} {camera.height} {numbers}\n"


# How a format is written, and how many cameras it can hold.
FORMATS: dict[str, tuple[Callable[[CameraRig], str], int]] = {
    "euroc": (_euroc, 1),
    "kalibr": (_kalibr, 2),
    "ros": (_ros, 1),
    "opencv": (_opencv, 1),
    "kitti": (_kitti, 2),
    "colmap": (_colmap, 1),
}
