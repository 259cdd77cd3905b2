"""Calibration files of other programs: each read as it is written, and written as its readers read it."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from known import known
from numpy.typing import NDArray

from vo_frontend.errors import CameraError
from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.camera_files import FORMATS, format_camera_file, read_camera_file
from vo_frontend.sensors.rectification import rectify
from vo_frontend.sensors.rig import CameraRig, MountedCamera, MountedImu

PINHOLE = PinholeCamera(458.654, 457.296, 367.215, 248.375, 752, 480)
IDEAL = Camera.from_pinhole(PINHOLE)
RADIAL = Camera.from_pinhole(PINHOLE, "radial-tangential", (-0.28, 0.074, 1.9e-4, 1.8e-5))
WITH_K3 = Camera.from_pinhole(PINHOLE, "radial-tangential", (-0.28, 0.074, 1.9e-4, 1.8e-5, 1e-3))
RATIONAL = Camera.from_pinhole(PINHOLE, "radial-tangential", (0.2, 0.1, 1e-4, 2e-4, 0.02, 0.5, 0.2, 0.05))
FISHEYE = Camera.from_pinhole(PINHOLE, "equidistant", (-0.01, 0.02, -0.003, 0.001))
LENSES = {
    "ideal": IDEAL, "radial": RADIAL, "with k3": WITH_K3, "rational": RATIONAL, "fisheye": FISHEYE
}  # fmt: skip
RAYS = np.random.default_rng(0).uniform(-0.6, 0.6, (40, 2))
T_LEFT_RIGHT = se3.from_rotation_translation(
    se3.so3_exp(np.array([0.01, -0.02, 0.015])), np.array([0.11, 0.002, -0.003])
)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "anything.txt"  # the name says nothing
    path.write_text(text)
    return path


def read_back(tmp_path: Path, camera: Camera, file_format: str) -> Camera:
    text = format_camera_file(CameraRig(MountedCamera(camera)), file_format, "a comment")
    return read_camera_file(written(tmp_path, text), lambda: (752, 480)).left.calibration


@pytest.mark.parametrize("file_format", FORMATS)
def test_what_one_format_gives_every_other_takes(tmp_path: Path, file_format: str) -> None:
    got = read_back(tmp_path, IDEAL, file_format)
    for other in FORMATS:
        again = read_back(tmp_path, got, other)
        assert (again.fx, again.fy, again.cx, again.cy) == pytest.approx((458.654, 457.296, 367.215, 248.375))


@pytest.mark.parametrize("lens", LENSES)
@pytest.mark.parametrize("file_format", FORMATS)
def test_what_a_format_can_hold_comes_back_as_it_was(tmp_path: Path, lens: str, file_format: str) -> None:
    camera = LENSES[lens]
    if file_format == "kitti" and lens != "ideal":
        with pytest.raises(CameraError, match="kitti: holds cameras without a lens"):
            read_back(tmp_path, camera, file_format)
        return
    if file_format == "kalibr" and lens in ("with k3", "rational"):
        with pytest.raises(CameraError, match="kalibr: its radtan lens ends with p2"):
            read_back(tmp_path, camera, file_format)
        return
    got = read_back(tmp_path, camera, file_format)
    assert got.distortion_model == camera.distortion_model
    np.testing.assert_allclose(got.distortion[: len(camera.distortion)], camera.distortion, rtol=1e-12)
    np.testing.assert_allclose(got.distort(RAYS), camera.distort(RAYS), atol=1e-9)
    assert (got.width, got.height) == (752, 480)


def opencv_pixels(K: NDArray[np.float64], lens: list[float], model: str) -> NDArray[np.float64]:
    """Where OpenCV itself puts RAYS."""
    if model == "equidistant":
        points = np.column_stack([RAYS, np.ones(len(RAYS))])[:, None]
        pixels, _ = cv2.fisheye.projectPoints(points, np.zeros(3), np.zeros(3), K, np.array(lens))
        return np.asarray(pixels)[:, 0]
    points = np.column_stack([RAYS, np.ones(len(RAYS))])
    pixels, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), K, np.array(lens))
    return np.asarray(pixels)[:, 0]


ROS = """\
image_width: 640
image_height: 480
camera_name: head
camera_matrix: {rows: 3, cols: 3, data: [430.2, 0, 306.6, 0, 430.5, 227.2, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [-0.337, 0.111, -0.00078, -0.00011, 0.0]}
rectification_matrix: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}
projection_matrix: {rows: 3, cols: 4, data: [430, 0, 306, 0, 0, 430, 227, 0, 0, 0, 1, 0]}
"""
ROS_MESSAGE = """\
height: 480
width: 640
distortion_model: rational_polynomial
D: [0.2, 0.1, 0.0001, 0.0002, 0.02, 0.5, 0.2, 0.05]
K: [430.2, 0.0, 306.6, 0.0, 430.5, 227.2, 0.0, 0.0, 1.0]
R: [1, 0, 0, 0, 1, 0, 0, 0, 1]
P: [430, 0, 306, 0, 0, 430, 227, 0, 0, 0, 1, 0]
binning_x: 0
"""
OPENCV = """\
%YAML:1.0
---
calibration_time: "Sun 01 Jan 2026"
image_width: 640
image_height: 480
camera_matrix: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [ 4.302e+02, 0., 3.066e+02, 0., 4.305e+02, 2.272e+02, 0., 0., 1. ]
distortion_coefficients: !!opencv-matrix
   rows: 5
   cols: 1
   dt: d
   data: [ -2.8e-01, 2.5e-02, 1.2e-03, -1.3e-04, 1.6e-02 ]
