"""A world with known answers: points, cameras, and what each camera sees."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.types import Features, Frame, KeypointDepths

CAMERA = PinholeCamera(500.0, 500.0, 319.5, 239.5, 640, 480)


@dataclass(frozen=True)
class World:
    """Landmarks with descriptors of their own."""

    points_world: NDArray[np.float64]  # (M, 3)
    descriptors: NDArray[np.float32]  # (M, D) unit length

    def features(
        self, T_world_cam: NDArray[np.float64], rng: np.random.Generator, noise_px: float = 0.0
    ) -> Features:
        """Return what an ideal extractor finds from a pose (4, 4), in random order; see :meth:`visible`."""
        pixels, index = self.visible(T_world_cam)
        order = rng.permutation(len(index))
        noise = noise_px * rng.normal(size=pixels.shape)
        return Features(
            (pixels + noise)[order].astype(np.float32),
            self.descriptors[index[order]],
            np.linspace(1, 0.1, len(order), dtype=np.float32),
        )

    def depths(
        self, T_world_cam: NDArray[np.float64], features: Features, sigma_per_m: float = 1e-3
    ) -> KeypointDepths:
        """Return the true inverse depths (N,) of features of this world, found by descriptor."""
        index = (features.descriptors @ self.descriptors.T).argmax(axis=1)
        points_cam = se3.transform_points(se3.inverse(T_world_cam), self.points_world[index])
        return KeypointDepths(1.0 / points_cam[:, 2], np.full(len(features), sigma_per_m))

    def visible(self, T_world_cam: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return pixels (N, 2) and indices (N,) of the points in the image, from a pose (4, 4)."""
        pixels = CAMERA.project(se3.transform_points(se3.inverse(T_world_cam), self.points_world))
        index = np.flatnonzero(CAMERA.contains(pixels))
        return pixels[index], index


def make_world(seed: int = 0, num_points: int = 600, *, planar: bool = False) -> World:
    """Put points into a box ahead of the origin, or on a slanted wall, each with a descriptor (64,)."""
    rng = np.random.default_rng(seed)
    points_world = rng.uniform([-8, -4, 4], [8, 4, 14], size=(num_points, 3))
    if planar:
        points_world[:, 2] = 8.0 + 0.3 * points_world[:, 0]
    descriptors = rng.normal(size=(num_points, 64)).astype(np.float32)
    return World(points_world, descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True))


def sideways(num_poses: int, step: float = 0.15) -> NDArray[np.float64]:
    """Return poses (N, 4, 4) of a camera that slides to the right and slowly turns left."""
    twists = np.zeros((num_poses, 6))
    twists[:, 0] = step * np.arange(num_poses)
    twists[:, 4] = -0.01 * np.arange(num_poses)
    rotations = se3.so3_exp(twists[:, 3:])
    return se3.from_rotation_translation(rotations, twists[:, :3])


def make_ring(seed: int = 0, num_points: int = 1600) -> World:
    """Put points around the origin, 9 to 16 away, each with a descriptor (64,)."""
    rng = np.random.default_rng(seed)
    angle_rad, distance = rng.uniform(0, 2 * np.pi, num_points), rng.uniform(9, 16, num_points)
    height = rng.uniform(-5, 5, num_points)
    points_world = np.stack([distance * np.sin(angle_rad), height, distance * np.cos(angle_rad)], axis=1)
    descriptors = rng.normal(size=(num_points, 64)).astype(np.float32)
    return World(points_world, descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True))


def carousel(num_poses: int, poses_per_round: int) -> NDArray[np.float64]:
    """Return poses (N, 4, 4) of a camera that goes round the origin, 3 away, and looks outwards."""
    angles_rad = 2 * np.pi * np.arange(num_poses) / poses_per_round
    rotations = se3.so3_exp(angles_rad[:, None] * [0.0, 1.0, 0.0])
    return se3.from_rotation_translation(rotations, 3.0 * rotations[:, :, 2])


class WorldExtractor:
    """Stands in for a network: the "image" carries the number of the pose in its first pixel."""

    name = "world"
    descriptor_size = 64
    max_keypoints = 1000
    weights_sha256 = None
    device_name = "cpu"
    runs_on_gpu = False
    max_calls = 1

    def __init__(self, world: World, T_world_cam: NDArray[np.float64], noise_px: float = 0.0) -> None:
        self._world, self._poses, self._noise_px = world, T_world_cam, noise_px

    def extract(self, image: NDArray[np.uint8]) -> Features:
        number = int(image[0, 0])
        rng = np.random.default_rng(number)
        return self._world.features(self._poses[number], rng, self._noise_px)

    def extract_batch(self, images: Sequence[NDArray[np.uint8]]) -> list[Features]:
        return [self.extract(image) for image in images]


def frames(num_frames: int, bad: frozenset[int] = frozenset(), rate_hz: float = 10.0) -> list[Frame]:
    """Make frames for :class:`WorldExtractor`; those in ``bad`` have no image."""
    result = []
    for number in range(num_frames):
        image = np.full((CAMERA.height, CAMERA.width), number, np.uint8)
        result.append(Frame(number, round(number * 1e9 / rate_hz), None if number in bad else image))
    return result
