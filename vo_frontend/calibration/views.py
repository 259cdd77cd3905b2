"""Pictures of a board: those that show it, and how much of the image and which tilts they cover."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.calibration.boards import Board, BoardView, Chessboard
from vo_frontend.errors import CameraError
from vo_frontend.sources.image_files import image_size, read_image
from vo_frontend.types import Image

CELLS = (8, 6)  # of the image, to count what the boards cover
NEW_VIEW = 0.04  # of the image diagonal: median way of the corners from every view before
GUESSED_FOV_DEG = 60.0  # horizontal, to judge tilt before there is a calibration
OTHER_SIZES = 2  # corners more or fewer per side that are tried when no board is found


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that shows the board."""

    name: str
    image: Image
    view: BoardView


@dataclass(frozen=True, slots=True)
class Coverage:
    """Says what a set of views covers."""

    share: float  # of the cells of the image, 0 to 1
    max_tilt_deg: float  # largest angle between a board's normal and the optical axis


def read_pictures(paths: Iterable[Path]) -> Iterator[tuple[str, Image]]:
    """Decode picture files one by one; their sizes must agree.

    Raises:
        SourceError: a file cannot be decoded.
        CameraError: two sizes.
    """
    first: tuple[str, tuple[int, int]] | None = None
    for path in paths:
        image = read_image(path)
        size = image_size(image)
        first = first or (path.name, size)
        if size != first[1]:
            raise CameraError(
                f"{path}: picture of {size[0]}x{size[1]} px, {first[0]} has {first[1][0]}x{first[1][1]} px; "
                "a calibration belongs to one size, all pictures must have it (and be held the same way)"
            )
        yield path.name, image


class PictureCollector:
    """Keeps pictures that show the board at a new place, in the order in which they come."""

    def __init__(self, board: Board, *, all_that_show_it: bool = False) -> None:
        """Begin with none; ``all_that_show_it`` keeps also those that look like another."""
        self._board = board
        self._keeps_all = all_that_show_it
        self.pictures: list[Picture] = []
        self.without_board: list[str] = []

    def offer(self, name: str, image: Image) -> bool:
        """Look for the board; return whether the picture is kept."""
        view = self._board.find(image)
        if view is None:
            self.without_board.append(name)
            return False
        if not self._keeps_all and not self._is_new(view, image):
            return False
        self.pictures.append(Picture(name, image, view))
        return True

    def coverage(self) -> Coverage:
        """Say what the pictures cover so far."""
        return coverage_of(self.pictures)

    def _is_new(self, view: BoardView, image: Image) -> bool:
        limit_px = NEW_VIEW * float(np.hypot(*image_size(image)))
        return all(_median_way_px(view, kept.view) > limit_px for kept in self.pictures)


def common_points(first: BoardView, second: BoardView) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the positions (N,), (N,) of the board points that two views share."""
    keys = [{tuple(point): at for at, point in enumerate(np.round(v.points_m, 6))} for v in (first, second)]
    shared = [point for point in keys[0] if point in keys[1]]
    index = [np.array([each[point] for point in shared], dtype=np.int64) for each in keys]
    return index[0], index[1]


def _median_way_px(first: BoardView, second: BoardView) -> float:
    at_first, at_second = common_points(first, second)
    if not len(at_first):
        return np.inf
    return float(np.median(np.linalg.norm(first.pixels[at_first] - second.pixels[at_second], axis=1)))


def coverage_of(pictures: list[Picture]) -> Coverage:
    """Count the cells of the image that hold a corner, and the largest tilt, by a guessed focal length."""
    if not pictures:
        return Coverage(0.0, 0.0)
    width, height = image_size(pictures[0].image)
    pixels = np.concatenate([picture.view.pixels for picture in pictures])
    cells = (pixels + 0.5) / (width, height) * CELLS
    columns, rows = np.clip(cells.astype(int), 0, np.array(CELLS) - 1).T
    seen = np.zeros(CELLS, dtype=bool)
    seen[columns, rows] = True
    focal_px = width / 2 / np.tan(np.deg2rad(GUESSED_FOV_DEG) / 2)
    K = np.array([[focal_px, 0, width / 2], [0, focal_px, height / 2], [0, 0, 1.0]])
    return Coverage(float(seen.mean()), max(_tilt_deg(picture.view, K) for picture in pictures))


def _tilt_deg(view: BoardView, K: NDArray[np.float64]) -> float:
    is_found, rotation, _ = cv2.solvePnP(view.points_m, view.pixels, K, None, flags=cv2.SOLVEPNP_IPPE)
    if not is_found:
        return 0.0
    normal_z = abs(cv2.Rodrigues(rotation)[0][2, 2])
    return float(np.rad2deg(np.arccos(min(normal_z, 1.0))))


def explain_no_board(board: Board, images: list[Image]) -> str:
    """Say what to do when no picture shows the board; names another size of chessboard that is there."""
    if isinstance(board, Chessboard):
        for columns, rows in _other_sizes(board):
            other = Chessboard(columns, rows, board.square_m)
            if any(other.find(image) is not None for image in images):
                return f"they show a board of {columns}x{rows} inner corners: --board {other.name}"
        return (
            "count its inner corners, where four squares meet, and show all of it: "
            "a board of 10x7 squares is chessboard:9x6"
        )
    return "check the numbers of squares and the dictionary of its markers"


def _other_sizes(board: Chessboard) -> list[tuple[int, int]]:
    """List sizes near the given one, across, and the larger ones first, which contain the smaller."""
    near = range(-OTHER_SIZES, OTHER_SIZES + 1)
    longer, shorter = max(board.columns, board.rows), min(board.columns, board.rows)
    sizes = [(longer + x, shorter + y) for x in near for y in near if (x, y) != (0, 0)]
    return sorted((s for s in sizes if s[0] > s[1] >= 3), key=lambda size: -size[0] * size[1])
