"""The city: blocks of houses on a street grid, built once from a seed.

World = first camera (x right, y down, z forward): the road lies at y = camera height. Blocks stand
between neighbouring crossings; one ring of streets more than the drive uses, then houses close the view.
"""

import numpy as np

from vo_frontend.simulation.street.mipmaps import TextureAtlas
from vo_frontend.simulation.street.path import CAMERA_HEIGHT_M, GroundPlan
from vo_frontend.simulation.street.props import StreetBuilder
from vo_frontend.simulation.street.rectangles import Frontage, Paint, RectangleList, Rectangles

ROAD_HALF_M = 4.5
PAVEMENT_M = 3.0
KERB_M = 0.12
CROSSINGS_X = (-2, -1, 0, 1, 2)
CROSSINGS_Z = (-1, 0, 1, 2, 3)
SKY_HEIGHT_M = 250.0
SKY_HALF_M = 4000.0

_HOUSE_LINE_M = ROAD_HALF_M + PAVEMENT_M


def build_city(plan: GroundPlan, atlas: TextureAtlas, rng: np.random.Generator) -> Rectangles:
    """Build the whole city as textured rectangles in the world frame."""
    rectangles = RectangleList()
    builder = StreetBuilder(rectangles, atlas, rng)
    x = [i * plan.spacing_x_m for i in CROSSINGS_X]
    z = [plan.start_z_m + j * plan.spacing_z_m for j in CROSSINGS_Z]
    _sky(builder)
    _roads(builder, x, z)
    for x0, x1 in zip(x[:-1], x[1:], strict=True):
        for z0, z1 in zip(z[:-1], z[1:], strict=True):
            low, high = _HOUSE_LINE_M, -_HOUSE_LINE_M
            _block(builder, x0 + low, x1 + high, z0 + low, z1 + high)
    _city_wall(
        builder, x[0] - _HOUSE_LINE_M, x[-1] + _HOUSE_LINE_M, z[0] - _HOUSE_LINE_M, z[-1] + _HOUSE_LINE_M
    )
    return rectangles.freeze()


def _block(builder: StreetBuilder, x0: float, x1: float, z0: float, z1: float) -> None:
    """Houses along the four sides of one block, seen from outside."""
    _side(builder, _frontage(x0, z0, 0), x1 - x0, PAVEMENT_M)
    _side(builder, _frontage(x1, z0, 1), z1 - z0, 0.0)
    _side(builder, _frontage(x1, z1, 2), x1 - x0, PAVEMENT_M)
    _side(builder, _frontage(x0, z1, 3), z1 - z0, 0.0)


def _city_wall(builder: StreetBuilder, x0: float, x1: float, z0: float, z1: float) -> None:
    """Houses around everything, seen from inside."""
    _side(builder, _frontage(x0, z1, 0), x1 - x0, 0.0)
    _side(builder, _frontage(x0, z0, 1), z1 - z0, 0.0)
    _side(builder, _frontage(x1, z0, 2), x1 - x0, 0.0)
    _side(builder, _frontage(x1, z1, 3), z1 - z0, 0.0)


def _frontage(x: float, z: float, quarter_turns: int) -> Frontage:
    return Frontage(x, z, 0.5 * np.pi * quarter_turns, CAMERA_HEIGHT_M)


def _side(builder: StreetBuilder, line: Frontage, length: float, overhang: float) -> None:
    """One side of a street: houses, pavement with kerb, and what stands on it."""
    rng, atlas, rectangles = builder.rng, builder.atlas, builder.rectangles
    builder.row_of_houses(line, length)
    span = (-overhang, length + overhang)
    start = float(rng.integers(1024)), float(rng.integers(1024))
    line.top(rectangles, span, (-1.2, PAVEMENT_M), KERB_M, Paint(atlas.index("paving"), start=start))
    kerb = Paint(atlas.index("concrete"), tint=(0.85, 0.85, 0.82), start=start)
    line.front(rectangles, span, PAVEMENT_M, (0.0, KERB_M), kerb)

    for along in np.arange(5.0, length - 4.0, 5.6):
        if rng.random() < 0.62:
            jitter, turn = rng.normal(0.0, (0.3, 0.06)), np.pi * rng.integers(2) + rng.normal(0.0, 0.02)
            at = float(along + jitter[0]), PAVEMENT_M + 1.0 + float(jitter[1])
            builder.car(line.at(*at, float(turn)))
    kinds = (builder.tree, builder.lamp, builder.poster_column, builder.planter)
    for along in np.arange(1.5, length - 1.0, 4.5):
        kind = kinds[int(rng.choice(4, p=(0.34, 0.3, 0.14, 0.22)))]
        kind(line.at(float(along + rng.uniform(-0.8, 0.8)), PAVEMENT_M - 0.75))


def _roads(builder: StreetBuilder, x: list[float], z: list[float]) -> None:
    """Asphalt, centre lines and zebra crossings."""
    for center_x in x:
        for z0, z1 in zip(z[:-1], z[1:], strict=True):
            _road(builder, Frontage(center_x, z0, 0.5 * np.pi, CAMERA_HEIGHT_M), z1 - z0)
    for center_z in z:
        for x0, x1 in zip(x[:-1], x[1:], strict=True):
            _road(builder, Frontage(x0, center_z, 0.0, CAMERA_HEIGHT_M), x1 - x0)
    for center_x in x:
        for center_z in z:
            middle = Frontage(center_x, center_z, 0.0, CAMERA_HEIGHT_M)
            _asphalt(builder, middle, (-ROAD_HALF_M, ROAD_HALF_M))


def _road(builder: StreetBuilder, line: Frontage, length: float) -> None:
    """The road between two crossings; ``line`` runs along its middle from crossing to crossing."""
    _asphalt(builder, line, (ROAD_HALF_M, length - ROAD_HALF_M))
    white = builder.atlas.index("concrete")
    for along in np.arange(ROAD_HALF_M + 5.0, length - ROAD_HALF_M - 6.0, 4.0):
        start = float(builder.rng.integers(512)), float(builder.rng.integers(512))
        builder.decal(line, (float(along), float(along) + 2.0), (-0.07, 0.07), Paint(white, start=start))
    for along in (ROAD_HALF_M + 0.8, length - ROAD_HALF_M - 3.6):
        for out in np.arange(-ROAD_HALF_M + 0.4, ROAD_HALF_M - 0.5, 1.0):
            start = float(builder.rng.integers(512)), float(builder.rng.integers(512))
            builder.decal(
                line, (along, along + 2.8), (float(out), float(out) + 0.5), Paint(white, start=start)
            )


def _asphalt(builder: StreetBuilder, line: Frontage, along: tuple[float, float]) -> None:
    start = float(builder.rng.integers(1024)), float(builder.rng.integers(1024))
    paint = Paint(builder.atlas.index("asphalt"), start=start)
    line.top(builder.rectangles, along, (-ROAD_HALF_M, ROAD_HALF_M), 0.0, paint)


def _sky(builder: StreetBuilder) -> None:
    """Clouds on a huge ceiling: seen from below, u runs along x and v along z."""
    side = 2 * SKY_HALF_M
    paint = Paint(builder.atlas.index("clouds"), cell=(512 * 7, 512 * 7))
    corner = (-SKY_HALF_M, -SKY_HEIGHT_M, -SKY_HALF_M)
    builder.rectangles.add(corner, (side, 0.0, 0.0), (0.0, 0.0, side), paint)
