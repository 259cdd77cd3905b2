"""What stands in the street: houses, parked cars, trees, lamps, poster columns."""

from dataclasses import dataclass

import numpy as np

from vo_frontend.simulation.street.mipmaps import TextureAtlas
from vo_frontend.simulation.street.noise import pick_color
from vo_frontend.simulation.street.rectangles import Frontage, Paint, Point, RectangleList
from vo_frontend.simulation.street.textures import ATLAS_CELLS, NUM_FACADES

SHOP_HEIGHT_M = 4.0
CARS = (
    (226, 226, 224),
    (168, 172, 176),
    (44, 46, 52),
    (46, 74, 128),
    (168, 42, 40),
    (54, 92, 74),
    (214, 172, 60),
)
AWNINGS = (176, 54, 48), (52, 104, 84), (212, 190, 140), (60, 84, 130)


@dataclass(frozen=True, slots=True)
class StreetBuilder:
    """Puts things along frontages, at random from ``rng``."""

    rectangles: RectangleList
    atlas: TextureAtlas
    rng: np.random.Generator

    def row_of_houses(self, line: Frontage, length_m: float) -> None:
        """Fill a frontage with houses of different width, height and setback."""
        count = max(1, round(length_m / 8.0))
        shares = self.rng.uniform(0.75, 1.25, count)
        edges = np.concatenate([[0.0], np.cumsum(shares / shares.sum())]) * length_m
        for left, right in zip(edges[:-1], edges[1:], strict=True):
            self._house(line.at(float(left), 0.0), float(right - left))

    def car(self, line: Frontage) -> None:
        """Park a car, 4.2 m long, centred on the start of ``line``."""
        red, green, blue = (channel / 225 for channel in pick_color(self.rng, CARS))
        tint, layer = (red, green, blue), self.atlas.index("car")

        def part(x: int, y: int, height: int = 256) -> Paint:
            return Paint(layer, tint=tint, start=(256 * x, 256 * y), cell=(255, height))

        self.decal(
            line, (-2.3, 2.3), (-1.0, 1.0), Paint(self.atlas.index("asphalt"), tint=(0.35, 0.35, 0.36))
        )
        line.box(self.rectangles, (-2.1, 2.1), (-0.85, 0.85), (0.06, 0.86), part(0, 0), part(1, 0), back=True)
        line.box(self.rectangles, (-1.3, 1.5), (-0.75, 0.75), (0.86, 1.42), part(0, 1), part(1, 1), back=True)

    def tree(self, line: Frontage) -> None:
        """Plant a tree: a trunk and crossing planes of leaves."""
        bark = self._concrete((0.42, 0.33, 0.26), density=110)
        line.box(self.rectangles, (-0.14, 0.14), (-0.14, 0.14), (0.0, 3.0), bark, back=True)
        shade = float(self.rng.uniform(0.8, 1.2))
        leaves = Paint(self.atlas.index("leaves"), tint=(shade, shade, shade), cell=(511, 511))
        turn = self.rng.uniform(0, 1)
        for angle in np.arange(0, 2 * np.pi, np.pi / 3) + turn:  # both sides of three planes
            plane = line.at(0.0, 0.0, float(angle))
            plane.front(self.rectangles, (-1.5, 1.5), 0.0, (2.2, 5.4), leaves)

    def lamp(self, line: Frontage) -> None:
        """Put up a lamp post, often with a sign."""
        metal = self._concrete((0.3, 0.36, 0.34), density=110)
        line.box(self.rectangles, (-0.07, 0.07), (-0.07, 0.07), (0.0, 5.0), metal, back=True)
        line.box(self.rectangles, (-0.14, 0.14), (-0.14, 1.1), (5.0, 5.2), metal, back=True)
        if self.rng.random() < 0.6:
            up = (2.2, 2.9)
            line.box(self.rectangles, (-0.35, 0.35), (0.08, 0.11), up, self._poster(), metal, back=True)

    def poster_column(self, line: Frontage) -> None:
        """Put up an advertising pillar."""
        line.box(
            self.rectangles,
            (-0.55, 0.55),
            (-0.55, 0.55),
            (0.0, 0.4),
            self._concrete((0.6, 0.6, 0.6)),
            back=True,
        )
        line.box(
            self.rectangles, (-0.5, 0.5), (-0.5, 0.5), (0.4, 2.6), self._poster(), self._poster(), back=True
        )
        line.box(
            self.rectangles, (-0.6, 0.6), (-0.6, 0.6), (2.6, 2.8), self._concrete((0.3, 0.5, 0.4)), back=True
        )

    def planter(self, line: Frontage) -> None:
        """Set down a planter with a bush."""
        line.box(
            self.rectangles, (-0.8, 0.8), (-0.3, 0.3), (0.0, 0.6), self._concrete((0.75, 0.6, 0.5)), back=True
        )
        leaves = Paint(self.atlas.index("leaves"), start=(100, 120), cell=(300, 200))
        line.box(self.rectangles, (-0.75, 0.75), (-0.25, 0.25), (0.6, 1.1), leaves, back=True)

    def decal(
        self, line: Frontage, along: tuple[float, float], out: tuple[float, float], paint: Paint
    ) -> None:
        """Lay something flat on the road."""
        line.top(self.rectangles, along, out, 0.01, paint)

    def _house(self, line: Frontage, width: float) -> None:
        setback = -float(self.rng.choice([0.0, 0.0, 0.35, 0.7, 1.1]))
        top = SHOP_HEIGHT_M + 3.2 * int(self.rng.integers(2, 5))
        style = int(self.rng.integers(NUM_FACADES))
        warmth = self.rng.uniform(0.88, 1.08, 3) * self.rng.uniform(0.85, 1.12)
        tint: Point = (float(warmth[0]), float(warmth[1]), float(warmth[2]))
        facade_layer = self.atlas.index(f"facade{style}")
        floors_down = 204.8 * int(self.rng.integers(5))
        facade = Paint(facade_layer, tint=tint, start=(float(self.rng.integers(1024)), floors_down))
        side = Paint(facade_layer, tint=tint, start=(float(self.rng.integers(1024)), floors_down))
        span, depth = (0.0, width), (setback - 7.0, setback)
        line.box(self.rectangles, span, depth, (SHOP_HEIGHT_M, top), facade, side, back=True)
        shop_layer = self.atlas.index(f"shops{self.rng.integers(2)}")
        strip = 256.0 * int(self.rng.integers(4)), 256.0 * int(self.rng.integers(4))
        line.box(
            self.rectangles, span, depth, (0.0, SHOP_HEIGHT_M), Paint(shop_layer, tint=tint, start=strip)
        )
        ledge = (setback, setback + 0.3)
        line.box(self.rectangles, span, ledge, (SHOP_HEIGHT_M - 0.25, SHOP_HEIGHT_M), self._concrete(tint))
        line.box(self.rectangles, span, (setback, setback + 0.45), (top - 0.4, top), self._concrete(tint))
        self._relief(line, width, setback, top, Paint(facade_layer, tint=tint, start=(0.0, floors_down)))

    def _relief(self, line: Frontage, width: float, setback: float, top: float, wall: Paint) -> None:
        """Give a house depth: pilasters, a bay, balconies, an awning, a poster."""
        rng = self.rng
        for along in (0.0, width - 0.4):
            pillar = self._concrete((0.85, 0.8, 0.74))
            line.box(self.rectangles, (along, along + 0.4), (setback, setback + 0.2), (0.0, top), pillar)
        kind = rng.random()
        middle = width * float(rng.uniform(0.35, 0.65))
        if kind < 0.35:
            bay = (middle - 1.3, middle + 1.3)
            line.box(self.rectangles, bay, (setback, setback + 0.9), (SHOP_HEIGHT_M + 0.1, top - 1.2), wall)
        elif kind < 0.75:
            for floor in np.arange(SHOP_HEIGHT_M + 0.15, top - 2.5, 3.2):
                slab, out = (middle - 1.4, middle + 1.4), (setback, setback + 0.9)
                line.box(self.rectangles, slab, out, (floor, floor + 0.15), self._concrete((0.8, 0.8, 0.78)))
                for along in np.arange(slab[0], slab[1], 0.4):
                    bar = (float(along), float(along) + 0.06)
                    up = (float(floor) + 0.15, float(floor) + 1.0)
                    line.front(self.rectangles, bar, out[1], up, self._concrete((0.2, 0.2, 0.22)))
                rail = (float(floor) + 1.0, float(floor) + 1.06)
                line.box(
                    self.rectangles, slab, (out[1] - 0.06, out[1]), rail, self._concrete((0.2, 0.2, 0.22))
                )
        if rng.random() < 0.4:
            red, green, blue = (channel / 190 for channel in pick_color(rng, AWNINGS))
            awning = self._concrete((red, green, blue))
            start = line.point(middle - 1.9, setback + 0.02, 3.4)
            self.rectangles.add(start, line.vector(3.8, 0, 0), line.vector(0, 1.3, -0.6), awning)
            line.front(self.rectangles, (middle - 1.9, middle + 1.9), setback + 1.32, (2.5, 2.8), awning)
        if rng.random() < 0.5:
            at = float(rng.uniform(0.5, width - 1.5))
            out, up = (setback, setback + 0.05), (1.0, 2.3)
            line.box(self.rectangles, (at, at + 0.95), out, up, self._poster())
        if rng.random() < 0.5:
            at = float(rng.uniform(0.6, width - 0.8))  # a sign that sticks out over the pavement
            line.box(
                self.rectangles,
                (at, at + 0.1),
                (setback, setback + 1.0),
                (2.9, 3.7),
                self._poster(),
                self._poster(),
            )

    def _poster(self) -> Paint:
        side = 1024 / ATLAS_CELLS
        x, y = (side * int(v) for v in self.rng.integers(0, ATLAS_CELLS, 2))
        return Paint(self.atlas.index("posters"), start=(x, y), cell=(side, side))

    def _concrete(self, tint: Point, density: float = 64.0) -> Paint:
        start = float(self.rng.integers(512)), float(self.rng.integers(512))
        return Paint(self.atlas.index("concrete"), density, tint, start)
