"""A map of one camera confirms a pose beyond its own length only where it knows the depths it rests on."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from world import World

from vo_frontend.geometry import se3
from vo_frontend.mapping.keyframe import View
from vo_frontend.mapping.map_witness import MapWitness
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.tracking.pose import PoseEstimate
from vo_frontend.types import Reason

WITNESS = MapWitness(min_found_share=0.3, min_parallax_deg=1.0)
NUM_POINTS = 100
LENGTH = 1.0  # of the map: its keyframes drive straight ahead


def ahead(z: float) -> NDArray[np.float64]:
    return se3.from_rotation_translation(np.eye(3), np.array([0.0, 0.0, z]))


def a_map(depth: float, *, measured: bool = False) -> SparseMap:
    """Make a map of three keyframes that see the same points, about as far away as said."""
    rng = np.random.default_rng(0)
    points_world = rng.uniform([-0.3, -0.2, 0.9], [0.3, 0.2, 1.1], (NUM_POINTS, 3)) * depth
    descriptors = np.eye(NUM_POINTS, dtype=np.float32)
    world = World(points_world, descriptors)
    sparse_map = SparseMap(0, max_keyframes=10, descriptor_size=NUM_POINTS)
    for number, z in enumerate((0.0, LENGTH / 2, LENGTH)):
        features = world.features(ahead(z), rng)
        assert len(features) == NUM_POINTS
        colors = np.zeros((NUM_POINTS, 3), np.uint8)
        view = View(number, number * 10**8, features, colors)
        if measured:
            view = replace(view, depths=world.depths(ahead(z), features))
        sparse_map.add_keyframe(view, ahead(z), np.full(NUM_POINTS, -1))
    orders = [keyframe.features.descriptors.argmax(axis=1) for keyframe in sparse_map.keyframes]
    sparse_map.add_landmarks(points_world, [(k, np.argsort(order)) for k, order in enumerate(orders)])
    return sparse_map


def seen_from(z: float, num_found: int = NUM_POINTS) -> PoseEstimate:
    """Make a pose that finds so many of the landmarks, and should see all."""
    rows = np.arange(num_found)
    return PoseEstimate(Reason.NONE, num_found, ahead(z), rows, rows, np.arange(NUM_POINTS))


@pytest.mark.parametrize(
    ("depth", "z", "is_confirmed"),
    [
        pytest.param(20.0, LENGTH + 0.1, True, id="beside the map"),
        pytest.param(20.0, 1.9 * LENGTH, True, id="less than its length beyond it"),
        pytest.param(20.0, 3 * LENGTH, False, id="far beyond it, on far landmarks"),
        pytest.param(20.0, -2 * LENGTH, False, id="far behind it, on far landmarks"),
        pytest.param(5.0, 3 * LENGTH, True, id="far beyond it, on near landmarks"),
    ],
)
def test_a_step_longer_than_the_map_needs_landmarks_of_known_depth(
    depth: float, z: float, is_confirmed: bool
) -> None:
    assert WITNESS.confirms(seen_from(z), a_map(depth)) is is_confirmed


def test_measured_depths_need_no_parallax() -> None:
    assert WITNESS.confirms(seen_from(3 * LENGTH), a_map(20.0, measured=True))


@pytest.mark.parametrize(("num_found", "is_confirmed"), [(29, False), (31, True)])
def test_most_of_what_should_be_seen_must_be_found(num_found: int, is_confirmed: bool) -> None:
    assert WITNESS.confirms(seen_from(LENGTH, num_found), a_map(20.0)) is is_confirmed


def test_what_the_last_frame_saw_may_be_asked_for_instead_of_the_keyframes() -> None:
    sparse_map = a_map(20.0)
    assert not WITNESS.confirms(seen_from(LENGTH, 20), sparse_map)
    assert WITNESS.confirms(seen_from(LENGTH, 20), sparse_map, [np.arange(40)])


def test_a_track_that_moved_on_steadily_since_its_last_keyframe_is_within_reach() -> None:
    sparse_map = a_map(20.0)
    assert not WITNESS.confirms(seen_from(3 * LENGTH), sparse_map)
    assert WITNESS.confirms(seen_from(3 * LENGTH), sparse_map, T_world_before=ahead(2.8 * LENGTH))


def test_a_jump_from_where_the_track_has_got_to_is_still_out_of_reach() -> None:
    is_confirmed = WITNESS.confirms(seen_from(5 * LENGTH), a_map(20.0), T_world_before=ahead(1.5 * LENGTH))
    assert not is_confirmed
