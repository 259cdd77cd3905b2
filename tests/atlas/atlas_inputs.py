"""Made-up keyframes for the archive and map files."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vo_frontend.atlas.landmark_table import RetiredLandmarks
from vo_frontend.geometry import se3
from vo_frontend.mapping.keyframe import NO_LANDMARK, Keyframe, View
from vo_frontend.types import Features, KeypointDepths

SIZE = 8  # of a descriptor


def random_pose(rng: np.random.Generator) -> se3.Transform:
    return se3.exp(rng.normal(size=6))


def make_keyframe(
    frame_index: int,
    landmark_ids: Sequence[int] | NDArray[np.int64],
    *,
    num_features: int = 12,
    size: int = SIZE,
    has_depths: bool = False,
) -> Keyframe:
    """A keyframe at a random pose; its features follow from its frame index. Landmarks come first."""
    rng = np.random.default_rng(1000 + frame_index)
    descriptors = rng.normal(size=(num_features, size)).astype(np.float32)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    pixels = rng.uniform(0, 639, (num_features, 2)).astype(np.float32)
    scores = np.sort(rng.uniform(size=num_features).astype(np.float32))[::-1].copy()
    colors = rng.integers(0, 256, (num_features, 3), np.uint8)
    depths = None
    if has_depths:
        inverse_depth_per_m = rng.uniform(0.01, 1, num_features)
        inverse_depth_per_m[::5] = np.nan
        depths = KeypointDepths(inverse_depth_per_m, 1e-3 + 0 * inverse_depth_per_m)
    ids = np.full(num_features, NO_LANDMARK, np.int64)
    ids[: len(landmark_ids)] = landmark_ids
    view = View(frame_index, frame_index * 10**8, Features(pixels, descriptors, scores), colors, depths)
    return Keyframe(view, random_pose(rng), ids)


def make_landmarks(
    ids: Sequence[int] | NDArray[np.int64], anchors: Sequence[int] | NDArray[np.int64]
) -> RetiredLandmarks:
    """Landmarks whose position, colour and counts follow from their ids."""
    numbers = np.asarray(ids, np.int64)
    points_world = np.stack([numbers, numbers * 0.5, 10.0 + numbers], axis=1).astype(np.float64)
    colors = np.stack([numbers % 251] * 3, axis=1).astype(np.uint8)
    expected = (numbers % 30 + 2).astype(np.int32)
    return RetiredLandmarks(
        numbers, points_world, colors, expected, expected - 1, np.asarray(anchors, np.int64)
    )
