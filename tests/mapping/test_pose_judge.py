"""A pose that few landmarks support is believed where the whole image has moved as it says."""

import numpy as np
import pytest
from numpy.typing import NDArray
from world import CAMERA, World, make_world

from vo_frontend.compute.threads import ThreadTeam
from vo_frontend.config import Config
from vo_frontend.geometry import se3
from vo_frontend.mapping.keyframe import NO_LANDMARK, View
from vo_frontend.mapping.map_witness import MapWitness
from vo_frontend.mapping.pose_judge import PoseJudge
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.session.build import build_estimator
from vo_frontend.tracking.matching import Matcher
from vo_frontend.tracking.pose import PoseEstimate, PoseTracker
from vo_frontend.types import Reason

WORLD = make_world()
NUM_MAPPED = 100  # of its points
STEPS = (0.0, 0.3, 0.6)  # of the keyframes, to the right
BACK = se3.exp(np.array([0.1, 0.1, -0.2, 0.0, 0.05, 0.02]))  # near the first keyframe, not the last


def to_the_right(x: float) -> NDArray[np.float64]:
    return se3.exp(np.array([x, 0.0, 0.0, 0.0, 0.0, 0.0]))


def view_of(world: World, T_world_cam: NDArray[np.float64], number: int) -> View:
    features = world.features(T_world_cam, np.random.default_rng(number))
    return View(number, number * 10**8, features, np.zeros((len(features), 3), np.uint8))


@pytest.fixture
def sparse_map() -> SparseMap:
    """Make a map of three keyframes in which few of the points that they see are mapped."""
    mapped = WORLD.points_world[:NUM_MAPPED]
    sparse_map = SparseMap(0, max_keyframes=10, descriptor_size=WORLD.descriptors.shape[1])
    in_all = np.ones(NUM_MAPPED, bool)
    for number, x in enumerate(STEPS):
        view = view_of(WORLD, to_the_right(x), number)
        sparse_map.add_keyframe(view, to_the_right(x), np.full(len(view.features), NO_LANDMARK))
        in_all &= CAMERA.contains(CAMERA.project(mapped - [x, 0.0, 0.0]))
    index = np.flatnonzero(in_all)
    seen = [
        (k, (WORLD.descriptors[index] @ keyframe.features.descriptors.T).argmax(axis=1))
        for k, keyframe in enumerate(sparse_map.keyframes)
    ]
    sparse_map.add_landmarks(mapped[index], seen)
    return sparse_map


@pytest.fixture
def judge() -> PoseJudge:
    config = Config()
    matcher = Matcher(config.matching.min_similarity, config.matching.max_ratio, ThreadTeam(1))
    tracker = PoseTracker(CAMERA, matcher, build_estimator(config, CAMERA), config)
    return PoseJudge(CAMERA, matcher, tracker, MapWitness(min_found_share=0.3, min_parallax_deg=1.0))


def with_few_landmarks(T_world_cam: NDArray[np.float64], sparse_map: SparseMap) -> PoseEstimate:
    rows = np.arange(len(sparse_map.landmarks))
    found = rows[: len(rows) // 5]
    return PoseEstimate(Reason.NONE, len(found), T_world_cam, found, found, rows)


def test_an_image_that_has_moved_as_the_pose_says_is_recognised(
    judge: PoseJudge, sparse_map: SparseMap
) -> None:
    assert judge.recognises(view_of(WORLD, BACK, 9), with_few_landmarks(BACK, sparse_map), sparse_map)


@pytest.mark.parametrize("turn_rad", [[0.0, 0.0, 0.15], [0.05, 0.0, 0.0], [0.0, -0.05, 0.0]])
def test_an_image_that_has_not_is_doubted(
    turn_rad: list[float], judge: PoseJudge, sparse_map: SparseMap
) -> None:
    wrong = with_few_landmarks(BACK @ se3.exp(np.array([0.0, 0.0, 0.0, *turn_rad])), sparse_map)
    assert not judge.recognises(view_of(WORLD, BACK, 9), wrong, sparse_map)


def test_landmarks_tell_a_step_that_epipolar_lines_allow(judge: PoseJudge, sparse_map: SparseMap) -> None:
    """Seen from afar, what has hardly moved may be far away; landmarks may not."""
    too_far = with_few_landmarks(BACK @ se3.exp(np.array([0.0, 2.0, 0.0, 0.0, 0.0, 0.0])), sparse_map)
    assert not judge.recognises(view_of(WORLD, BACK, 9), too_far, sparse_map)


def test_an_image_that_shows_little_of_a_keyframe_is_doubted(judge: PoseJudge, sparse_map: SparseMap) -> None:
    """As a facade that occurs twice: what is mapped looks alike, and its surroundings do not."""
    other = make_world(seed=1).descriptors
    other[: NUM_MAPPED // 2] = WORLD.descriptors[: NUM_MAPPED // 2]
    elsewhere = view_of(World(WORLD.points_world, other), BACK, 9)
    assert not judge.recognises(elsewhere, with_few_landmarks(BACK, sparse_map), sparse_map)


def test_a_jump_out_of_the_map_is_doubted_however_it_looks(judge: PoseJudge, sparse_map: SparseMap) -> None:
    """Its length rests on depths of one camera that has hardly moved."""
    far = World(WORLD.points_world * [100.0, 100.0, 100.0], WORLD.descriptors)
    T_world_cam = se3.exp(np.array([0.0, 0.0, -3.0, 0.0, 0.0, 0.0]))
    sparse_map.landmarks.points_world[:] = WORLD.points_world[: len(sparse_map.landmarks)] * 100.0
    pose = with_few_landmarks(T_world_cam, sparse_map)
    assert not judge.recognises(view_of(far, T_world_cam, 9), pose, sparse_map)
