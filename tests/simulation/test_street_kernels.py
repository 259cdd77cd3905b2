"""The renderer's kernels against slow twins that share no code with them."""

import dataclasses

import numpy as np
import pytest
from callable_parts import callable_part
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.simulation.street import sensor_kernels, texture_kernels
from vo_frontend.simulation.street.mipmaps import pack_layers
from vo_frontend.simulation.street.path import drive
from vo_frontend.simulation.street.rectangles import Rectangles
from vo_frontend.simulation.street.renderer import Street, load_street
from vo_frontend.simulation.street.source import street_camera

shade = callable_part(texture_kernels.shade)


@pytest.fixture(scope="module")
def street() -> Street:
    return load_street(seed=0)


def nearest_by_ray_casting(
    rectangles: Rectangles, T_world_cam: Transform, camera: PinholeCamera, pixels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Depth (N,) of the nearest front-facing rectangle at pixels (N, 2), one rectangle at a time."""
    rays_cam = np.column_stack([camera.rays(pixels.astype(np.float64)), np.ones(len(pixels))])
    rays_world = rays_cam @ T_world_cam[:3, :3].T
    center = T_world_cam[:3, 3]
    nearest = np.full(len(pixels), np.inf)
    for corner, u, v in zip(rectangles.corner, rectangles.edge_u, rectangles.edge_v, strict=True):
        normal = np.cross(u, v)
        distance = normal @ (corner - center)
        if distance <= 0:
            continue
        toward = rays_world @ normal
        z = np.divide(distance, toward, out=np.full(len(pixels), -1.0), where=toward > 1e-12)
        offset = center + z[:, None] * rays_world - corner
        s, t = offset @ u / (u @ u), offset @ v / (v @ v)
        hit = (z > 0) & (s >= 0) & (s <= 1) & (t >= 0) & (t <= 1)
        nearest = np.where(hit & (z < nearest), z, nearest)
    return nearest


@pytest.mark.parametrize("frame", [3, 60])
def test_depth_is_that_of_a_ray_caster(street: Street, frame: int) -> None:
    city, camera = street.rectangles, street_camera()
    T_world_cam = drive(0, 80)[frame]
    near = np.linalg.norm(city.corner[:, [0, 2]] - T_world_cam[[0, 2], 3], axis=1) < 60.0
    keep = near & ~street.atlas.cutout[city.layer]
    fields = {f.name: getattr(city, f.name)[keep] for f in dataclasses.fields(city)}
    solid = Street.__new__(Street)
    solid.atlas, solid.rectangles = street.atlas, dataclasses.replace(city, **fields)

    pixels = np.random.default_rng(0).integers((0, 0), (camera.width, camera.height), (1500, 2))
    depth_m = solid.render(T_world_cam, camera)[1][pixels[:, 1], pixels[:, 0]]
    expected_m = nearest_by_ray_casting(solid.rectangles, T_world_cam, camera, pixels)

    finite = np.isfinite(expected_m)
    close = np.abs(depth_m[finite] - expected_m[finite]) < 1e-4 * expected_m[finite]
    assert finite.mean() > 0.5
    assert close.mean() > 0.998  # rays that graze an edge, and slivers thinner than a third of a pixel
    assert np.isnan(depth_m[~finite]).mean() > 0.99


def trilinear_twin(levels: list[NDArray[np.uint8]], u: float, v: float, level: float) -> NDArray[np.float64]:
    """Wrapping trilinear look-up in a list of pictures."""
    total = np.zeros(3)
    low = int(np.floor(level))
    blend = np.clip(3.0 * (level - low) - 1.0, 0.0, 1.0)
    for number, weight in ((low, 1.0 - blend), (low + 1, blend)):
        if weight == 0:
            continue
        picture = levels[number].astype(float)
        size = len(picture)
        x, y = u * size / len(levels[0]) - 0.5, v * size / len(levels[0]) - 0.5
        for dy in (0, 1):
            for dx in (0, 1):
                column, row = int(np.floor(x)) + dx, int(np.floor(y)) + dy
                share = (1 - abs(x - column)) * (1 - abs(y - row))
                total += weight * share * picture[row % size, column % size, :3]
    return total


@pytest.mark.parametrize("texels_per_px", [0.3, 1.0, 1.5, 3.1, 7.0])
def test_texture_look_up_is_trilinear(texels_per_px: float) -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    atlas = pack_layers({"noise": picture})
    levels = [
        atlas.texels[atlas.level_start[0, k] :][: (64 >> k) ** 2].view(np.uint8).reshape(64 >> k, 64 >> k, 4)
        for k in range(7)
    ]
    np.testing.assert_array_equal(levels[0][..., :3], picture)
    plane = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)  # parallel to the image, 1 m away
    uv = (3.3, 70.2, texels_per_px, texels_per_px)
    for x, y in rng.uniform(0, 60, (40, 2)):
        color = shade(plane, x, y, uv, atlas.texels, atlas.level_start, 0, 64)
        u, v = uv[0] + x * texels_per_px, uv[1] + y * texels_per_px
        twin = trilinear_twin(levels, u, v, max(np.log2(texels_per_px), 0.0))
        np.testing.assert_allclose(color, twin, atol=0.25)


def test_noise_has_the_promised_spread_and_no_pattern() -> None:
    colors = np.full(200_000, 120.0, np.float32)
    image = np.empty(colors.shape, np.uint8)
    sensor_kernels.expose(colors, 1.0, 2.0, 12345, image)
    residual = image.astype(float) - 120.0
    assert abs(residual.mean()) < 0.02
    assert abs(residual.std() - np.sqrt(2.0**2 + 1 / 12)) < 0.03
    for lag in (1, 3, 640 * 3):
        assert abs(np.mean(residual[lag:] * residual[:-lag])) < 0.05


def test_rectangles_are_invisible_from_behind(street: Street) -> None:
    camera = street_camera(64, 64)
    T_world_cam = np.eye(4)
    T_world_cam[:3, 3] = 0.0, 400.0, 0.0  # under the ground, looking down
    T_world_cam[:3, :3] = se3.so3_exp(np.array([-np.pi / 2, 0.0, 0.0]))
    _, depth_m = street.render(T_world_cam, camera)
    assert np.isnan(depth_m).all()
