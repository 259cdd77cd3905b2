"""Divide the poses of a sequence into places: cells of the ground and of the viewing direction.

As G. Berton et al., "Rethinking Visual Geo-localization for Large-Scale Applications", CVPR 2022 (CosPlace).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class CellSize:
    """How large a place is, and what is left out of it."""

    side_m: float = 5.0
    heading_deg: float = 45.0
    border: float = 0.1  # this part of a cell, along each of its borders, belongs to no place


OUTDOOR_CELL = CellSize()
INDOOR_CELL = CellSize(side_m=0.5)


def place_cells(T_world_cam: NDArray[np.float64], size: CellSize) -> NDArray[np.int64]:
    """Number the cell of every pose, (N,), from 0 in the order in which cells are met; -1 near a border.

    The ground is the plane across the mean upward direction of the cameras.

    Args:
        T_world_cam: (N, 4, 4) poses, m, y down.
        size: of the cells.
    """
    right, ahead = _ground_axes(-T_world_cam[:, :3, 1].mean(axis=0))
    position, view = T_world_cam[:, :3, 3], T_world_cam[:, :3, 2]
    heading_deg = np.rad2deg(np.arctan2(view @ right, view @ ahead))
    parts = np.stack(
        [position @ right / size.side_m, position @ ahead / size.side_m, heading_deg / size.heading_deg],
        axis=1,
    )
    parts += 0.5  # the world's origin lies in the middle of a cell
    cells = np.floor(parts).astype(np.int64)
    cells[:, 2] %= round(360 / size.heading_deg)
    inside = parts - np.floor(parts)
    off_center = np.abs(inside - 0.5).max(axis=1)
    numbers: dict[tuple[int, ...], int] = {}
    return np.array(
        [
            numbers.setdefault(tuple(cell), len(numbers)) if off <= 0.5 - size.border else -1
            for cell, off in zip(cells.tolist(), off_center.tolist(), strict=True)
        ],
        np.int64,
    )


def _ground_axes(up: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return two unit vectors (3,) across ``up``: to the right and ahead."""
    down = -up / np.linalg.norm(up)
    right = np.cross(down, np.eye(3)[np.abs(down).argmin()])
    right /= np.linalg.norm(right)
    return right, np.cross(right, down)
