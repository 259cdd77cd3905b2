import numpy as np
import pytest
from known import known
from numpy.typing import NDArray

from vo_frontend.geometry.se3 import so3_exp
from vo_frontend.sensors.road_plane import find_road_plane, weighted_median


def road(
    rng: np.random.Generator,
    height: float,
    num_points: int = 200,
    noise: float = 0.01,
    tilt_deg: tuple[float, float] = (0.0, 0.0),
    half_width: float = 1.5,
) -> NDArray[np.float64]:
    """Draw points (M, 3) of a road in the frame of a camera tilted by pitch and roll."""
    ahead = rng.uniform(2, 9, num_points) * height
    sideways = rng.uniform(-half_width, half_width, num_points) * height
    level = np.column_stack([sideways, height * (1 + noise * rng.normal(size=num_points)), ahead])
    return np.asarray(level @ so3_exp(np.deg2rad([tilt_deg[0], 0.0, tilt_deg[1]])))


def facades(rng: np.random.Generator, height: float, num_points: int = 200) -> NDArray[np.float64]:
    """Draw points (M, 3) of walls on both sides from the road up."""
    side = np.where(rng.random(num_points) < 0.5, -1, 1) * rng.uniform(1.8, 4, num_points)
    up, ahead = rng.uniform(-3, 1, num_points), rng.uniform(1, 20, num_points)
    return np.asarray(height * np.column_stack([side, up, ahead]))


@pytest.mark.parametrize("height", [0.07, 1.65, 40.0])
@pytest.mark.parametrize("tilt_deg", [(0, 0), (6, 0), (-4, 3)])
def test_the_height_is_found_in_any_unit_and_with_a_tilted_camera(
    height: float, tilt_deg: tuple[float, float]
) -> None:
    rng = np.random.default_rng(0)
    points = np.concatenate([road(rng, height, tilt_deg=tilt_deg), facades(rng, height)])
    found = known(find_road_plane(points))
    assert found.height == pytest.approx(height, rel=0.005)
    normal = np.array([0, 1, 0]) @ so3_exp(np.deg2rad([tilt_deg[0], 0.0, tilt_deg[1]]))
    assert np.rad2deg(np.arccos(found.normal_cam @ normal)) < 0.5


def test_a_third_of_outliers_above_and_below_does_no_harm() -> None:
    rng = np.random.default_rng(1)
    outliers = road(rng, 1.0, 100) * np.array([1, 0, 1]) + [0, 1, 0] * rng.uniform(0.4, 1.6, (100, 1))
    found = known(find_road_plane(np.concatenate([road(rng, 1.0), outliers])))
    assert found.height == pytest.approx(1.0, rel=0.01)


def test_raised_verges_with_more_points_than_the_lane_hardly_change_the_height() -> None:
    rng = np.random.default_rng(2)
    verge = road(rng, 0.93, 300) * np.array([0.3, 1, 1]) + [1.6, 0, 0] * rng.choice([-1, 1], (300, 1))
    lane = road(rng, 1.0, 60, half_width=0.8)
    assert known(find_road_plane(np.concatenate([lane, verge]))).height == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    "points",
    [
        np.zeros((0, 3)),
        road(np.random.default_rng(0), 1.0, 15),
        facades(np.random.default_rng(0), 1.0),
        -road(np.random.default_rng(0), 1.0),
        road(np.random.default_rng(0), 1.0, tilt_deg=(25, 0)),
        np.random.default_rng(0).uniform([-2, 0, 1], [2, 3, 9], (400, 3)),
    ],
    ids=["nothing", "few points", "walls only", "behind and above", "a ramp", "clutter"],
)
def test_without_a_road_there_is_no_height(points: NDArray[np.float64]) -> None:
    assert find_road_plane(points) is None


def test_the_same_points_give_the_same_height() -> None:
    points = road(np.random.default_rng(3), 1.0)
    assert known(find_road_plane(points)).height == known(find_road_plane(points)).height


def test_weighted_median() -> None:
    assert weighted_median(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 1.0])) == 2.0
    assert weighted_median(np.array([3.0, 1.0, 2.0]), np.array([5.0, 1.0, 1.0])) == 3.0
    assert weighted_median(np.array([7.0, 1.0]), np.array([0.0, 1.0])) == 1.0