avg_reprojection_error: 1.9e-01
"""
K430 = np.array([[430, 0, 306.6], [0, 430, 227.2], [0, 0, 1.0]])
K640 = np.array([[430.2, 0, 306.6], [0, 430.5, 227.2], [0, 0, 1]])


@pytest.mark.parametrize(
    ("text", "K", "model", "lens"),
    [
        (ROS, K640, "radial-tangential", [-0.337, 0.111, -0.00078, -0.00011]),
        (ROS_MESSAGE, K640, "radial-tangential", [0.2, 0.1, 0.0001, 0.0002, 0.02, 0.5, 0.2, 0.05]),
        (
            ROS_MESSAGE.replace("D: [0.2, 0.1, 0.0001, 0.0002, 0.02, 0.5, 0.2, 0.05]", "d: [0.1, 0.01, 0, 0]")
            .replace("rational_polynomial", "equidistant").replace("K:", "k:"),
            K640, "equidistant", [0.1, 0.01, 0, 0],
        ),
        (OPENCV, K640, "radial-tangential", [-0.28, 0.025, 0.0012, -0.00013, 0.016]),
        ("%YAML:1.0\n---\nfisheye_model: 1\n" + OPENCV[14:].replace("rows: 5", "rows: 4").replace(
            ", 1.6e-02", ""), K640, "equidistant", [-0.28, 0.025, 0.0012, -0.00013]),
        ("# Camera list\n1 OPENCV 640 480 430.2 430.5 307.1 227.7 -0.3 0.1 0.001 0.002", K640,
         "radial-tangential", [-0.3, 0.1, 0.001, 0.002]),
        ("7 SIMPLE_RADIAL 640 480 430 307.1 227.7 -0.1", K430, "radial-tangential", [-0.1, 0, 0, 0]),
        ("7 FULL_OPENCV 640 480 430.2 430.5 307.1 227.7 0.2 0.1 0.0001 0.0002 0.02 0.5 0.2 0.05", K640,
         "radial-tangential", [0.2, 0.1, 0.0001, 0.0002, 0.02, 0.5, 0.2, 0.05]),
        ("7 OPENCV_FISHEYE 640 480 430.2 430.5 307.1 227.7 0.1 0.01 0 0", K640,
         "equidistant", [0.1, 0.01, 0, 0]),
        ("cam0:\n  camera_model: pinhole\n  distortion_model: radtan\n"
         "  distortion_coeffs: [-0.3, 0.1, 0, 0.001]\n"
         "  intrinsics: [430.2, 430.5, 306.6, 227.2]\n  resolution: [640, 480]\n", K640,
         "radial-tangential", [-0.3, 0.1, 0, 0.001]),
    ],
)  # fmt: skip
def test_foreign_files_project_as_opencv_does(
    tmp_path: Path, text: str, K: NDArray[np.float64], model: str, lens: list[float]
) -> None:
    camera = read_camera_file(written(tmp_path, text)).left.calibration
    assert (camera.width, camera.height, camera.distortion_model) == (640, 480, model)
    np.testing.assert_allclose(camera.distort(RAYS), opencv_pixels(K, lens, model), atol=1e-9)


def test_numbers_as_python_prints_them_are_numbers(tmp_path: Path) -> None:
    text = (
        "intrinsics: [4e2, 400, 320, 240]\nresolution: [640, 480]\n"
        "distortion_model: radtan\ndistortion_coefficients: [-0.1, 1e-05, -8e-05, 2E+0]\n"
    )
    camera = read_camera_file(written(tmp_path, text.replace("2E+0", "0.0"))).left.calibration
    assert camera.fx == 400
    assert camera.distortion == (-0.1, 1e-05, -8e-05, 0.0)


def test_opencv_itself_reads_what_is_written_for_it(tmp_path: Path) -> None:
    path = tmp_path / "camera.yml"
    path.write_text(format_camera_file(CameraRig(MountedCamera(WITH_K3)), "opencv", "a comment"))
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_READ)
    np.testing.assert_allclose(storage.getNode("camera_matrix").mat(), PINHOLE.K)
    np.testing.assert_allclose(storage.getNode("distortion_coefficients").mat().ravel(), WITH_K3.distortion)


@pytest.mark.parametrize("lens", [RADIAL, FISHEYE])
def test_a_stereo_pair_keeps_its_pose_in_a_kalibr_camchain(tmp_path: Path, lens: Camera) -> None:
    rig = CameraRig(MountedCamera(lens), MountedCamera(lens, T_LEFT_RIGHT))
    got = read_camera_file(written(tmp_path, format_camera_file(rig, "kalibr")))
    assert got.right is not None
    np.testing.assert_allclose(known(got.T_left_right), T_LEFT_RIGHT, atol=1e-12)
    chain = yaml.safe_load(format_camera_file(rig, "kalibr"))
    np.testing.assert_allclose(chain["cam1"]["T_cn_cnm1"], np.linalg.inv(T_LEFT_RIGHT), atol=1e-12)


@pytest.mark.parametrize("file_format", ["kalibr", "euroc"])
def test_an_imu_keeps_its_place_and_its_clock(tmp_path: Path, file_format: str) -> None:
    """As Kalibr writes both into camchain-imucam.yaml."""
    rig = CameraRig(MountedCamera(RADIAL), imu=MountedImu(T_LEFT_RIGHT, 0.0123))
    text = format_camera_file(rig, file_format)
    got = known(read_camera_file(written(tmp_path, text)).imu)
    np.testing.assert_allclose(got.T_cam_imu, T_LEFT_RIGHT, atol=1e-12)
    assert got.time_shift_s == 0.0123
    without_clock = text.replace("timeshift_cam_imu", "unknown")
    assert known(read_camera_file(written(tmp_path, without_clock)).imu).time_shift_s == 0
    with pytest.raises(CameraError, match="T_(cam_imu|BS): not a rigid transform"):
        read_camera_file(written(tmp_path, text.replace("1.0", "1.1")))


def test_a_rectified_pair_keeps_its_baseline_in_kitti_s_file(tmp_path: Path) -> None:
    T = se3.from_rotation_translation(np.eye(3), np.array([0.54, 0, 0]))
    rig = CameraRig(MountedCamera(IDEAL), MountedCamera(IDEAL, T))
    got = read_camera_file(written(tmp_path, format_camera_file(rig, "kitti")), lambda: (752, 480))
    np.testing.assert_allclose(known(got.T_left_right), T, atol=1e-9)
    turned = CameraRig(MountedCamera(IDEAL), MountedCamera(IDEAL, T_LEFT_RIGHT))
    with pytest.raises(CameraError, match="kitti: holds rectified cameras"):
        format_camera_file(turned, "kitti")
    with pytest.raises(CameraError, match="ros holds one camera, got a stereo pair; write it as kalibr"):
        format_camera_file(rig, "ros")


def test_the_two_camera_info_of_a_ros_stereo_pair_say_how_its_cameras_stand(tmp_path: Path) -> None:
    """ROS states the pair by R and P; OpenCV's own rectification of a known pair gives those."""
    T_right_left = se3.inverse(T_LEFT_RIGHT)
    lens = np.array(RADIAL.distortion)
    R1, R2, P1, P2 = cv2.stereoRectify(
        PINHOLE.K, lens, PINHOLE.K, lens, (752, 480), T_right_left[:3, :3], T_right_left[:3, 3:], alpha=0.0
    )[:4]
    mounted = []
    for R, P in ((R1, P1), (R2, P2)):
        fields = yaml.safe_load(format_camera_file(CameraRig(MountedCamera(RADIAL)), "ros"))
        fields["rectification_matrix"]["data"] = R.ravel().tolist()
        fields["projection_matrix"]["data"] = P.ravel().tolist()
        mounted.append(read_camera_file(written(tmp_path, yaml.safe_dump(fields))).left)
    np.testing.assert_allclose(known(CameraRig(mounted[0], mounted[1]).T_left_right), T_LEFT_RIGHT, atol=1e-9)
    assert rectify(mounted[0], mounted[1], "rig").baseline_m == pytest.approx(
        np.linalg.norm(T_LEFT_RIGHT[:3, 3]), rel=1e-9
    )


