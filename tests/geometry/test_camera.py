import numpy as np
import pytest

from vo_frontend.errors import CameraError
from vo_frontend.geometry.camera import Calibration, Camera, Undistorter, load_calibration

CAMERA = Camera(500.0, 510.0, 320.0, 240.0, 640, 480)


def test_rays_undo_projection():
    points = np.random.default_rng(0).uniform([-2, -2, 2], [2, 2, 9], size=(50, 3))
    np.testing.assert_allclose(CAMERA.rays(CAMERA.project(points)), points[:, :2] / points[:, 2:], atol=1e-12)


def test_points_behind_the_camera_have_no_pixel_and_are_never_inside():
    pixels = CAMERA.project(np.array([[0, 0, -1.0], [0, 0, 0.0], [0, 0, 1.0]]))
    assert np.isnan(pixels[:2]).all()
    assert CAMERA.contains(pixels).tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((0.5, 0.5, 320, 240, 640, 480), "fx = 0.5 px, expected between"),
        ((500, 500, 700, 240, 640, 480), "principal point .* outside the image"),
        ((500, 500, 320, 240, 0, 480), "image size must be positive"),
    ],
)
def test_impossible_intrinsics_are_refused(values, message):
    with pytest.raises(CameraError, match=message):
        Camera(*values)


def test_a_straight_line_is_straight_after_undistortion():
    raw = Calibration(Camera(300.0, 300.0, 160.0, 120.0, 320, 240), "radial-tangential", (-0.3, 0.1, 0, 0))
    # Where the straight world line y = 0.3 z is seen through the lens.
    x = np.linspace(-0.4, 0.4, 400)
    r2 = x**2 + 0.3**2
    factor = 1 - 0.3 * r2 + 0.1 * r2**2
    image = np.zeros((240, 320), np.uint8)
    image[np.rint(300 * 0.3 * factor + 120).astype(int), np.rint(300 * x * factor + 160).astype(int)] = 255
    rows, columns = np.nonzero(Undistorter(raw)(image) > 100)
    inner = np.abs(columns - 160) < 110
    assert np.ptp(rows[inner]) <= 2
    assert np.median(rows[inner]) == pytest.approx(120 + 300 * 0.3, abs=1)


def test_euroc_sensor_yaml_is_a_camera_file(tmp_path):
    (tmp_path / "sensor.yaml").write_text(
        "%YAML:1.0\nsensor_type: camera\nresolution: [752, 480]\nintrinsics: [458.6, 457.3, 367.2, 248.4]\n"
        "distortion_model: radial-tangential\ndistortion_coefficients: [-0.28, 0.07, 0.0002, 1.8e-05]\n"
    )
    calibration = load_calibration(tmp_path / "sensor.yaml")
    assert (calibration.camera.width, calibration.camera.fy) == (752, 457.3)
    assert calibration.distortion == (-0.28, 0.07, 0.0002, 1.8e-05)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("resolution: [640, 480]", "intrinsics: got None, expected 4 numbers"),
        ("intrinsics: [1, 2, 3]\nresolution: [640, 480]", r"intrinsics: got \[1, 2, 3\]"),
        ("intrinsics: [.nan, 500, 320, 240]\nresolution: [640, 480]", "intrinsics: got"),
        (
            "intrinsics: [500, 500, 320, 240]\nresolution: [640, 480]\n"
            "distortion_coefficients: [0.1, 0, 0, 0]",
            "without distortion_model",
        ),
        (
            "intrinsics: [500, 500, 320, 240]\nresolution: [640, 480]\ndistortion_model: fov",
            "got 'fov', expected one of",
        ),
        ("- just\n- a list", "expected fields such as intrinsics"),
        ("a: [", "not valid YAML"),
    ],
)
def test_bad_camera_file_names_the_field(tmp_path, text, message):
    path = tmp_path / "cam.yaml"
    path.write_text(text)
    with pytest.raises(CameraError, match=message):
        load_calibration(path)


def test_missing_camera_file_is_one_line(tmp_path):
    with pytest.raises(CameraError, match="cannot read the camera file"):
        load_calibration(tmp_path / "none.yaml")
