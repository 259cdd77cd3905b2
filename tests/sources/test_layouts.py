"""What each dataset layout adds to the contract: indices, times, calibration, and what can be wrong."""

import logging
import shutil

import cv2
import numpy as np
import pytest
from tiny_datasets import (
    CAMERA,
    DISTORTED,
    EUROC_STAMPS_NS,
    NUM_FRAMES,
    STRAIGHT,
    T_BODY_CAM,
    colored,
    render,
    write,
    write_euroc,
    write_images,
    write_kitti,
    write_seven_scenes,
    write_tum,
)

from vo_frontend.errors import CameraError, SourceError
from vo_frontend.geometry.camera import Camera
from vo_frontend.sensors.calibration import Calibration
from vo_frontend.sources.euroc import open_euroc
from vo_frontend.sources.image_files import list_images, read_image
from vo_frontend.sources.image_folder import open_image_folder
from vo_frontend.sources.kitti import open_kitti
from vo_frontend.sources.seven_scenes import open_seven_scenes
from vo_frontend.sources.tum import associate_nearest, open_tum
from vo_frontend.types import Sensor


def kitti(folder, sensor=Sensor.MONO):
    return open_kitti(folder, name="kitti/00", sensor=sensor)


def euroc(folder, sensor=Sensor.MONO):
    return open_euroc(folder, name="euroc/V1", sensor=sensor)


def tum(folder, sensor=Sensor.MONO):
    return open_tum(folder, DISTORTED, name="tum/fr1", sensor=sensor)


def seven_scenes(folder, sensor=Sensor.MONO, calibration=None):
    return open_seven_scenes(folder, calibration, name="7scenes/chess", sensor=sensor)


def test_kitti_takes_index_from_the_file_name_and_time_from_that_row(tmp_path):
    write_kitti(tmp_path, first=5)
    frames = list(kitti(tmp_path))
    assert [frame.index for frame in frames] == list(range(5, 5 + NUM_FRAMES))
    assert frames[0].timestamp_ns == 503_000_000


def test_kitti_without_times_runs_at_10_hz_and_says_so_once(tmp_path, caplog):
    write_kitti(tmp_path, first=5)
    (tmp_path / "times.txt").unlink()
    with caplog.at_level(logging.INFO):
        frames = list(kitti(tmp_path))
    assert [frame.timestamp_ns for frame in frames[:2]] == [500_000_000, 600_000_000]
    assert len([r for r in caplog.records if "10 Hz" in r.getMessage()]) == 1


def test_kitti_baseline_and_offset_from_camera_0_come_from_the_projections(tmp_path):
    write_kitti(tmp_path, left=2, is_stereo=True)
    source = kitti(tmp_path, Sensor.STEREO)
    assert source.baseline_m == pytest.approx(0.5)
    np.testing.assert_allclose(source.T_body_cam[:3, 3], [1.0, 0.0, 0.0], atol=1e-12)


def test_euroc_opens_with_and_without_mav0_and_keeps_nanoseconds(tmp_path):
    write_euroc(tmp_path)
    for folder in (tmp_path, tmp_path / "mav0"):
        source = euroc(folder)
        assert [frame.timestamp_ns for frame in source] == EUROC_STAMPS_NS
        np.testing.assert_array_equal(source.T_body_cam, T_BODY_CAM[0])


def test_euroc_rectified_baseline_is_the_distance_of_the_cameras(tmp_path):
    write_euroc(tmp_path)
    source = euroc(tmp_path, Sensor.STEREO)
    distance_m = np.linalg.norm(T_BODY_CAM[1][:3, 3] - T_BODY_CAM[0][:3, 3])
    assert source.baseline_m == pytest.approx(distance_m, rel=1e-9)
    np.testing.assert_allclose(source.T_body_cam[:3, 3], T_BODY_CAM[0][:3, 3])
    direction = source.T_body_cam[:3, 0] * distance_m
    np.testing.assert_allclose(direction, T_BODY_CAM[1][:3, 3] - T_BODY_CAM[0][:3, 3], atol=1e-9)


def test_euroc_partial_copies_keep_the_position_in_the_whole_sequence(tmp_path):
    write_euroc(tmp_path)
    for stamp in EUROC_STAMPS_NS[:3]:
        (tmp_path / "mav0/cam0/data" / f"{stamp}.png").unlink()
    (tmp_path / "mav0/cam1/data" / f"{EUROC_STAMPS_NS[4]}.png").unlink()
    source = euroc(tmp_path, Sensor.STEREO)
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(3, NUM_FRAMES))
    assert [frame.image_right is None for frame in frames] == [False, True, False, False, False]


