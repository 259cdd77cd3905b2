"""A board to print, in its true size."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vo_frontend.calibration.boards import Board, CharucoBoard
from vo_frontend.errors import CameraError, OutputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

A4_MM = (297.0, 210.0)
MARGIN_MM = 8.0  # which printers leave white, and a light border around the board
FOOT_MM = 12.0  # for the line that says what this is, and its ruler
RULER_MM = 100
DOTS_PER_SQUARE = 240
MM_PER_INCH = 25.4


def print_board(board: Board, path: Path) -> None:
    """Write a board as a PDF page in A4, with a ruler to check the print.

    Raises:
        CameraError: the board is larger than the page.
        OutputError: the file cannot be written.
    """
    page = draw_board(board)
    try:
        # No creation date: the same board gives the same file.
        page.savefig(path, format="pdf", metadata={"CreationDate": None})
    except OSError as error:
        raise OutputError(f"{path}: cannot write the board ({error.strerror})") from None


def draw_board(board: Board) -> "Figure":
    """Draw a board on a figure as large as an A4 page, upright or across as it fits.

    Raises:
        CameraError: the board is larger than the page.
    """
    import matplotlib.figure

    size_mm = np.array(board.num_squares) * board.square_m * 1e3
    page_mm = np.array(A4_MM if size_mm[0] >= size_mm[1] else A4_MM[::-1])
    free_mm = page_mm - 2 * MARGIN_MM - (0, FOOT_MM)
    if (size_mm > free_mm).any():
        largest_m = (free_mm / np.array(board.num_squares)).min() * 1e-3
        raise CameraError(
            f"--board {board.name}: is {size_mm[0]:.0f}x{size_mm[1]:.0f} mm, an A4 page holds "
            f"{free_mm[0]:.0f}x{free_mm[1]:.0f} mm; print squares of at most {int(largest_m * 1e3) / 1e3:g} m"
        )
    figure = matplotlib.figure.Figure(figsize=tuple(page_mm / MM_PER_INCH))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, page_mm[0]), ylim=(0, page_mm[1]))
    axes.set_axis_off()
    origin_mm = (page_mm - size_mm + (0, FOOT_MM)) / 2
    _draw_squares(axes, board, origin_mm, size_mm)
    _draw_ruler(axes, board)
    return figure


def _draw_squares(
    axes: "Axes", board: Board, origin_mm: NDArray[np.float64], size_mm: NDArray[np.float64]
) -> None:
    columns, rows = board.num_squares
    if isinstance(board, CharucoBoard):
        dots = (columns * DOTS_PER_SQUARE, rows * DOTS_PER_SQUARE)
        image = board.pattern.generateImage(dots)
        (left, bottom), (right, top) = origin_mm, origin_mm + size_mm
        axes.imshow(
            image, cmap="gray", extent=(left, right, bottom, top), interpolation="none", aspect="auto"
        )
        return
    from matplotlib.patches import Rectangle

    side_mm = board.square_m * 1e3
    for row in range(rows):
        for column in range(row % 2, columns, 2):
            corner = origin_mm + np.array([column, row]) * side_mm
            axes.add_patch(Rectangle(tuple(corner), side_mm, side_mm, facecolor="black", linewidth=0))


def _draw_ruler(axes: "Axes", board: Board) -> None:
    axes.plot([MARGIN_MM, MARGIN_MM + RULER_MM], [MARGIN_MM, MARGIN_MM], color="black", linewidth=0.6)
    for end in (MARGIN_MM, MARGIN_MM + RULER_MM):
        axes.plot([end, end], [MARGIN_MM - 1.5, MARGIN_MM + 1.5], color="black", linewidth=0.6)
    text = (
        f"{board.name}   print at 100 %: this line is {RULER_MM} mm long, "
        f"a square {board.square_m * 1e3:g} mm; glue it to something flat"
    )
    axes.text(MARGIN_MM, MARGIN_MM + 3, text, fontsize=7)
