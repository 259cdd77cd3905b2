"""A hard split of the built-in street: places seen from another lane, in other light, turned, backwards.

The references are the frames of the drive. The queries are rendered anew; what the front camera sees when it
drives the other way is hardly ever on a reference, and "not seen" is then the right answer.
"""

import dataclasses
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vo_frontend.evaluation.retrieval import RetrievalTruth, truth_of_poses
from vo_frontend.experiments.place_quality.sequences import STREET_FRAMES, PlaceTask
from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.simulation.street import SyntheticSource
from vo_frontend.simulation.street.path import drive
from vo_frontend.simulation.street.rectangles import Rectangles
from vo_frontend.simulation.street.renderer import Street
from vo_frontend.types import Image

LANE_M = 2.0  # to the side of the drive, as far as parked cars allow
MAX_TURN_DEG = 45.0
MAX_DISTANCE_M = 5.0
MAX_ANGLE_DEG = 50.0  # a view that is turned by 45 degrees still shows the place
NOISE_STD = 4.0  # grey levels, twice that of the drive
EVENING_TINT = np.array((1.12, 0.94, 0.70))
GAMMA = 1.5
HARD_STREETS = ("lane", "light", "turned", "all three", "opposite")


@dataclass(frozen=True, slots=True)
class Change:
    """How a query differs from the frame of the drive at its place."""

    lane_m: float = 0.0
    is_evening: bool = False
    max_turn_deg: float = 0.0
    is_opposite: bool = False


CHANGES = {
    "lane": Change(lane_m=LANE_M),
    "light": Change(is_evening=True),
    "turned": Change(max_turn_deg=MAX_TURN_DEG),
    "all three": Change(lane_m=LANE_M, is_evening=True, max_turn_deg=MAX_TURN_DEG),
    "opposite": Change(lane_m=-LANE_M, is_opposite=True),
}


def hard_street(name: str, seed: int = 0, frames: slice = STREET_FRAMES, step: int = 2) -> PlaceTask:
    """Render the queries of one of ``HARD_STREETS`` for every ``step``-th reference.

    Args:
        name: which change.
        seed: of the street.
        frames: of the drive, the references.
        step: references per query; queries stand half-way to the next reference.
    """
    change, rng = CHANGES[name], np.random.default_rng([seed, HARD_STREETS.index(name)])
    num_frames = frames.stop
    T_world_cam = drive(seed, num_frames + frames.step)
    references, camera = _references(seed, frames.start, frames.stop, frames.step)
    T_world_references = T_world_cam[:num_frames][frames]
    T_world_between = T_world_cam[frames.step // 2 :][frames][::step]
    T_world_queries = T_world_between @ _displacements(change, rng, len(T_world_between))
    street = evening_street(seed) if change.is_evening else Street(seed)
    queries = tuple(_photograph(street, T, camera, change, rng) for T in T_world_queries)
    is_positive = truth_of_poses(T_world_queries, T_world_references, MAX_DISTANCE_M, MAX_ANGLE_DEG)
    truth = RetrievalTruth(is_positive, np.zeros_like(is_positive))
    return PlaceTask(f"street, {name}", queries, references, truth, camera)


@lru_cache(maxsize=1)
def _references(seed: int, start: int, stop: int, step: int) -> tuple[tuple[Image, ...], PinholeCamera]:
    """Render frames of the drive, which all splits share."""
    source = SyntheticSource(stop, seed=seed, frames=slice(start, stop, step))
    return tuple(frame.image for frame in source if frame.image is not None), source.camera


def evening_street(seed: int) -> Street:
    """Build the street of a seed under a low sun in the opposite corner of the sky."""
    street = Street(seed)
    street.rectangles = _relit(street.rectangles)
    return street


def _relit(rectangles: Rectangles) -> Rectangles:
    """Replace the painted sunlight: its strength depends on where a wall faces (``Frontage.light``)."""
    normals = np.cross(rectangles.edge_v, rectangles.edge_u)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    is_wall = np.abs(normals[:, 1]) < 0.5
    x, z = normals[:, 0], normals[:, 2]
    by_day = 0.86 + 0.10 * x - 0.16 * z
    in_evening = 0.60 - 0.25 * x + 0.28 * z
    factor = np.where(is_wall, in_evening / by_day, 0.75)
    return dataclasses.replace(rectangles, tint=rectangles.tint * factor[:, None] * EVENING_TINT)


def _displacements(change: Change, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Return T_drive_query (count, 4, 4), m."""
    yaw_rad = np.deg2rad(rng.uniform(-change.max_turn_deg, change.max_turn_deg, count))
    yaw_rad += np.pi * change.is_opposite
    zero = np.zeros(count)
    R = se3.so3_exp(np.stack([zero, yaw_rad, zero], axis=1))
    return se3.from_rotation_translation(R, np.stack([zero + change.lane_m, zero, zero], axis=1))


def _photograph(
    street: Street,
    T_world_cam: NDArray[np.float64],
    camera: PinholeCamera,
    change: Change,
    rng: np.random.Generator,
) -> Image:
    colors, _ = street.render_colors(T_world_cam, camera)
    exposed = 255 * (np.clip(colors, 0, 255) / 255) ** (GAMMA if change.is_evening else 1.0)
    noisy = exposed + NOISE_STD * rng.standard_normal(colors.shape, dtype=np.float32)
    return np.clip(np.round(noisy), 0, 255).astype(np.uint8)
