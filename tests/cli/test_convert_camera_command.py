"""``vo-frontend convert-camera``, as a user types it."""

from pathlib import Path

import pytest

from vo_frontend.cli.convert_camera import FORMATS, build_parser
from vo_frontend.cli.main import main
from vo_frontend.sensors import camera_files
from vo_frontend.sensors.calibration import Camera

OURS = "intrinsics: [400, 401, 320, 240]\nresolution: [640, 480]\n"
KITTI = "P0: 400 0 320 0 0 400 240 0 0 0 1 0\nP1: 400 0 320 -40 0 400 240 0 0 0 1 0\n"


def test_there_and_back_again_is_the_same_camera(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cam.yaml").write_text(OURS)
    assert (
        main(["convert-camera", str(tmp_path / "cam.yaml"), str(tmp_path / "c.txt"), "--to", "colmap"]) == 0
    )
    assert main(["convert-camera", str(tmp_path / "c.txt"), str(tmp_path / "back.yaml")]) == 0
    assert Camera.from_yaml(tmp_path / "back.yaml") == Camera.from_yaml(tmp_path / "cam.yaml")
    assert "c.txt: one camera as colmap" in capsys.readouterr().out


def test_a_file_without_image_size_needs_the_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "calib.txt").write_text(KITTI)
    command = ["convert-camera", str(tmp_path / "calib.txt"), str(tmp_path / "pair.yaml"), "--to", "kalibr"]
    assert main(command) == 2
    assert "states no image size" in capsys.readouterr().err
    assert main([*command, "--size", "640x480"]) == 0
    assert "a stereo pair as kalibr" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main([*command, "--size", "640"])
    assert "expected WIDTHxHEIGHT in px" in capsys.readouterr().err


def test_the_command_offers_every_format_that_can_be_written() -> None:
    assert tuple(camera_files.FORMATS) == FORMATS
    assert build_parser().parse_args(["a", "b"]).to == "euroc"
