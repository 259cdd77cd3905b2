"""A view that shows a copy of something on the map, and nothing of what stands around it, is not placed."""

import numpy as np
import pytest
from numpy.typing import NDArray
from world import CAMERA, make_world

from vo_frontend.atlas.archive import Archive
from vo_frontend.config import AtlasConfig, Config
from vo_frontend.geometry import se3
from vo_frontend.mapping.keyframe import Keyframe, View
from vo_frontend.mapping.landmarks import Landmarks
from vo_frontend.places.memory import PlaceMemory
from vo_frontend.places.vlad import Vlad
from vo_frontend.places.vocabulary import shipped_vocabulary
from vo_frontend.session.build import build_localizer
from vo_frontend.types import Features

WORLD = make_world(num_points=1500)


def of_the_place() -> tuple[View, NDArray[np.float64]]:
    """Return a view of the world from the origin, and the points (N, 3) that it sees."""
    features = WORLD.features(np.eye(4), np.random.default_rng(0), noise_px=0.3)
    points = WORLD.points_world[(features.descriptors @ WORLD.descriptors.T).argmax(axis=1)]
    depths = WORLD.depths(np.eye(4), features)
    return View(0, 0, features, np.zeros((len(features), 3), np.uint8), depths), points


def a_map() -> PlaceMemory:
    """Remember the place: one keyframe at the origin, and a landmark for each of its features."""
    memory = PlaceMemory(Archive(64, AtlasConfig()), Vlad(shipped_vocabulary("aliked-t16")))
    view, points = of_the_place()
    ids, count = np.arange(len(points)), np.full(len(points), 3)
    memory.keep_keyframe(0, Keyframe(view, np.eye(4), ids), [], [])
    landmarks = Landmarks(ids, points, view.features.descriptors, view.colors, count, count)
    assert memory.keep_landmarks(0, landmarks, np.zeros(len(ids), np.int64)).all()
    return memory


def copy_of(num_copied: int) -> View:
    """Make a view of another place that has a copy of what is at the left edge of this one."""
    view, _ = of_the_place()
    features, rng = view.features, np.random.default_rng(1)
    is_copied = features.pixels[:, 0] <= np.sort(features.pixels[:, 0])[num_copied - 1]
    others = rng.normal(size=features.descriptors.shape).astype(np.float32)
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    descriptors = np.where(is_copied[:, None], features.descriptors, others)
    return View(0, 0, Features(features.pixels, descriptors, features.scores), view.colors)


@pytest.mark.parametrize(("share", "is_placed"), [(0.08, False), (0.2, True)])
def test_a_copy_of_a_part_of_a_place_is_not_the_place(share: float, is_placed: bool) -> None:
    num_landmarks = len(of_the_place()[1])
    num_copied = round(share * num_landmarks)
    assert num_copied >= Config().localization.min_inliers, "or the test would pass for another reason"
    found = build_localizer(Config(), CAMERA, CAMERA, a_map()).localize(copy_of(num_copied))
    assert (found is not None) is is_placed
    if found is not None:
        assert np.linalg.norm(found.T_world_cam[:3, 3]) < 0.1
        assert se3.rotation_angle_rad(found.T_world_cam[:3, :3]) < np.deg2rad(1.0)
