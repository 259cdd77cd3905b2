"""Viewpoints on a scene: behind the camera while it moves, from above at the end."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.viewer.scene import SceneSnapshot

# The world is that of the first camera, whose y axis points down: the best available guess at gravity.
SCENE_UP = np.array([0.0, -1.0, 0.0])

Vector = NDArray[np.float64]  # (3,)


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """A virtual camera, in scene coordinates."""

    eye: Vector
    target: Vector
    up: Vector
    vertical_fov_deg: float

    def towards(self, other: "Viewpoint", share: float) -> "Viewpoint":
        """Return the viewpoint ``share`` (0..1) of the way to another one, for smooth motion."""
        return Viewpoint(
            eye=self.eye + share * (other.eye - self.eye),
            target=self.target + share * (other.target - self.target),
            up=other.up,
            vertical_fov_deg=other.vertical_fov_deg,
        )


def chase(snapshot: SceneSnapshot) -> Viewpoint:
    """Look over the shoulder of the current camera, from a distance that fits the local map."""
    T_scene_cam = np.eye(4) if snapshot.T_scene_cam is None else snapshot.T_scene_cam
    position, down, forward = T_scene_cam[:3, 3], T_scene_cam[:3, 1], T_scene_cam[:3, 2]
    # For a camera that looks at the ground or the sky, gravity is no up direction: take its own.
    up = SCENE_UP if abs(forward @ SCENE_UP) < 0.9 else -down
    distance = snapshot.landmark_distance
    return Viewpoint(
        eye=position - 1.1 * distance * forward + 0.7 * distance * up,
        target=position + 0.6 * distance * forward,
        up=up,
        vertical_fov_deg=60.0,
    )


def overview(points: NDArray[np.floating], aspect: float, elevation_deg: float = 50.0) -> Viewpoint:
    """Look down obliquely so that all points are in view and their longest side lies across it.

    Args:
        points: (N, 3) that must be in view, N >= 1; the first is in the left half.
        aspect: width over height of the picture.
        elevation_deg: angle of the line of sight below the horizon.
    """
    positions = np.asarray(points, dtype=np.float64)
    across = _longest_horizontal_direction(positions)
    if (positions[0] - positions.mean(axis=0)) @ across > 0:
        across = -across
    elevation = np.deg2rad(elevation_deg)
    back = np.sin(elevation) * SCENE_UP + np.cos(elevation) * np.cross(across, SCENE_UP)
    up = np.cross(back, across)
    in_view = positions @ np.stack([across, up, back], axis=1)
    middle = 0.5 * (in_view.min(axis=0) + in_view.max(axis=0))
    x, y, z = (in_view - middle).T
    fov_deg, margin = 35.0, 1.06
    tangent = np.tan(np.deg2rad(fov_deg) / 2) / margin
    # |x| <= tangent * aspect * depth and |y| <= tangent * depth, with depth = distance - z.
    distance = max(np.max(np.abs(x) / (tangent * aspect) + z), np.max(np.abs(y) / tangent + z), 1e-3)
    target = middle @ np.stack([across, up, back])
    return Viewpoint(target + distance * back, target, up, fov_deg)


def from_above(points: NDArray[np.floating], aspect: float) -> Viewpoint:
    """Look straight down so that all points are in view, with the first camera's line of sight pointing up.

    Args:
        points: (N, 3) that must be in view, N >= 1.
        aspect: width over height of the picture.
    """
    low, high = points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64)
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    fov_deg, margin = 45.0, 1.15
    tangent = np.tan(np.deg2rad(fov_deg) / 2) / margin
    distance = half[1] + max(half[0] / (tangent * aspect), half[2] / tangent, 1e-3)
    return Viewpoint(middle + distance * SCENE_UP, middle, np.array([0.0, 0.0, 1.0]), fov_deg)


def _longest_horizontal_direction(points: NDArray[np.float64]) -> Vector:
    """Return the unit vector (3,), orthogonal to SCENE_UP, along which points (N, 3) spread most."""
    horizontal = (points - points.mean(axis=0)) * (1 - np.abs(SCENE_UP))
    if np.abs(horizontal).max() == 0:
        return np.array([1.0, 0.0, 0.0])
    direction: Vector = np.linalg.svd(horizontal.T @ horizontal)[0][:, 0]
    return direction
