"""Lists of query images with their cameras."""

from pathlib import Path

import pytest

from vo_frontend.errors import SourceError
from vo_frontend.sources.query_list import read_queries


def listed(folder: Path, *lines: str) -> Path:
    path = folder / "queries.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_each_model_becomes_a_camera_whose_top_left_pixel_has_its_centre_at_zero(tmp_path: Path) -> None:
    path = listed(
        tmp_path,
        "# day",
        "query/day/a.jpg SIMPLE_RADIAL 1600 1200 1469.2 800 600 -0.0353",
        "b.jpg PINHOLE 640 480 500 510 320 240",
        "c.jpg OPENCV 640 480 500 510 320 240 0.1 0.01 0.001 0.002",
        "d.jpg OPENCV_FISHEYE 640 480 500 510 320 240 0.01 0.001 0 0",
    )
    a, b, c, d = read_queries(path)
    assert a.name == "query/day/a.jpg"
    assert (a.camera.fx, a.camera.fy, a.camera.cx, a.camera.cy) == (1469.2, 1469.2, 799.5, 599.5)
    assert (a.camera.distortion_model, a.camera.distortion) == ("radial-tangential", (-0.0353, 0, 0, 0))
    assert (b.camera.fy, b.camera.width, b.camera.distortion_model) == (510, 640, "none")
    assert c.camera.distortion == (0.1, 0.01, 0.001, 0.002)
    assert (d.camera.distortion_model, d.camera.distortion) == ("equidistant", (0.01, 0.001, 0, 0))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.jpg", "expected name MODEL width height"),
        ("a.jpg PINHOL 640 480 500 510 320 240", "did you mean 'PINHOLE'"),
        ("a.jpg PINHOLE 640 480 500 510 320", "got 5 numbers, expected width, height and the 4 of PINHOLE"),
        ("a.jpg PINHOLE 640 480 500 x 320 240", "expected name MODEL width height"),
        ("a.jpg PINHOLE 640 480 5 5 320 240", "fx = 5 px"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    path = listed(tmp_path, "b.jpg PINHOLE 640 480 500 510 320 240", line)
    with pytest.raises(SourceError, match="queries.txt:2: ") as error:
        read_queries(path)
    assert message in str(error.value)
