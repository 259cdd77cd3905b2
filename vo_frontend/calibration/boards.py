"""Calibration boards: what is printed, and where its corners are in an image."""

from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import CameraError
from vo_frontend.types import Image

DETECTION_PX = 1200  # longest side in which a chessboard is looked for; corners are refined in the full image
REFINEMENT = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 0.01)
WINDOW_SHARE, MAX_WINDOW_PX = 0.3, 11  # half the window of refinement, of the distance to the next corner
MIN_CORNERS = 8  # of a charuco board that is partly hidden
MARKER_SHARE = 0.75  # of a charuco square, unless said
DICTIONARY = "DICT_4X4_250"
HOW_TO = (
    "chessboard:COLUMNSxROWS:SQUARE_M with the numbers of inner corners, e.g. chessboard:9x6:0.025, or "
    "charuco:COLUMNSxROWS:SQUARE_M[:MARKER_M:DICTIONARY] with those of squares, e.g. charuco:5x7:0.03"
)


@dataclass(frozen=True, slots=True)
class BoardView:
    """The corners of a board that one image shows."""

    points_m: NDArray[np.float64]  # (N, 3) on the board, z = 0
    pixels: NDArray[np.float64]  # (N, 2)

    def __len__(self) -> int:
        return len(self.pixels)


class Board(Protocol):
    """A flat pattern of known size."""

    @property
    def name(self) -> str:
        """Name it as the command line does."""
        ...

    @property
    def num_squares(self) -> tuple[int, int]:
        """Count the squares of a row and of a column."""
        ...

    @property
    def square_m(self) -> float:
        """Return the side of a square."""
        ...

    def find(self, image: Image) -> BoardView | None:
        """Find the corners in an image (H, W[, 3]); None where the board is not seen."""
        ...


@dataclass(frozen=True, slots=True)
class Chessboard:
    """A chessboard, seen as a whole. Counted by its inner corners, as OpenCV does."""

    columns: int
    rows: int
    square_m: float

    @property
    def name(self) -> str:
        """Name it as the command line does."""
        return f"chessboard:{self.columns}x{self.rows}:{self.square_m:g}"

    @property
    def num_squares(self) -> tuple[int, int]:
        """Count the squares of a row and of a column."""
        return self.columns + 1, self.rows + 1

    def find(self, image: Image) -> BoardView | None:
        """Find all corners, in a smaller image where it is large, and refine them to sub-pixels."""
        grey = _grey(image)
        scale = min(1.0, DETECTION_PX / max(grey.shape))
        small = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        flags = cv2.CALIB_CB_ADAPTIVE_THRESH | cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_FAST_CHECK
        is_found, corners = cv2.findChessboardCorners(small, (self.columns, self.rows), flags=flags)
        if not is_found:
            return None
        pixels = (np.asarray(corners, dtype=np.float64).reshape(-1, 2) + 0.5) / scale - 0.5
        return BoardView(self._points_m(), _refined(grey, pixels, self.columns))

    def _points_m(self) -> NDArray[np.float64]:
        x, y = np.meshgrid(np.arange(self.columns), np.arange(self.rows))
        grid = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)])
        return np.asarray(grid * self.square_m, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class CharucoBoard:
    """A chessboard with markers in its white squares, of which a part suffices."""

    columns: int
    rows: int
    square_m: float
    marker_m: float
    dictionary: str = DICTIONARY

    @property
    def name(self) -> str:
        """Name it as the command line does."""
        usual = self.marker_m == MARKER_SHARE * self.square_m and self.dictionary == DICTIONARY
        more = "" if usual else f":{self.marker_m:g}:{self.dictionary}"
        return f"charuco:{self.columns}x{self.rows}:{self.square_m:g}{more}"

    @property
    def num_squares(self) -> tuple[int, int]:
        """Count the squares of a row and of a column."""
        return self.columns, self.rows

    @property
    def pattern(self) -> Any:
        """Return OpenCV's description of the board."""
        markers = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, self.dictionary))
        return cv2.aruco.CharucoBoard((self.columns, self.rows), self.square_m, self.marker_m, markers)

    def find(self, image: Image) -> BoardView | None:
        """Find the corners between recognised markers; None with fewer than ``MIN_CORNERS``."""
        pattern = self.pattern
        corners, ids, _, _ = cv2.aruco.CharucoDetector(pattern).detectBoard(_grey(image))
        if ids is None or len(ids) < MIN_CORNERS or pattern.checkCharucoCornersCollinear(ids):
            return None
        points_m = np.asarray(pattern.getChessboardCorners(), dtype=np.float64)[np.ravel(ids)]
        return BoardView(points_m, np.asarray(corners, dtype=np.float64).reshape(-1, 2))


def parse_board(text: str) -> Board:
    """Read what ``--board`` takes.

    Raises:
        CameraError: not of that form, or a board that cannot be.
    """
    kind, *values = text.split(":")
    try:
        columns, rows = (int(number) for number in values[0].split("x"))
        square_m = float(values[1])
        if kind == "charuco":
            marker_m = float(values[2]) if len(values) > 2 else MARKER_SHARE * square_m
            return _checked_charuco(CharucoBoard(columns, rows, square_m, marker_m, *values[3:4]), text)
    except (ValueError, IndexError):
        raise CameraError(f"--board {text}: expected {HOW_TO}") from None
    if kind != "chessboard" or len(values) != 2:
        raise CameraError(f"--board {text}: expected {HOW_TO}")
    _require(min(columns, rows) >= 3, text, "at least 3x3 inner corners")
    _require(columns != rows, text, "different numbers of columns and rows, else nobody knows which is up")
    _require(0.001 <= square_m <= 1, text, "the side of a square in metres, between 0.001 and 1")
    return Chessboard(columns, rows, square_m)


def _checked_charuco(board: CharucoBoard, text: str) -> CharucoBoard:
    known = [name for name in dir(cv2.aruco) if name.startswith("DICT_")]
    _require(min(board.columns, board.rows) >= 3, text, "at least 3x3 squares")
    _require(0.001 <= board.square_m <= 1, text, "the side of a square in metres, between 0.001 and 1")
    _require(0 < board.marker_m < board.square_m, text, "markers smaller than their squares")
    _require(board.dictionary in known, text, f"a dictionary of OpenCV such as {DICTIONARY}")
    size = board.columns * board.rows // 2
    markers = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, board.dictionary))
    _require(size <= len(markers.bytesList), text, f"at most {len(markers.bytesList)} markers, it has {size}")
    return board


def _require(condition: bool, text: str, expected: str) -> None:
    if not condition:
        raise CameraError(f"--board {text}: expected {expected}")


def _grey(image: Image) -> NDArray[np.uint8]:
    return image if image.ndim == 2 else np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))


def _refined(grey: NDArray[np.uint8], pixels: NDArray[np.float64], columns: int) -> NDArray[np.float64]:
    """Refine corners (N, 2), row by row, in windows that do not reach the next corner."""
    rows = pixels.reshape(-1, columns, 2)
    next_px = min(np.linalg.norm(np.diff(rows, axis=axis), axis=-1).min() for axis in (0, 1))
    half = int(np.clip(WINDOW_SHARE * next_px, 2, MAX_WINDOW_PX))
    start = pixels.astype(np.float32).reshape(-1, 1, 2)
    refined = cv2.cornerSubPix(grey, start, (half, half), (-1, -1), REFINEMENT)
    return np.asarray(refined, dtype=np.float64).reshape(-1, 2)