def test_tum_depth_is_the_mutually_nearest_within_the_limit():
    stamps = np.array([0, 30, 60, 90, 120])
    depth = np.array([12, 28, 33, 99])
    np.testing.assert_array_equal(associate_nearest(stamps, depth, 20), [0, 1, -1, 3, -1])
    np.testing.assert_array_equal(associate_nearest(stamps, depth, 10), [-1, 1, -1, 3, -1])
    np.testing.assert_array_equal(associate_nearest(stamps, np.array([61]), 20), [-1, -1, 0, -1, -1])


def test_tum_frames_without_depth_stay_and_are_counted_in_one_warning(tmp_path, caplog):
    write_tum(tmp_path)
    lines = (tmp_path / "depth.txt").read_text().splitlines()
    (tmp_path / "depth.txt").write_text("\n".join(lines[:3] + lines[5:]))
    frames = list(tum(tmp_path, Sensor.RGBD))
    assert [frame.depth_m is None for frame in frames] == [i in (2, 3) for i in range(NUM_FRAMES)]
    assert [r.getMessage() for r in caplog.records] == ["tum/fr1: 2 of 8 frames have no depth within 0.02 s"]


def test_tum_timestamps_are_exact_to_the_nanosecond(tmp_path):
    write_tum(tmp_path)
    assert next(iter(tum(tmp_path))).timestamp_ns == 1305031229528748000


def test_seven_scenes_numbers_and_times_come_from_the_file_names(tmp_path):
    write_seven_scenes(tmp_path)
    frames = list(seven_scenes(tmp_path))
    assert [frame.index for frame in frames] == list(range(3, 3 + NUM_FRAMES))
    assert frames[1].timestamp_ns == round(4e9 / 30)


def test_seven_scenes_without_intrinsics_file_uses_the_given_calibration(tmp_path):
    write_seven_scenes(tmp_path)
    (tmp_path / "camera-intrinsics.txt").unlink()
    assert seven_scenes(tmp_path, calibration=STRAIGHT).camera == CAMERA
    with pytest.raises(SourceError, match=r"camera-intrinsics\.txt: not found"):
        seven_scenes(tmp_path)


def test_image_folder_sorts_naturally_and_takes_time_from_fps(tmp_path, caplog):
    write_images(tmp_path)
    (tmp_path / "notes.txt").write_text("not an image")
    assert [path.stem for path in list_images(tmp_path)][5:7] == ["shot 9", "shot 10"]
    frames = list(open_image_folder(tmp_path, DISTORTED, fps=20.0))
    assert frames[3].timestamp_ns == 150_000_000
    with caplog.at_level(logging.INFO):
        assert next(iter(open_image_folder(tmp_path, DISTORTED, frames=slice(1, 3)))).timestamp_ns == 10**8
    assert "10 Hz" in caplog.text


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".JPEG", ".bmp", ".ppm", ".pgm", ".tif", ".webp"])
def test_every_image_format_gives_rgb_or_grey_and_notices_truncation(tmp_path, suffix):
    grey = render(STRAIGHT, 0)
    for name, image in (("grey", grey), ("color", colored(grey))):
        if (suffix, name) in ((".ppm", "grey"), (".pgm", "color")):
            continue
        path = tmp_path / f"{name}{suffix}"
        write(path, image)
        decoded = read_image(path)
        if name == "color":
            assert decoded[..., 0].mean() == pytest.approx(230, abs=5)
        elif suffix != ".webp":  # WebP has no grey images
            assert decoded.ndim == 2
        write(path, image, truncated=True)
        with pytest.raises(SourceError, match=f"{name}{suffix}: cannot decode"):
            read_image(path)


def test_16_bit_images_become_8_bit(tmp_path):
    grey = render(STRAIGHT, 0)
    write(tmp_path / "deep.png", grey.astype(np.uint16) * 257)
    np.testing.assert_array_equal(read_image(tmp_path / "deep.png"), grey)


def test_an_image_of_another_size_is_a_bad_frame_and_the_message_says_both_sizes(tmp_path, caplog):
    write_images(tmp_path, suffix=".png")
    write(tmp_path / "shot 6.png", np.zeros((50, 60), np.uint8))
    frames = list(open_image_folder(tmp_path, DISTORTED))
    assert [frame.image is None for frame in frames] == [i == 2 for i in range(NUM_FRAMES)]
    assert "image of 60x50 px, expected 128x96 px" in caplog.text