def test_the_calibration_of_kitti_is_a_camera_file(tmp_path: Path) -> None:
    text = (
        "P0: 718.856 0 607.1928 0 0 718.856 185.2157 0 0 0 1 0\n"
        "P1: 718.856 0 607.1928 -386.1448 0 718.856 185.2157 0 0 0 1 0\nTr: 1 0 0 0 0 1 0 0 0 0 1 0\n"
    )
    rig = read_camera_file(written(tmp_path, text), lambda: (1241, 376))
    assert rig.left.calibration == Camera(718.856, 718.856, 607.1928, 185.2157, 1241, 376)
    assert known(rig.T_left_right)[0, 3] == pytest.approx(386.1448 / 718.856)
    with pytest.raises(CameraError, match="states no image size"):
        read_camera_file(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("focal: 500\nwidth: 640", r"found the fields focal, width, which fit no .*EuRoC.*Kalibr.*COLMAP"),
        ("1 FOV 640 480 430 430 320 240 0.9", "COLMAP's model FOV, expected SIMPLE_PINHOLE"),
        ("1 PINHOLE 640 480 430 430 320", r"PINHOLE: got \[.*\], expected 4 numbers"),
        ("1 PINHOLE 640 480 1 1 1 1\n2 PINHOLE 640 480 1 1 1 1", "2 cameras of COLMAP, expected one"),
        ("P0: 1 2 3", "P0: got .*, expected 12 numbers"),
        (ROS.replace("plumb_bob", "thin_prism"), "distortion_model: got 'thin_prism', expected plumb_bob"),
        (ROS.replace("430.2, 0, 306.6", "430.2, 306.6"), "camera_matrix: got .*, expected 9 numbers"),
        ("cam0: {camera_model: omni, distortion_model: radtan}", "cam0: got camera_model 'omni'"),
        (
            "cam0: {intrinsics: [430, 430, 320, 240], resolution: [640, 480]}\n"
            "cam1: {intrinsics: [430, 430, 320, 240], resolution: [640, 480]}",
            "cam1: T_cn_cnm1: got None, expected 16 numbers",
        ),
        ("camera_matrix: [1, 0, 0, 0, 1, 0, 0, 0, 1]", "states no image size"),
        (OPENCV.replace("4.302e+02", "4.302"), "fx = 4.302 px, expected between"),
        (
            OPENCV.replace("rows: 5", "rows: 12").replace("1.6e-02 ]", "0, 0, 0, 0, 0.1, 0, 0, 0 ]"),
            "thin prism",
        ),
    ],
)
def test_what_fits_no_format_is_one_line_that_says_what_was_found(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(CameraError, match=message) as caught:
        read_camera_file(written(tmp_path, text))
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_file_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "cam.yaml").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(CameraError, match=r"not a text file \(byte 0 is not UTF-8\)"):
        read_camera_file(tmp_path / "cam.yaml")


@pytest.mark.parametrize("lens", LENSES.values())
def test_the_camera_of_half_the_image_size_sees_every_ray_half_as_far_out(lens: Camera) -> None:
    half = lens.resized(376, 240)
    np.testing.assert_allclose(half.distort(RAYS) + 0.5, 0.5 * (lens.distort(RAYS) + 0.5), atol=1e-9)
