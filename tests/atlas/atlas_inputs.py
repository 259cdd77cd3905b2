"""Made-up keyframes for the archive and map files."""

from collections.abc import Sequence
from dataclasses import fields

import numpy as np
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from vo_frontend.atlas.archive import Archive
from vo_frontend.atlas.landmark_table import RetiredLandmarks
from vo_frontend.atlas.saved_map import MapOrigin, SavedMap
from vo_frontend.config import AtlasConfig
from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.mapping.keyframe import NO_LANDMARK, Keyframe, View
from vo_frontend.types import Features, KeypointDepths, Sensor

SIZE = 8  # of a descriptor


def array(*values: int) -> NDArray[np.int64]:
    """Indices of frames, or ids of landmarks."""
    return np.array(values, np.int64)


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


CAMERA = PinholeCamera(500.0, 510.0, 319.5, 239.5, 640, 480)
ORIGIN = MapOrigin(CAMERA, Sensor.STEREO, 0.5, "orb", SIZE, "vlad-32")


def make_archive(*, places: bool = True) -> Archive:
    """Six keyframes of two segments with ten landmarks each, every one seen by several."""
    archive = Archive(SIZE, AtlasConfig())
    for frame_index in range(6):
        segment_id = frame_index // 3
        ids = 20 * segment_id + np.arange(10)[frame_index % 3 :]
        keyframe = make_keyframe(frame_index, ids, has_depths=frame_index != 4)
        place = np.full(3, frame_index, np.float32) if places and frame_index != 2 else None
        archive.add(keyframe, segment_id, place)
    for segment_id, anchor in ((0, 1), (1, 5)):
        ids = 20 * segment_id + np.arange(10)
        archive.retire(make_landmarks(ids, np.full(10, anchor)))
    return archive


def assert_same_map(found: SavedMap, expected: SavedMap) -> None:
    """Compare two maps bit by bit."""
    assert found.origin == expected.origin
    for each in fields(SavedMap)[1:]:
        one, other = getattr(found, each.name), getattr(expected, each.name)
        assert one.dtype == other.dtype, each.name
        assert_array_equal(one, other, each.name)