def test_a_calibration_of_another_size_is_one_error_at_the_start(tmp_path):
    write_images(tmp_path)
    other = Calibration(Camera(500, 500, 320, 240, 640, 480))
    with pytest.raises(SourceError, match=r"shot 4\.jpg: image of 128x96 px, expected 640x480 px"):
        open_image_folder(tmp_path, other)


@pytest.mark.parametrize("layout", ["kitti", "7scenes"])
@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_a_calibration_without_a_size_is_held_against_the_image_centre(tmp_path, layout, scale):
    write_layout, open_layout = {
        "kitti": (write_kitti, kitti),
        "7scenes": (write_seven_scenes, seven_scenes),
    }[layout]
    write_layout(tmp_path)
    width, height = round(scale * CAMERA.width), round(scale * CAMERA.height)
    for path in tmp_path.rglob("*.png"):
        cv2.imwrite(str(path), cv2.resize(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), (width, height)))
    with pytest.raises(CameraError, match=r"principal point \(62\.5, 47\.25\) px"):
        open_layout(tmp_path)


@pytest.mark.parametrize(
    ("write_layout", "open_layout", "sensor", "files"),
    [
        (lambda folder: write_kitti(folder, is_stereo=True), kitti, Sensor.STEREO, "image_1/*.png"),
        (write_euroc, euroc, Sensor.STEREO, "mav0/cam1/data/*.png"),
        (write_tum, tum, Sensor.RGBD, "depth/*.png"),
        (write_seven_scenes, seven_scenes, Sensor.RGBD, "*.depth.png"),
    ],
)
def test_right_images_and_depth_of_another_size_are_one_error_at_the_start(
    tmp_path, write_layout, open_layout, sensor, files
):
    write_layout(tmp_path)
    for path in tmp_path.glob(files):
        write(path, np.zeros((50, 60), np.uint16 if sensor is Sensor.RGBD else np.uint8))
    with pytest.raises(SourceError, match="image of 60x50 px, expected 128x96 px as calibrated"):
        open_layout(tmp_path, sensor)


# Damage one file of a good dataset -> what the error must say.
WRONG_INPUTS = {
    "kitti no images folder": (write_kitti, kitti, "-image_0", "no folder image_0"),
    "kitti empty folder": (write_kitti, kitti, "0image_0", "image_0: no images"),
    "kitti no calib": (write_kitti, kitti, "-calib.txt", "calib.txt: cannot read the file"),
    "kitti calib number": (write_kitti, kitti, "calib.txt=P0: 1 2 x" + " 1" * 9, "calib.txt:1: got '1 2 x"),
    "kitti calib count": (write_kitti, kitti, "calib.txt=P0: 1 2 3", "calib.txt:1: P0 has 3 numbers"),
    "kitti calib label": (write_kitti, kitti, "calib.txt=P1:" + " 1" * 12, "no line 'P0:'.*found P1"),
    "kitti calib focal": (
        write_kitti,
        kitti,
        "calib.txt=P0: 1 0 9 0 0 1 9 0 0 0 1 0",
        "calib.txt: .*fx = 1 px",
    ),
    "kitti times short": (
        write_kitti,
        kitti,
        "times.txt=0\n1\n2",
        "3 rows, but image number 12 needs",
    ),
    "kitti times word": (
        write_kitti,
        kitti,
        "times.txt=" + "\n".join(map(str, range(9))) + "\nsoon" + "\n1" * 9,
        r"times.txt:10: got 'soon', expected a time in seconds",
    ),
    "kitti times back": (
        write_kitti,
        kitti,
        "times.txt=" + "\n".join(map(str, range(9))) + "\n3" + "\n99" * 9,
        "times.txt:10: timestamp 3.000000 s is not after 8.000000 s",
    ),
    "euroc no data.csv": (write_euroc, euroc, "-mav0/cam0/data.csv", "data.csv: cannot read"),
    "euroc bad stamp": (write_euroc, euroc, "mav0/cam0/data.csv=#t\nx,y.png", "data.csv:2: got 'x'"),
    "euroc no name": (
        write_euroc,
        euroc,
        "mav0/cam0/data.csv=12",
        "data.csv:1: got '12', expected",
    ),
    "euroc no images": (write_euroc, euroc, "0mav0/cam0/data", "none of the 8 images it lists is there"),
    "euroc no T_BS": (
        write_euroc,
        euroc,
        "mav0/cam0/sensor.yaml=resolution: [128, 96]\nintrinsics: [100, 100, 60, 40]",
        "sensor.yaml: T_BS: got None",
    ),
    "euroc T_BS not rigid": (
        write_euroc,
        euroc,
        "mav0/cam0/sensor.yaml=resolution: [128, 96]\nintrinsics: [100, 100, 60, 40]\n"
        "T_BS: {data: [2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]}",
        "T_BS: not a rigid transform",
    ),
    "tum no rgb.txt": (write_tum, tum, "-rgb.txt", "rgb.txt: cannot read"),
    "tum comments only": (write_tum, tum, "rgb.txt=# nothing", "rgb.txt: the file has no data lines"),
    "tum no file name": (
        write_tum,
        tum,
        "rgb.txt=# a\n1.5",
        "rgb.txt:2: got '1.5', expected",
    ),
    "7scenes no colour": (write_seven_scenes, seven_scenes, "0.", "no images in this folder"),
    "7scenes intrinsics": (
        write_seven_scenes,
        seven_scenes,
        "camera-intrinsics.txt=1 2 3\n4 5\n6 7 8",
        "camera-intrinsics.txt:2: got '4 5', expected three rows",
    ),
}


