import numpy as np
import pytest
from world import CAMERA, World, make_world

from vo_frontend.config import RansacConfig, TwoViewConfig
from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform
from vo_frontend.tracking.robust import PoselibEstimator
from vo_frontend.tracking.two_view import TwoViewInitializer, TwoViewStart
from vo_frontend.types import Reason

RANSAC = RansacConfig(max_iterations=2000)


def start(
    T_world_cam1: Transform,
    *,
    planar: bool = False,
    noise_px: float = 0.3,
    num_points: int = 400,
    num_before_plane: int = 0,
) -> TwoViewStart:
    world, rng = make_world(planar=planar, num_points=num_points), np.random.default_rng(1)
    before_plane = make_world(seed=2, num_points=num_before_plane).points_world
    world = World(np.concatenate([world.points_world, before_plane]), world.descriptors)
    pixels0, index0 = world.visible(np.eye(4))
    pixels1, index1 = world.visible(T_world_cam1)
    _, in0, in1 = np.intersect1d(index0, index1, return_indices=True)
    initializer = TwoViewInitializer(
        CAMERA,
        PoselibEstimator(CAMERA, RANSAC, seed=0),
        TwoViewConfig(min_parallax_deg=1.0, min_landmarks=60),
        max_error_px=2.0,
    )
    noise = noise_px * rng.normal(size=(2, len(in0), 2))
    return initializer.start(pixels0[in0] + noise[0], pixels1[in1] + noise[1])


@pytest.mark.parametrize("planar", [False, True])
def test_sideways_motion_starts_in_depth_and_on_a_plane(planar: bool) -> None:
    T_world_cam1 = se3.exp(np.array([1.0, 0.2, 0.1, 0.02, -0.05, 0.03]))
    found = start(T_world_cam1, planar=planar)
    assert found.reason is Reason.NONE
    assert found.T_cam0_cam1 is not None
    assert found.points_cam0 is not None
    direction = T_world_cam1[:3, 3] / np.linalg.norm(T_world_cam1[:3, 3])
    assert found.T_cam0_cam1[:3, 3] @ direction > np.cos(np.deg2rad(4))
    assert (found.points_cam0[np.isfinite(found.points_cam0).all(axis=1)][:, 2] > 0).all()


def test_pure_rotation_is_too_little_parallax_not_an_invented_translation() -> None:
    found = start(se3.exp(np.array([0, 0, 0, 0.01, 0.12, 0.02])))
    assert found.reason is Reason.TOO_LITTLE_PARALLAX
    assert found.T_cam0_cam1 is None


def test_a_still_camera_is_too_little_parallax() -> None:
    assert start(np.eye(4)).reason in (Reason.TOO_LITTLE_PARALLAX, Reason.TOO_FEW_MATCHES)


def test_few_matches_are_named_as_such() -> None:
    T_world_cam1 = se3.exp(np.array([1.0, 0, 0, 0, 0, 0]))
    assert start(T_world_cam1, num_points=40).reason is Reason.TOO_FEW_MATCHES


TOWARDS_A_WALL = se3.exp(np.array([0.2, 0.0, 1.0, 0.0, 0.02, 0.0]))  # two motions explain what lies in it


def test_a_wall_alone_leaves_two_motions_and_one_point_in_ten_before_it_decides() -> None:
    assert start(TOWARDS_A_WALL, planar=True).reason is Reason.DEGENERATE_GEOMETRY
    found = start(TOWARDS_A_WALL, planar=True, num_before_plane=120)
    assert found.reason is Reason.NONE
    assert found.T_cam0_cam1 is not None
    direction = TOWARDS_A_WALL[:3, 3] / np.linalg.norm(TOWARDS_A_WALL[:3, 3])
    assert found.T_cam0_cam1[:3, 3] @ direction > np.cos(np.deg2rad(2))
