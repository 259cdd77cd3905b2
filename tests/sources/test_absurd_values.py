"""Values in data sets and options that no honest program writes."""

import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
from pattern_world import DISTORTED
from tiny_datasets import write, write_images, write_video

import vo_frontend as vo
from vo_frontend.errors import CameraError, ConfigError, SourceError, VoError
from vo_frontend.sensors.camera_files import read_camera_file
from vo_frontend.sources.image_files import list_images
from vo_frontend.sources.text_table import read_rows
from vo_frontend.sources.video_file import VideoFile

EUROC = "intrinsics: [500, 500, 320, 240]\nresolution: [640, 480]\n"


def pose(first: str) -> str:
    return f"T_BS: {{cols: 4, rows: 4, data: [{first}, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]}}\n"


@pytest.mark.parametrize("number", [".nan", ".inf", "1e308", "-1e300", "9" * 18, "[1]", "2001-01-01", "x"])
@pytest.mark.parametrize("field", ["T_BS", "intrinsics", "resolution", "distortion"])
def test_an_absurd_number_in_a_camera_file_is_one_short_line(field: str, number: str, tmp_path: Path) -> None:
    text = {
        "T_BS": EUROC + pose(number),
        "intrinsics": EUROC.replace("[500", f"[{number}"),
        "resolution": EUROC.replace("[640", f"[{number}"),
        "distortion": EUROC
        + f"distortion_model: radial-tangential\ndistortion_coefficients: [{number}, 0, 0, 0]",
    }[field]
    (tmp_path / "cam.yaml").write_text(text)
    with pytest.raises(CameraError) as caught:
        read_camera_file(tmp_path / "cam.yaml")
    assert len(str(caught.value)) < 500


def test_a_resolution_that_no_camera_has_is_refused_before_maps_are_made_for_it(tmp_path: Path) -> None:
    lens = "distortion_model: radial-tangential\ndistortion_coefficients: [0.1, 0, 0, 0]\n"
    (tmp_path / "cam.yaml").write_text(
        f"intrinsics: [50000, 50000, 40000, 30000]\nresolution: [80000, 60000]\n{lens}"
    )
    with pytest.raises(CameraError, match="camera 80000x60000 px: expected at most 67 million px"):
        read_camera_file(tmp_path / "cam.yaml")


@pytest.mark.parametrize("stamp", ["9" * 30, str(2**63), "1e5", "-1", "\u0663" * 25])
def test_a_stamp_beyond_64_bits_is_one_line(stamp: str, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(f"{stamp},a.png\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"data\.csv:1: got '.*expected a whole number of nanoseconds"):
        [row.nanoseconds(row.fields[0]) for row in read_rows(tmp_path / "data.csv", ",")]


@pytest.mark.parametrize("stamp", ["1e999999999", "-1e999999999", "1e20", "nan", "inf", "9" * 5000])
def test_seconds_beyond_64_bits_are_one_short_line(stamp: str, tmp_path: Path) -> None:
    (tmp_path / "rgb.txt").write_text(f"{stamp} a.png\n")
    with pytest.raises(SourceError, match=r"rgb\.txt:1: got '.*expected a time in seconds") as caught:
        [row.seconds_as_ns(row.fields[0]) for row in read_rows(tmp_path / "rgb.txt")]
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "a/../../b.png", "a" * 300, "a\0b", ""])
def test_a_data_set_names_no_file_outside_of_it(name: str, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(f"1,{name}\n", encoding="utf-8")
    (row,) = read_rows(tmp_path / "data.csv", ",")
    with pytest.raises(SourceError, match=r"data\.csv:1: got .*, expected a file below") as caught:
        row.path_below(tmp_path, row.fields[1])
    assert len(str(caught.value)) < 400
    assert row.path_below(tmp_path, "rgb/1.png") == tmp_path / "rgb" / "1.png"


def test_names_that_are_decimal_numbers_are_sorted_by_value(tmp_path: Path) -> None:
    for name in ("1311.4", "1311.36", "1311.3999", "1310.9"):
        write(tmp_path / f"{name}.png", np.zeros((70, 70), np.uint8))
    assert [path.stem for path in list_images(tmp_path)] == ["1310.9", "1311.36", "1311.3999", "1311.4"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sequence": ""}, "unknown sequence ''"),
        ({"sequence": "a" * 300}, "unknown sequence 'a+"),
        ({"sequence": "kitti/" + "a" * 300}, "unknown sequence 'kitti/a+"),
        ({"sequence": "kitti/00/../06"}, "unknown sequence 'kitti/00/../06'"),
        ({"sequence": "street", "fps": 10}, "--fps 10: does not apply here"),
        ({"seed": 2**40}, "seed: got 1099511627776, expected 0..2147483647"),
        ({"keypoints": 10**400}, "features.max_keypoints: got 1000"),
        ({"fps": float("nan")}, "run.fps: got nan"),
        ({"camera_height_m": float("nan")}, "run.camera_height_m: got nan"),
    ],
)
def test_an_absurd_option_is_one_short_line(
    options: dict[str, object], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VoError, match=message) as caught:
        vo.run(data_root=tmp_path, **options)  # type: ignore[arg-type]
    assert len(str(caught.value)) < 700
    assert list(tmp_path.iterdir()) == [], "nothing is created for a run that cannot start"


def test_images_that_are_too_small_are_told_before_there_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    write(tmp_path / "images" / "0.png", np.zeros((40, 50), np.uint8))
    with pytest.raises(SourceError, match="images of 50x40 px, expected at least 64x64 px"):
        vo.run(images="images", camera="guess:70", features="orb")
    assert not (tmp_path / "runs").exists()


def test_depth_images_of_8_bits_are_told_from_broken_ones(tmp_path: Path) -> None:
    write_images(tmp_path / "images", suffix=".png")
    (tmp_path / "depth").mkdir()
    for path in list_images(tmp_path / "images"):
        cv2.imwrite(str(tmp_path / "depth" / path.name), np.zeros((96, 128), np.uint8))
    camera = vo.Camera(100, 100, 64, 48, 128, 96)
    with pytest.raises(SourceError, match=r"none of 8 images .*1 channel\(s\) of 8 bits, expected one of 16"):
        vo.run(images=tmp_path / "images", depth=tmp_path / "depth", camera=camera, out=tmp_path / "out")


def test_fps_is_not_taken_where_a_video_has_its_own_times(tmp_path: Path) -> None:
    write_video(tmp_path / "drive.avi")
    with pytest.raises(ConfigError, match="--fps 20: does not apply here"):
        vo.run(video=tmp_path / "drive.avi", camera=DISTORTED, fps=20, out=tmp_path / "out")


def test_a_video_says_when_it_is_turned(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_video(tmp_path / "drive.avi")
    with caplog.at_level(logging.INFO):
        VideoFile(tmp_path / "drive.avi")
    assert "turned" not in caplog.text
