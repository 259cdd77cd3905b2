"""From the command line to stereo, RGB-D, recordings and scaled images of one's own."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from command_lines import configured, opened
from known import known

from vo_frontend.errors import VoError
from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.camera_files import format_camera_file
from vo_frontend.sensors.rig import CameraRig, MountedCamera
from vo_frontend.session.opened_input import open_input
from vo_frontend.types import Sensor

LENS = Camera.from_pinhole(
    PinholeCamera(100.0, 102.0, 62.5, 47.25, 128, 96), "radial-tangential", (-0.2, 0.05, 0.0, 0.0)
)
T_LEFT_RIGHT = se3.from_rotation_translation(
    se3.so3_exp(np.array([0.01, -0.02, 0.01])), np.array([0.12, 0.001, 0.002])
)
NUM = 4


@pytest.fixture(autouse=True)
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write folders, videos and calibrations into the working folder."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for folder in ("l", "r", "d"):
        Path(folder).mkdir()
    for i in range(NUM):
        image = rng.integers(0, 255, (96, 128, 3), dtype=np.uint8)
        cv2.imwrite(f"l/{i}.png", image)
        cv2.imwrite(f"r/{i}.png", image)
        cv2.imwrite(f"d/{i}.png", np.full((96, 128), 2500, np.uint16))
    write_video("one.avi", (128, 96))
    write_video("both.avi", (256, 96))
    left, right = MountedCamera(LENS), MountedCamera(LENS, T_LEFT_RIGHT)
    Path("cam.yaml").write_text(format_camera_file(CameraRig(left), "euroc"))
    Path("cam1.yaml").write_text(format_camera_file(CameraRig(right), "euroc"))
    Path("pair.yaml").write_text(format_camera_file(CameraRig(left, right), "kalibr"))


def write_video(name: str, size: tuple[int, int], rate_hz: float = 10.0, num: int = NUM) -> None:
    writer = cv2.VideoWriter(name, cv2.VideoWriter.fourcc(*"MJPG"), rate_hz, size)
    for i in range(num):
        writer.write(np.full((size[1], size[0], 3), 40 * i, np.uint8))
    writer.release()


@pytest.mark.parametrize(
    "frames",
    [
        ["--images", "l", "--images-right", "r"],
        ["--video", "one.avi", "--video-right", "one.avi"],
        ["--video", "both.avi", "--side-by-side"],
    ],
)
def test_a_pair_is_rectified_by_its_calibration_and_is_metric(frames: list[str]) -> None:
    source = opened(*frames, "--camera", "pair.yaml")
    assert source.sensor is Sensor.STEREO
    assert source.baseline_m == pytest.approx(np.linalg.norm(T_LEFT_RIGHT[:3, 3]))
    all_frames = list(source)
    assert len(all_frames) == NUM
    assert known(all_frames[0].image_right).shape == known(all_frames[0].image).shape == (96, 128, 3)


def test_two_files_of_mounted_cameras_are_as_good_as_a_camchain() -> None:
    chain = opened("--images", "l", "--images-right", "r", "--camera", "pair.yaml")
    cameras = ["--camera", "cam.yaml", "--camera-right", "cam1.yaml"]
    files = opened("--images", "l", "--images-right", "r", *cameras)
    assert files.baseline_m == pytest.approx(chain.baseline_m)
    assert files.camera.fx == pytest.approx(chain.camera.fx)


def test_depth_images_make_metres_by_their_scale() -> None:
    source = opened("--images", "l", "--depth", "d", "--depth-scale", "5000", "--camera", "cam.yaml")
    assert source.sensor is Sensor.RGBD
    np.testing.assert_array_equal(known(next(iter(source)).depth_m)[20:60, 20:100], np.float32(0.5))
    source = opened("--images", "l", "--depth", "d", "--camera", "cam.yaml")
    assert known(next(iter(source)).depth_m)[48, 64] == np.float32(2.5)


@pytest.mark.parametrize(("text", "size"), [("0.5", (64, 48)), ("64x48", (64, 48)), ("64x40", (64, 40))])
@pytest.mark.parametrize(
    "frames", [["--images", "l"], ["--video", "one.avi"], ["--images", "l", "--depth", "d"]]
)
def test_resizing_scales_images_and_intrinsics(frames: list[str], text: str, size: tuple[int, int]) -> None:
    source = opened(*frames, "--camera", "cam.yaml", "--resize", text)
    camera = source.camera
    assert (camera.width, camera.height) == size
    assert camera.fx == pytest.approx(100 * size[0] / 128)
    assert camera.cy == pytest.approx((47.25 + 0.5) * size[1] / 96 - 0.5)
    frame = next(iter(source))
    assert known(frame.image).shape[:2] == size[::-1]
    assert frame.depth_m is None or frame.depth_m.shape == size[::-1]


def test_a_resized_pair_keeps_its_baseline() -> None:
    source = opened("--images", "l", "--images-right", "r", "--camera", "pair.yaml", "--resize", "0.5")
    full = opened("--images", "l", "--images-right", "r", "--camera", "pair.yaml")
    assert source.baseline_m == pytest.approx(full.baseline_m)
    assert source.camera.fx == pytest.approx(full.camera.fx / 2, rel=0.03)
    assert known(next(iter(source)).image_right).shape == (48, 64, 3)


def test_what_is_written_down_opens_the_same_frames_again() -> None:
    arguments = ["--images", "l", "--images-right", "r", "--camera", "pair.yaml", "--resize", "0.5"]
    config = configured(*arguments)
    again, first = open_input(config.run).source, opened(*arguments)
    assert again.camera == first.camera
    assert again.baseline_m == first.baseline_m
    mono = configured("--images", "l", "--camera", "cam.yaml")
    assert mono.run.camera_right is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--images l --camera cam.yaml --sensor stereo", "--sensor stereo: .* add --images-right DIR"),
        (
            "--images l --camera cam.yaml --sensor rgbd",
            "--sensor rgbd: .* add --depth DIR",
        ),
        ("--video one.avi --camera cam.yaml --sensor rgbd", "from one camera, without depth; use --seq"),
        ("--images l --camera cam.yaml --depth d --sensor mono", "--sensor mono: .* --depth makes it rgbd"),
        (
            "--images l --camera cam.yaml --depth d --images-right r",
            "--images-right and --depth: expected",
        ),
        ("--video one.avi --camera cam.yaml --images-right r", "--images-right: .* stands beside --images"),
        ("--side-by-side", "--side-by-side: does not apply here, it stands beside --video"),
        ("--resize 0.5", "--resize 0.5: does not apply here, it is for frames of your own"),
        ("--topic /image", "--topic /image: does not apply here"),
        (
            "--images l --camera cam.yaml --resize 2",
            "--resize 2: .* px of at most 128x96",
        ),
        ("--images l --camera cam.yaml --resize half", "--resize half: expected"),
        ("--images l --camera cam.yaml --images-right r", "stereo needs the calibration of both cameras"),
        ("--images l --camera-right cam1.yaml", "needs --camera with the left camera"),
        (
            "--images l --images-right r --camera cam.yaml --camera-right cam.yaml",
            "cam.yaml: says no other place than cam.yaml has",
        ),
        ("--images l --depth none --camera cam.yaml", "none: cannot list the image folder"),
        ("--video one.avi --side-by-side --camera pair.yaml", "video of 128x96 px, expected 256x96 px"),
    ],
)
def test_what_does_not_fit_is_one_line(arguments: str, message: str) -> None:
    with pytest.raises(VoError, match=message) as caught:
        opened(*arguments.split())
    assert "\n" not in str(caught.value)


def test_partners_of_other_names_pair_by_number_and_then_by_position() -> None:
    Path("n").mkdir()
    for i in (1, 3):
        Path(f"r/{i}.png").rename(f"n/right_{i:03d}.png")
    source = opened("--images", "l", "--images-right", "n", "--camera", "pair.yaml")
    assert [frame.image_right is None for frame in source] == [True, False, True, False]
    for name in ("a", "b"):
        Path(f"n/right_{1 if name == 'a' else 3:03d}.png").rename(f"n/{name}.png")
    with pytest.raises(VoError, match="2 images whose names do not match those of the 4 in l"):
        opened("--images", "l", "--images-right", "n", "--camera", "pair.yaml")


def test_a_guessed_calibration_has_the_angle_that_was_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    camera = opened("--images", "l", "--camera", "guess:70").camera
    assert np.rad2deg(2 * np.arctan(64 / camera.fx)) == pytest.approx(70)
    assert (camera.cx, camera.cy, camera.fx) == (63.5, 47.5, camera.fy)
    assert "the calibration is a guess" in caplog.text
    assert opened("--video", "one.avi", "--camera", "guess:70").camera == camera


def test_photographs_say_their_focal_length() -> None:
    from PIL import ExifTags, Image

    photograph = Image.open("l/0.png")
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FocalLengthIn35mmFilm] = 26
    Path("p").mkdir()
    photograph.save("p/0.jpg", exif=exif)
    camera = opened("--images", "p", "--camera", "guess").camera
    assert camera.fx == pytest.approx(26 / np.hypot(36, 24) * np.hypot(128, 96))
    for arguments, message in (
        (["--images", "l"], "states no 35 mm equivalent focal length"),
        (["--video", "one.avi"], "only photographs state a focal length"),
    ):
        with pytest.raises(VoError, match=message):
            opened(*arguments, "--camera", "guess")
    with pytest.raises(VoError, match="expected the angle across the image in degrees, 10 to 150"):
        opened("--images", "l", "--camera", "guess:200")


def test_a_calibration_that_states_no_size_takes_that_of_the_images() -> None:
    Path("calib.txt").write_text("P0: 100 0 62 0 0 100 47 0 0 0 1 0\nP1: 100 0 62 -12 0 100 47 0 0 0 1 0\n")
    source = opened("--images", "l", "--images-right", "r", "--camera", "calib.txt")
    assert source.baseline_m == pytest.approx(0.12)
    assert (source.camera.width, source.camera.fx) == (128, 100)  # rectified already: left as it is


def test_without_a_calibration_the_message_says_how_to_make_one() -> None:
    with pytest.raises(VoError, match=r"vo-frontend calibrate --webcam 0 --board .*--camera guess:70"):
        opened("--webcam", "0")


def rotated_copy(source: str, target: str, matrix: tuple[int, int, int, int]) -> None:
    """Write the rotation of a phone held upright into the track header of an MP4."""
    content = bytearray(Path(source).read_bytes())
    at = content.index(b"tkhd") + 4
    first = at + 4 + 20 + 8 + 8  # version and flags, times and ids, reserved, layer to volume
    values = [matrix[0], matrix[1], 0, matrix[2], matrix[3], 0]
    for i, value in enumerate(values):
        content[first + 4 * i : first + 4 * i + 4] = (value << 16 & 0xFFFFFFFF).to_bytes(4, "big")
    Path(target).write_bytes(bytes(content))


def test_a_video_follows_its_rotation_tag_unless_only_the_sensor_fits_the_calibration() -> None:
    writer = cv2.VideoWriter("flat.mp4", cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (128, 96))
    image = np.zeros((96, 128, 3), np.uint8)
    image[:30] = 255  # a bright bar at the top of the sensor
    for _ in range(NUM):
        writer.write(image)
    writer.release()
    rotated_copy("flat.mp4", "phone.mp4", (0, 1, -1, 0))  # 90 degrees clockwise
    upright = Camera(100.0, 100.0, 47.5, 63.5, 96, 128)
    Path("upright.yaml").write_text(format_camera_file(CameraRig(MountedCamera(upright)), "euroc"))
    turned = known(next(iter(opened("--video", "phone.mp4", "--camera", "upright.yaml"))).image)
    assert turned.shape == (128, 96, 3)
    assert turned[:, 80:].mean() > 200 > 60 > turned[:, :50].mean()  # the bar is on the right now
    Path("flat.yaml").write_text("intrinsics: [100, 100, 63.5, 47.5]\nresolution: [128, 96]\n")
    as_sensor = known(next(iter(opened("--video", "phone.mp4", "--camera", "flat.yaml"))).image)
    assert as_sensor.shape == (96, 128, 3)
    assert as_sensor[:20].mean() > 200 > 60 > as_sensor[50:].mean()


def test_a_recording_brings_its_calibration_and_its_pair(tmp_path: Path) -> None:
    pytest.importorskip("rosbags")
    with pytest.raises(VoError, match="no such recording"):
        opened("--bag", "none.bag")
    Path("bad.bag").write_bytes(b"#ROSBAG V2.0\nand then nothing")
    with pytest.raises(VoError, match="not a recording that rosbags reads"):
        opened("--bag", "bad.bag")
