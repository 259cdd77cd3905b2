from pathlib import Path

import numpy as np
import pytest
from known import known
from numpy.typing import NDArray

from vo_frontend.config import DepthImageConfig
from vo_frontend.sensors.depth_image import depths_from_image
from vo_frontend.sources.registry import find_sequence, open_sequence
from vo_frontend.types import Sensor

CONFIG = DepthImageConfig(min_depth_m=0.3, max_depth_m=10.0, max_gap=0.05, sigma_m=0.003, sigma_per_m=0.0014)
NAN = np.nan


def image(*rows: list[float]) -> NDArray[np.float32]:
    return np.array(rows, dtype=np.float32)


def depth_at(depth_m: NDArray[np.float32], x: float, y: float) -> float:
    return float(
        1 / depths_from_image(depth_m, np.array([[x, y]], np.float32), CONFIG).inverse_depth_per_m[0]
    )


def test_a_plane_is_interpolated_exactly() -> None:
    y, x = np.mgrid[:40, :60]
    inverse_depth = 0.2 + 0.001 * x + 0.002 * y  # 1/z of a plane is linear in the pixel
    pixels = np.random.default_rng(0).uniform([0, 0], [59, 39], (200, 2))
    found = depths_from_image((1 / inverse_depth).astype(np.float32), pixels, CONFIG)
    expected = 0.2 + 0.001 * pixels[:, 0] + 0.002 * pixels[:, 1]
    np.testing.assert_allclose(found.inverse_depth_per_m, expected, rtol=1e-6)


def test_at_an_edge_the_foreground_counts() -> None:
    edge = image([1.0, 3.0], [1.0, 3.0])
    assert depth_at(edge, 0.8, 0.5) == pytest.approx(1.0)
    assert depth_at(image([1.0, 1.04], [1.0, 1.04]), 0.5, 0.5) == pytest.approx(1.02, rel=1e-3), "one surface"


def test_what_is_known_beside_a_hole_counts_and_a_hole_is_nan() -> None:
    assert depth_at(image([NAN, 2.0], [NAN, 2.1]), 0.1, 0.5) == pytest.approx(2.0)
    for nothing in (NAN, 0.0, -1.0):
        assert np.isnan(depth_at(image([nothing, nothing], [nothing, nothing]), 0.5, 0.5))


def test_the_last_pixel_is_inside_and_what_is_outside_is_nan() -> None:
    depth_m = image([1.0, 1.01], [1.02, 1.03])
    assert depth_at(depth_m, 1.0, 1.0) == pytest.approx(1.03, rel=1e-6)
    assert depth_at(depth_m, 0.0, 0.0) == pytest.approx(1.0, rel=1e-6)
    for x, y in [(-0.1, 0.0), (0.0, 1.1), (NAN, 0.0), (0.0, np.inf)]:
        assert np.isnan(depth_at(depth_m, x, y))


def test_depths_out_of_range_are_not_believed() -> None:
    for z in (0.29, 10.1, np.inf):
        assert np.isnan(depth_at(image([z, z], [z, z]), 0.5, 0.5))


def test_the_error_grows_with_the_square_of_the_depth() -> None:
    for z in (1.0, 4.0):
        found = depths_from_image(image([z, z], [z, z]), np.array([[0.5, 0.5]]), CONFIG)
        assert found.sigma_per_m[0] * z**2 == pytest.approx(0.003 + 0.0014 * z**2, rel=1e-5)


def test_unknown_depth_has_no_sigma_and_no_pixels_give_no_depths() -> None:
    found = depths_from_image(image([NAN, NAN], [NAN, NAN]), np.array([[0.5, 0.5]]), CONFIG)
    assert np.isnan(found.sigma_per_m).all()
    assert len(depths_from_image(image([1.0, 1.0], [1.0, 1.0]), np.zeros((0, 2)), CONFIG)) == 0


@pytest.mark.real
def test_most_pixels_of_a_real_depth_image_are_known(data_root: Path) -> None:
    source = open_sequence(find_sequence("tum/fr1_rpy", data_root), sensor=Sensor.RGBD, frames=slice(0, 1))
    frame = next(iter(source))
    pixels = np.random.default_rng(0).uniform([20, 20], [620, 460], (1000, 2))
    found = depths_from_image(known(frame.depth_m), pixels, CONFIG)
    has_depth = np.isfinite(found.inverse_depth_per_m)
    assert has_depth.mean() > 0.6
    assert 0.3 <= np.median(1 / found.inverse_depth_per_m[has_depth]) <= 5.0
