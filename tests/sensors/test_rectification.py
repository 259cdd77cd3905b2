"""Two cameras of one rig, turned so that rows correspond."""

import numpy as np
import pytest

from vo_frontend.errors import CameraError
from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.rectification import rectify
from vo_frontend.sensors.rig import MountedCamera

RADIAL = Camera.from_pinhole(
    PinholeCamera(450.0, 455.0, 370.0, 235.0, 752, 480), "radial-tangential", (-0.28, 0.07, 1e-4, 2e-5)
)
FISHEYE = Camera.from_pinhole(
    PinholeCamera(380.0, 380.0, 376.0, 240.0, 752, 480), "equidistant", (-0.01, 0.02, 0.0, 0.0)
)


def pose(rotation_rad: tuple[float, float, float], position_m: tuple[float, float, float]) -> Transform:
    return se3.from_rotation_translation(se3.so3_exp(np.array(rotation_rad)), np.array(position_m))


T_BODY_LEFT = pose((0.3, -1.1, 0.4), (0.05, -0.02, 0.01))
T_LEFT_RIGHT = pose((0.01, -0.02, 0.015), (0.11, 0.002, -0.003))


@pytest.mark.parametrize("lens", [RADIAL, FISHEYE])
def test_the_baseline_is_the_distance_of_the_cameras_and_the_x_axis_points_along_it(
    lens: Camera,
) -> None:
    T_body_right = T_BODY_LEFT @ T_LEFT_RIGHT
    pair = rectify(MountedCamera(lens, T_BODY_LEFT), MountedCamera(lens, T_body_right), "rig")
    between_m = T_body_right[:3, 3] - T_BODY_LEFT[:3, 3]
    assert pair.baseline_m == pytest.approx(np.linalg.norm(between_m), rel=1e-9)
    np.testing.assert_allclose(pair.T_body_cam[:3, 3], T_BODY_LEFT[:3, 3])
    np.testing.assert_allclose(pair.T_body_cam[:3, 0] * pair.baseline_m, between_m, atol=1e-9)
    assert pair.left.camera == pair.right.camera


def test_cameras_in_the_wrong_order_are_an_error_that_names_the_rig() -> None:
    left, right = MountedCamera(RADIAL, T_BODY_LEFT), MountedCamera(RADIAL, T_BODY_LEFT @ T_LEFT_RIGHT)
    with pytest.raises(CameraError, match=r"^rig: cam1 is not right of cam0: T_BS give -0\.11"):
        rectify(right, left, "rig")


def test_lenses_of_two_models_are_an_error() -> None:
    left, right = MountedCamera(RADIAL, T_BODY_LEFT), MountedCamera(FISHEYE, T_BODY_LEFT @ T_LEFT_RIGHT)
    with pytest.raises(CameraError, match="^rig: cam0 and cam1 have different distortion models"):
        rectify(left, right, "rig")
