"""Calibration files, lens distortion, and undoing it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from vo_frontend.config_files import from_mapping, to_mapping
from vo_frontend.errors import CameraError
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.undistortion import Undistorter
from vo_frontend.session.options import configure

CAMERA = PinholeCamera(500.0, 510.0, 320.0, 240.0, 640, 480)


def test_a_straight_line_is_straight_after_undistortion() -> None:
    raw = Camera.from_pinhole(
        PinholeCamera(300.0, 300.0, 160.0, 120.0, 320, 240), "radial-tangential", (-0.3, 0.1, 0, 0)
    )
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


def test_euroc_sensor_yaml_is_a_camera_file(tmp_path: Path) -> None:
    (tmp_path / "sensor.yaml").write_text(
        "%YAML:1.0\nsensor_type: camera\nresolution: [752, 480]\nintrinsics: [458.6, 457.3, 367.2, 248.4]\n"
        "distortion_model: radial-tangential\ndistortion_coefficients: [-0.28, 0.07, 0.0002, 1.8e-05]\n"
    )
    calibration = Camera.from_yaml(tmp_path / "sensor.yaml")
    assert (calibration.width, calibration.fy) == (752, 457.3)
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
        ("intrinsics: [500, 500, 320, 240]\nresolution: [640.5, 480]", "expected whole numbers of px"),
        (
            "intrinsics: [500, 500, 320, 240]\nresolution: [640, 480]\n"
            "distortion_model: radtan\ndistortion_coefficients: [0.1, .inf, 0, 0]",
            "distortion_coefficients: got .*, expected a list of numbers",
        ),
        (
            "intrinsics: [500, 500, 320, 240]\nresolution: [640, 480]\n"
            "distortion_model: radtan\ndistortion_coefficients: [-0.9, 0, 0, 0]",
            "cam.yaml: distortion_coefficients: .* fold the image",
        ),
        (
            "intrinsics: [500, 500, 320, 240]\nresolution: [640, 480]\ndistortion_model: fov",
            "got 'fov', expected one of",
        ),
        ("- just\n- a list", "expected fields such as intrinsics"),
        ("a: [", "not valid YAML"),
    ],
)
def test_bad_camera_file_names_the_field(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "cam.yaml"
    path.write_text(text)
    with pytest.raises(CameraError, match=message):
        Camera.from_yaml(path)


def test_missing_camera_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="cannot read the camera file"):
        Camera.from_yaml(tmp_path / "none.yaml")


EUROC_CAM0 = PinholeCamera(458.654, 457.296, 367.215, 248.375, 752, 480)
FR1, FR2 = (
    PinholeCamera(517.3, 516.5, 318.6, 255.3, 640, 480),
    PinholeCamera(520.9, 521.0, 325.1, 249.7, 640, 480),
)
KITTI_RAW = PinholeCamera(984.24, 980.81, 690.0, 233.2, 1392, 512)
TUM_VI = PinholeCamera(190.98, 190.97, 254.93, 256.90, 512, 512)
WIDE = PinholeCamera(320.0, 320.0, 319.5, 239.5, 640, 480)


@pytest.mark.parametrize(
    ("camera", "model", "coefficients"),
    [
        (EUROC_CAM0, "radial-tangential", (-0.28340811, 0.07395907, 0.00019359, 1.76187114e-05)),
        (FR1, "radial-tangential", (0.2624, -0.9531, -0.0054, 0.0026, 1.1633)),
        (FR2, "radial-tangential", (0.2312, -0.7849, -0.0033, -0.0001, 0.9172)),
        (KITTI_RAW, "radial-tangential", (-0.3728755, 0.2037299, 0.002219027, 0.001383707, -0.07233722)),
        (TUM_VI, "equidistant", (0.0034823894, 0.0007150348, -0.0020532361, 0.0002029367)),
        (WIDE, "radial-tangential", (1.2, 0.3, 0.0, 0.0, 0.02, 1.5, 0.6, 0.08)),  # rational
    ],
)
def test_real_lenses_do_not_fold(camera: PinholeCamera, model: str, coefficients: tuple[float, ...]) -> None:
    assert Camera.from_pinhole(camera, model, coefficients).distortion == coefficients


@pytest.mark.parametrize(
    ("camera", "model", "coefficients"),
    [
        (EUROC_CAM0, "radial-tangential", (-0.6, 0.0, 0.0, 0.0)),
        (FR1, "radial-tangential", (0.2624, -0.9531, -0.0054, 0.0026, -1.1633)),  # sign of k3
        (FR1, "radial-tangential", (0.2624, -0.9531, 1.1633, -0.0054, 0.0026)),  # k3 in the place of p1
        (TUM_VI, "equidistant", (-0.28340811, 0.07395907, 0.0, -0.2)),
        (WIDE, "radial-tangential", (0.0, 0.0, 0.0, 0.0, 0.0, -0.9, 0.0, 0.0)),  # a pole in the image
        (WIDE, "radial-tangential", (-0.4, 0.0, 0.0, 0.0, 0.0, 0.3, 0.0, 0.0)),
    ],
)
def test_distortion_that_folds_the_image_is_refused(
    camera: PinholeCamera, model: str, coefficients: tuple[float, ...]
) -> None:
    with pytest.raises(CameraError, match=r"fold the image \d+ px from the principal point"):
        Camera.from_pinhole(camera, model, coefficients)


def test_the_fold_of_one_coefficient_begins_where_its_derivative_says() -> None:
    # r_d' = 1 + 3 k1 r^2 = 0 at r = sqrt(-1 / (3 k1)); the corner of WIDE is at r = 1.247.
    beyond, within = -1 / (3 * 1.26**2), -1 / (3 * 1.0**2)
    Camera.from_pinhole(WIDE, "radial-tangential", (beyond, 0.0, 0.0, 0.0))
    with pytest.raises(CameraError, match="fold the image") as error:
        Camera.from_pinhole(WIDE, "radial-tangential", (within, 0.0, 0.0, 0.0))
    assert int(str(error.value).split(" px from")[0].split()[-1]) == pytest.approx(320, abs=12)


def test_coefficients_must_be_finite() -> None:
    with pytest.raises(CameraError, match="expected finite numbers"):
        Camera.from_pinhole(CAMERA, "radial-tangential", (0.1, float("nan"), 0.0, 0.0))


@pytest.mark.parametrize(
    ("model", "coefficients"),
    [("none", ()), ("radial-tangential", (-0.28, 0.07, 1e-3, 2e-3)), ("equidistant", (0.1, 0.01, 0.0, 0.0))],
)
def test_distorting_a_ray_finds_the_raw_pixel_that_undistortion_reads(
    model: str, coefficients: tuple[float, ...]
) -> None:
    raw = Camera.from_pinhole(CAMERA, model, coefficients)
    column = np.tile(np.arange(640, dtype=np.uint8), (480, 1))  # brightness is x modulo 256
    pixels = np.array([[300.0, 200.0], [150.0, 400.0], [420.0, 60.0]])
    seen = Undistorter(raw)(column)[pixels[:, 1].astype(int), pixels[:, 0].astype(int)]
    np.testing.assert_allclose(raw.distort(CAMERA.rays(pixels))[:, 0] % 256, seen, atol=0.8)


def test_what_opencv_s_solvers_return_is_a_camera_that_a_run_writes_down() -> None:
    K, lens = np.array([[320.0, 0, 159.5], [0, 321.0, 119.5], [0, 0, 1]]), np.array([[-0.2, 0.05, 0.0, 0.0]])
    width, height = np.int64(320), np.int64(240)
    found: list[Any] = [K[0, 0], K[1, 1], K[0, 2], K[1, 2], width, height, "radial-tangential", lens]
    camera = Camera(*found)
    assert camera == Camera(320.0, 321.0, 159.5, 119.5, 320, 240, "radial-tangential", (-0.2, 0.05, 0, 0))
    config = configure(images="somewhere", camera=camera)
    assert from_mapping(yaml.safe_load(yaml.safe_dump(to_mapping(config))), "config.yaml") == config
