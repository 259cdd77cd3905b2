"""Places of rendered streets: seen from beside the drive, turned, through other lenses, in other light."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.simulation.street import ground_truth
from vo_frontend.simulation.street.rectangles import Rectangles
from vo_frontend.simulation.street.renderer import load_street
from vo_frontend.training.places.data.cells import OUTDOOR_CELL, place_cells
from vo_frontend.types import Image

DRIVE_FRAMES = 1000  # once around the whole drive
SIZE_PX = (320, 240)
DAYLIGHT = np.array((0.10, -0.16))  # of the painted light along x and z; the rest is 0.86


@dataclass(frozen=True, slots=True)
class StreetViewRanges:
    """Uniform ranges of how a view leaves the drive, about every axis either way, and of its light."""

    right_m: float = 2.5
    down_m: float = 0.3
    ahead_m: float = 1.5
    yaw_deg: float = 15.0
    turned_share: float = 0.4  # of views that turn by up to ``turned_deg`` instead
    turned_deg: float = 45.0
    pitch_deg: float = 6.0
    roll_deg: float = 6.0
    field_of_view_deg: tuple[float, float] = (55.0, 90.0)
    relit_share: float = 0.4  # of views under another sun
    ambient: tuple[float, float] = (0.5, 0.8)
    sun: float = 0.35  # how much brighter a wall is that faces it
    tint: tuple[float, float] = (0.75, 1.2)  # of each colour


class StreetPlaces:
    """Cells of the drives through several streets; every second one, so that neighbours look different.

    A street is built when one of its places is asked for, in one second, unless it was the last one.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        ranges: StreetViewRanges = StreetViewRanges(),  # noqa: B008 (frozen)
    ) -> None:
        """Args: ``seeds`` of the streets; 0 is for tests.

        Raises:
            SourceError: a seed is negative.
        """
        self._ranges = ranges
        self._places: list[tuple[int, NDArray[np.float64]]] = []  # seed, poses (F, 4, 4) of its frames
        for seed in seeds:
            T_world_drive = ground_truth(DRIVE_FRAMES, seed).T_world_cam
            cells = place_cells(T_world_drive, OUTDOOR_CELL)
            self._places += [(seed, T_world_drive[cells == cell]) for cell in range(0, cells.max() + 1, 2)]

    def __len__(self) -> int:
        return len(self._places)

    def view(self, place: int, rng: np.random.Generator) -> Image:
        """Render a picture (240, 320, 3) from near a random frame of the place."""
        seed, T_world_drive = self._places[place]
        r, (width, height) = self._ranges, SIZE_PX
        focal_px = 0.5 * width / np.tan(np.deg2rad(0.5 * rng.uniform(*r.field_of_view_deg)))
        camera = PinholeCamera(focal_px, focal_px, 0.5 * (width - 1), 0.5 * (height - 1), width, height)
        T_world_cam = T_world_drive[rng.integers(len(T_world_drive))] @ _draw_detour(r, rng)
        street = load_street(seed)
        if rng.random() < r.relit_share:
            street = street.under(_relit(street.rectangles, r, rng))
        return street.render(T_world_cam, camera)[0]


def _draw_detour(ranges: StreetViewRanges, rng: np.random.Generator) -> Transform:
    """Draw T_drive_view (4, 4), m."""
    r = ranges
    max_yaw_deg = r.turned_deg if rng.random() < r.turned_share else r.yaw_deg
    angles_deg = rng.uniform(-1, 1, 3) * (r.pitch_deg, max_yaw_deg, r.roll_deg)
    offset_m = rng.uniform(-1, 1, 3) * (r.right_m, r.down_m, r.ahead_m)
    return se3.from_rotation_translation(se3.so3_exp(np.deg2rad(angles_deg)), offset_m)


def _relit(rectangles: Rectangles, ranges: StreetViewRanges, rng: np.random.Generator) -> Rectangles:
    """Move the sun: the light on a wall depends on where it faces, as ``Frontage.light`` paints it."""
    normals = np.cross(rectangles.edge_v, rectangles.edge_u)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    is_wall, across = np.abs(normals[:, 1]) < 0.5, normals[:, [0, 2]]
    direction_rad = rng.uniform(-np.pi, np.pi)
    sun = rng.uniform(0, ranges.sun) * np.array((np.cos(direction_rad), np.sin(direction_rad)))
    ambient = rng.uniform(*ranges.ambient)
    factor = np.where(is_wall, (ambient + across @ sun) / (0.86 + across @ DAYLIGHT), ambient / 0.86)
    tint = rectangles.tint * factor[:, None] * rng.uniform(*ranges.tint, 3)
    return dataclasses.replace(rectangles, tint=tint)
