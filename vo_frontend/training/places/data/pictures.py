"""Pictures as places, one each: photographs or paintings, under random homographies."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.simulation.street.textures import paint_layers
from vo_frontend.training.data.homography_pairs import (
    draw_homography,
    find_images,
    inverse_homography,
    read_photo,
    sample_photo,
)
from vo_frontend.training.data.ranges import HomographyRanges
from vo_frontend.types import Image

VIEW_PX = 288
MIN_SIDE_PX = 96
PICTURE_RANGES = HomographyRanges(
    scale=(0.75, 1.7), rotation_deg=12.0, large_rotation_share=0.0, perspective=0.18, translation=0.25
)
PICTURES_PER_SEED = 25
PAINTING_PX = (480, 360)


class PhotographPlaces:
    """Every photograph below some folders is a place."""

    def __init__(self, folders: Sequence[Path], ranges: HomographyRanges = PICTURE_RANGES) -> None:
        """Args: ``folders`` are searched recursively.

        Raises:
            SourceError: a folder is missing, or holds no image.
        """
        self._paths = [path for folder in folders for path in find_images(folder)]
        self._ranges = ranges

    def __len__(self) -> int:
        return len(self._paths)

    def view(self, place: int, rng: np.random.Generator) -> Image:
        """Look at a photograph from somewhere else, (288, 288, 3).

        Raises:
            SourceError: it cannot be decoded, or is smaller than 96 px.
        """
        return look_at(read_photo(self._paths[place], MIN_SIDE_PX), self._ranges, rng)


class PaintedPlaces:
    """Every painting is a place: patches of the street's surfaces, piled up like things in a room."""

    def __init__(self, seeds: Sequence[int], ranges: HomographyRanges = PICTURE_RANGES) -> None:
        """Args: ``seeds`` of the surfaces; 0 is for tests."""
        self._places = [(seed, number) for seed in seeds for number in range(PICTURES_PER_SEED)]
        self._ranges = ranges

    def __len__(self) -> int:
        return len(self._places)

    def view(self, place: int, rng: np.random.Generator) -> Image:
        """Look at a painting from somewhere else, (288, 288, 3)."""
        return look_at(_painting(*self._places[place]), self._ranges, rng)


def look_at(picture: Image, ranges: HomographyRanges, rng: np.random.Generator) -> Image:
    """Warp the largest square in the middle of a picture (H, W, 3) to (288, 288, 3)."""
    height, width = picture.shape[:2]
    zoom = (min(height, width) - 1) / (VIEW_PX - 1)
    corner = 0.5 * (np.array([width, height]) - 1 - zoom * (VIEW_PX - 1))
    H_picture_0 = np.array([[zoom, 0, corner[0]], [0, zoom, corner[1]], [0, 0, 1.0]])
    H_view_0 = draw_homography(VIEW_PX, ranges, rng)
    return sample_photo(picture, H_picture_0 @ inverse_homography(H_view_0), VIEW_PX)


@lru_cache(maxsize=1)
def _surfaces(seed: int) -> tuple[Image, ...]:
    """Paint the surfaces of a seed, (S, S, 3) each; the last are kept."""
    return tuple(layer[..., :3] for layer in paint_layers(np.random.default_rng([seed, 2])).values())


@lru_cache(maxsize=1)
def _painting(seed: int, number: int) -> Image:
    """Paint picture ``number`` of a seed, (360, 480, 3)."""
    rng = np.random.default_rng([seed, 7, number])
    width, height = PAINTING_PX
    canvas = _patch(_surfaces(seed), (width, height), rng)
    for _ in range(rng.integers(4, 14)):
        size = np.exp(rng.uniform(np.log(25), np.log(220), 2)).astype(int)
        patch = _patch(_surfaces(seed), (int(size[0]), int(size[1])), rng)
        center = rng.uniform(0, PAINTING_PX)
        corners = 0.5 * size * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
        moved = (center + corners * rng.uniform(0.75, 1.25, (4, 2))).astype(np.float32)
        H = cv2.getPerspectiveTransform((corners + 0.5 * size).astype(np.float32), moved)
        cv2.warpPerspective(
            patch, H, PAINTING_PX, dst=canvas, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_TRANSPARENT
        )
    return canvas


def _patch(surfaces: tuple[Image, ...], size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Cut a piece out of a random surface at random scale, brightness and colour, (height, width, 3)."""
    surface = surfaces[rng.integers(len(surfaces))]
    scale = np.exp(rng.uniform(np.log(0.4), np.log(2.5)))
    start = rng.uniform(0, len(surface), 2)
    H_surface_patch = np.array([[scale, 0, start[0]], [0, scale, start[1]], [0, 0, 1.0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = cv2.warpPerspective(surface, H_surface_patch, size, flags=flags, borderMode=cv2.BORDER_WRAP)
    lit = patch * rng.uniform(0.35, 1.15) * rng.uniform(0.8, 1.2, 3)
    return np.asarray(np.clip(lit, 0, 255), np.uint8)
