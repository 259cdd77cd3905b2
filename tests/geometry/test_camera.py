import numpy as np
import pytest

from vo_frontend.errors import CameraError
from vo_frontend.geometry.camera import PinholeCamera

CAMERA = PinholeCamera(500.0, 510.0, 320.0, 240.0, 640, 480)


def test_rays_undo_projection() -> None:
    points = np.random.default_rng(0).uniform([-2, -2, 2], [2, 2, 9], size=(50, 3))
    np.testing.assert_allclose(CAMERA.rays(CAMERA.project(points)), points[:, :2] / points[:, 2:], atol=1e-12)


def test_points_behind_the_camera_have_no_pixel_and_are_never_inside() -> None:
    pixels = CAMERA.project(np.array([[0, 0, -1.0], [0, 0, 0.0], [0, 0, 1.0]]))
    assert np.isnan(pixels[:2]).all()
    assert CAMERA.contains(pixels).tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((0.5, 0.5, 320, 240, 640, 480), "fx = 0.5 px, expected between"),
        ((500, 500, 700, 240, 640, 480), "principal point .* outside the image"),
        ((500, 500, 320, 240, 0, 480), "image size must be positive"),
        ((500, 20000, 320, 240, 640, 480), "fy = 20000 px, expected between"),
        ((np.nan, 500, 320, 240, 640, 480), "fx = nan px, expected between"),
        ((500, np.inf, 320, 240, 640, 480), "fy = inf px, expected between"),
        ((500, 500, np.nan, 240, 640, 480), "principal point .* outside the image"),
    ],
)
def test_impossible_intrinsics_are_refused(
    values: tuple[float, float, float, float, int, int], message: str
) -> None:
    with pytest.raises(CameraError, match=message):
        PinholeCamera(*values)
