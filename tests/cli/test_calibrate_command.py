"""``vo-frontend calibrate``, as a new user types it."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from known import known
from rendered_boards import LOOKS, rendered

from vo_frontend.cli.main import main
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.camera_files import read_camera_file

CAMERA = Camera.from_pinhole(
    PinholeCamera(260.0, 259.0, 158.0, 122.0, 320, 240), "radial-tangential", (-0.28, 0.09, 0.001, -0.0005)
)
BOARD = ["--board", "chessboard:9x6:0.025"]


@pytest.fixture(scope="module")
def board_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for i, look in enumerate(LOOKS):
        cv2.imwrite(str(folder / f"shot{i:02d}.png"), rendered(CAMERA, look))
    return folder


def test_pictures_become_a_camera_file_that_run_reads(
    board_pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "cam.yaml"
    assert main(["calibrate", *BOARD, "--images", str(board_pictures), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "of 12 pictures" in printed
    assert printed.rstrip().splitlines()[-1].startswith("good: 0.")
    got = Camera.from_yaml(out)
    assert got.fx == pytest.approx(260, rel=0.01)
    assert known(cv2.imread(str(tmp_path / "cam.png"))).shape == (240, 640, 3)
    frames = ["--images", str(board_pictures), "--camera", str(out), "--out", str(tmp_path / "run")]
    assert main(["run", *frames, "--features", "orb", "--no-view", "--frames", "0:3"]) == 0


def test_a_video_of_the_board_serves_as_well(
    board_pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "b.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 5.0, (320, 240))
    for path in sorted(board_pictures.iterdir()):
        writer.write(cv2.imread(str(path)))
    writer.release()
    out = tmp_path / "cam.yaml"
    assert main(["calibrate", *BOARD, "--video", str(tmp_path / "b.avi"), "--out", str(out)]) == 0
    assert Camera.from_yaml(out).fx == pytest.approx(260, rel=0.02)
    assert "of the image covered" in capsys.readouterr().err


def test_two_folders_become_a_stereo_pair(board_pictures: Path, tmp_path: Path) -> None:
    for i, (turn, (x, y, z)) in enumerate(LOOKS):
        (tmp_path / "right").mkdir(exist_ok=True)
        image = rendered(CAMERA, (turn, (x - 0.03, y, z)))
        cv2.imwrite(str(tmp_path / "right" / f"right{i:02d}.png"), image)
    folders = ["--images", str(board_pictures), "--images-right", str(tmp_path / "right")]
    assert main(["calibrate", *BOARD, *folders, "--out", str(tmp_path / "pair.yaml")]) == 0
    rig = read_camera_file(tmp_path / "pair.yaml")
    assert rig.T_left_right is not None
    np.testing.assert_allclose(rig.T_left_right[:2, 3], (0.03, 0), atol=5e-4)


def test_a_webcam_collects_until_it_has_enough(
    board_pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from vo_frontend.cli import calibrate
    from vo_frontend.sources import live_camera

    class BoardCamera:
        def __init__(self) -> None:
            self.images = [cv2.imread(str(path)) for path in sorted(board_pictures.iterdir())]
            self.num_reads = 0

        def read(self) -> tuple[bool, object]:
            self.num_reads += 1
            return True, self.images[self.num_reads // 3 % len(self.images)]

        def get(self, property_id: int) -> float:
            return 0.0

        def release(self) -> None:
            pass

    monkeypatch.setattr(live_camera, "open_opencv_capture", lambda *_: BoardCamera())
    monkeypatch.setattr(calibrate, "WEBCAM_PICTURES", 10)
    monkeypatch.setattr(calibrate, "WEBCAM_COVERAGE", 0.5)
    out = tmp_path / "cam.yaml"
    assert main(["calibrate", *BOARD, "--webcam", "0", "--out", str(out)]) == 0
    assert "show the board near every border" in capsys.readouterr().err
    assert Camera.from_yaml(out).fx == pytest.approx(260, rel=0.03)


def test_the_board_is_printed_without_any_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["calibrate", *BOARD, "--print-board", str(tmp_path / "board.pdf")]) == 0
    assert "print it at 100 %" in capsys.readouterr().out
    assert (tmp_path / "board.pdf").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([*BOARD], "no pictures; add --images DIR, --video FILE or --webcam DEVICE"),
        ([*BOARD, "--images", "none"], "cannot list the image folder"),
        ([*BOARD, "--video", "none.mp4"], "no such video file"),
        ([*BOARD, "--images-right", "x"], "needs --images with the left pictures"),
        (["--board", "9x6", "--images", "x"], "expected chessboard:COLUMNSxROWS"),
    ],
)
def test_what_a_new_user_forgets_is_one_line(
    options: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["calibrate", *options]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error
    assert "\n" not in error


def test_wrong_pictures_are_one_line_that_says_what_to_do(
    board_pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    images = ["--images", str(board_pictures)]
    assert main(["calibrate", "--board", "chessboard:8x7:0.025", *images]) == 2
    assert "they show a board of 9x6 inner corners: --board chessboard:9x6:0.025" in capsys.readouterr().err
    (tmp_path / "few").mkdir()
    for path in sorted(board_pictures.iterdir())[:3]:
        (tmp_path / "few" / path.name).write_bytes(path.read_bytes())
    assert main(["calibrate", *BOARD, "--images", "few"]) == 2
    assert "the board was found in 3 pictures, expected at least 5" in capsys.readouterr().err
    cv2.imwrite(str(tmp_path / "few" / "shot99.png"), np.zeros((320, 240), np.uint8))
    assert main(["calibrate", *BOARD, "--images", "few"]) == 2
    assert "picture of 240x320 px, shot00.png has 320x240 px" in capsys.readouterr().err
