"""Boards: what the command line says of them, and what is printed."""

from pathlib import Path

import numpy as np
import pytest

from vo_frontend.calibration.boards import CharucoBoard, Chessboard, parse_board
from vo_frontend.calibration.printing import draw_board, print_board
from vo_frontend.calibration.views import explain_no_board
from vo_frontend.errors import CameraError, OutputError
from vo_frontend.types import Image

DOTS_PER_MM = 5


def drawn(text: str) -> Image:
    figure = draw_board(parse_board(text))
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(25.4 * DOTS_PER_MM)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


@pytest.mark.parametrize("text", ["chessboard:9x6:0.025", "chessboard:6x9:0.02", "charuco:5x7:0.03"])
def test_what_is_printed_is_found_and_has_its_true_size(text: str) -> None:
    board = parse_board(text)
    assert board.name == text
    view = board.find(drawn(text))
    assert view is not None
    columns, rows = board.num_squares
    assert len(view) == (columns - 1) * (rows - 1)
    step_mm = np.linalg.norm(view.pixels[1] - view.pixels[0]) / DOTS_PER_MM
    assert step_mm == pytest.approx(board.square_m * 1e3, rel=0.005)


@pytest.mark.parametrize(
    ("text", "media_box"), [("chessboard:9x6:0.025", b"841.889"), ("charuco:5x7:0.03", b"595.275")]
)
def test_the_page_is_a4_and_the_same_every_time(tmp_path: Path, text: str, media_box: bytes) -> None:
    for name in ("a.pdf", "b.pdf"):
        print_board(parse_board(text), tmp_path / name)
    content = (tmp_path / "a.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert b"/MediaBox [ 0 0 " + media_box in content
    assert content == (tmp_path / "b.pdf").read_bytes()


def test_a_board_that_no_page_holds_is_told_with_what_fits(tmp_path: Path) -> None:
    with pytest.raises(
        CameraError, match=r"is 400x280 mm, an A4 page holds .*squares of at most 0\.02[67] m"
    ):
        print_board(parse_board("chessboard:9x6:0.04"), tmp_path / "board.pdf")
    with pytest.raises(OutputError, match="cannot write the board"):
        print_board(parse_board("chessboard:9x6:0.02"), tmp_path / "none" / "board.pdf")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chess:9x6:0.025", "expected chessboard:COLUMNSxROWS:SQUARE_M with the numbers of inner corners"),
        ("chessboard:9x6", "expected chessboard"),
        ("chessboard:9:0.025", "expected chessboard"),
        ("chessboard:9x6:25", "the side of a square in metres"),
        ("chessboard:2x6:0.025", "at least 3x3 inner corners"),
        ("chessboard:6x6:0.025", "different numbers of columns and rows"),
        ("charuco:5x7:0.03:0.04", "markers smaller than their squares"),
        ("charuco:5x7:0.03:0.02:DICT_9X9", "a dictionary of OpenCV such as DICT_4X4_250"),
        ("charuco:40x40:0.01:0.007:DICT_4X4_50", "at most 50 markers, it has 800"),
    ],
)
def test_a_board_that_cannot_be_is_one_line(text: str, message: str) -> None:
    with pytest.raises(CameraError, match=message) as caught:
        parse_board(text)
    assert f"--board {text}" in str(caught.value)


def test_boards_are_read_as_the_command_line_names_them() -> None:
    assert parse_board("chessboard:9x6:0.025") == Chessboard(9, 6, 0.025)
    assert parse_board("charuco:5x7:0.03:0.02:DICT_5X5_100") == CharucoBoard(5, 7, 0.03, 0.02, "DICT_5X5_100")


def test_a_wrong_size_is_answered_with_the_right_one() -> None:
    picture = drawn("chessboard:9x6:0.025")
    wrong = parse_board("chessboard:8x7:0.025")
    assert wrong.find(picture) is None
    assert explain_no_board(wrong, [picture]).endswith("--board chessboard:9x6:0.025")
    blank = np.full((480, 640), 128, np.uint8)
    assert "count its inner corners" in explain_no_board(wrong, [blank])
    assert "dictionary" in explain_no_board(parse_board("charuco:5x7:0.03"), [picture])


def test_half_a_charuco_board_suffices_and_none_is_none() -> None:
    board, picture = parse_board("charuco:5x7:0.03"), drawn("charuco:5x7:0.03")
    half = picture.copy()
    half[: len(half) // 2] = 128
    view = board.find(half)
    assert view is not None
    assert 8 <= len(view) < 24
    assert board.find(np.full((480, 640), 128, np.uint8)) is None