@pytest.mark.parametrize("case", WRONG_INPUTS)
def test_damaged_data_are_one_line_that_names_the_place(tmp_path, case):
    write_dataset, open_source, damage, message = WRONG_INPUTS[case]
    write_dataset(tmp_path)
    if damage[0] in "-0":
        path = tmp_path / damage[1:]
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        if damage[0] == "0":
            path.mkdir()
    else:
        name, content = damage.split("=", 1)
        (tmp_path / name).write_text(content)
    with pytest.raises((SourceError, CameraError), match=message) as caught:
        open_source(tmp_path)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("write_dataset", "open_source", "sensor", "message"),
    [
        (write_kitti, kitti, Sensor.STEREO, "sensor 'stereo' needs image_1, which is not there"),
        (write_kitti, kitti, Sensor.RGBD, "no data for sensor 'rgbd', this dataset offers mono and stereo"),
        (lambda p: write_euroc(p, is_stereo=False), euroc, Sensor.STEREO, "sensor 'stereo' needs cam1"),
        (write_euroc, euroc, Sensor.RGBD, "no data for sensor 'rgbd'"),
        (lambda p: write_tum(p, has_depth=False), tum, Sensor.RGBD, "depth.txt: not found, sensor 'rgbd'"),
        (write_tum, tum, Sensor.STEREO, "no data for sensor 'stereo', this dataset offers mono and rgbd"),
        (lambda p: write_seven_scenes(p, has_depth=False), seven_scenes, Sensor.RGBD, "found none"),
    ],
)
def test_a_sensor_that_the_data_do_not_have_is_an_error(
    tmp_path, write_dataset, open_source, sensor, message
):
    write_dataset(tmp_path)
    with pytest.raises(SourceError, match=message):
        open_source(tmp_path, sensor)


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(SourceError, match="nowhere: cannot list the image folder"):
        open_image_folder(tmp_path / "nowhere", DISTORTED)


def test_constructing_a_recorded_source_decodes_one_image_only(tmp_path, monkeypatch):
    write_images(tmp_path)
    decoded = []
    monkeypatch.setattr(cv2, "imdecode", lambda *a, decode=cv2.imdecode: decoded.append(1) or decode(*a))
    open_image_folder(tmp_path, DISTORTED)
    assert len(decoded) == 1


@pytest.mark.parametrize(
    ("write_layout", "open_layout", "sensor", "files", "partner"),
    [
        (
            lambda folder: write_kitti(folder, is_stereo=True),
            kitti,
            Sensor.STEREO,
            "image_1/*.png",
            "right image",
        ),
        (write_tum, tum, Sensor.RGBD, "depth/*.png", "depth"),
    ],
)
def test_truncated_right_images_and_depths_leave_mono_frames_and_are_said_once(
    tmp_path, caplog, write_layout, open_layout, sensor, files, partner
):
    write_layout(tmp_path)
    for path in sorted(tmp_path.glob(files))[2:5]:
        path.write_bytes(path.read_bytes()[:40])
    with caplog.at_level(logging.WARNING):
        frames = list(open_layout(tmp_path, sensor))
    measured = [frame.image_right is not None or frame.depth_m is not None for frame in frames]
    assert all(frame.image is not None for frame in frames)
    assert len(frames) - sum(measured) >= 3
    assert (
        len([r for r in caplog.records if f"no usable {partner} and counts as mono" in r.getMessage()]) == 1
    )
