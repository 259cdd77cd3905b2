"""Everything in the street is a textured rectangle; most come as boxes standing along a line.

A rectangle is seen from the side where u runs to the right and v runs down.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Paint:
    """How a rectangle is textured: a layer, where in it, and a colour that multiplies it."""

    layer: int
    density: float = 64.0  # texels per metre, unless a cell is given
    tint: Point = (1.0, 1.0, 1.0)
    start: tuple[float, float] = (0.0, 0.0)  # texels at the top-left corner
    cell: tuple[float, float] | None = None  # texels over the whole rectangle, whatever its size


@dataclass(frozen=True, slots=True)
class Rectangles:
    """R textured rectangles, as arrays for the kernels. World frame, metres; see the module."""

    corner: NDArray[np.float64]  # (R, 3) top-left
    edge_u: NDArray[np.float64]  # (R, 3) to the top-right corner
    edge_v: NDArray[np.float64]  # (R, 3) to the bottom-left corner
    layer: NDArray[np.int64]  # (R,)
    uv: NDArray[np.float64]  # (R, 4) u, v at the corner and their change along the edges, texels
    tint: NDArray[np.float64]  # (R, 3)

    def __len__(self) -> int:
        return len(self.corner)


@dataclass(slots=True)
class RectangleList:
    """Collects rectangles while the street is being built."""

    _rows: list[tuple[Point, Point, Point, Paint, float]] = field(default_factory=list)

    def add(self, corner: Point, edge_u: Point, edge_v: Point, paint: Paint, light: float = 1.0) -> None:
        """Add one rectangle; ``light`` is how bright the sun makes it."""
        self._rows.append((corner, edge_u, edge_v, paint, light))

    def freeze(self) -> Rectangles:
        """Return what has been collected."""
        corners, edges_u, edges_v, paints, lights = zip(*self._rows, strict=True)
        edge_u, edge_v = np.array(edges_u), np.array(edges_v)
        size_m = np.linalg.norm(edge_u, axis=1), np.linalg.norm(edge_v, axis=1)
        uv = [
            (*paint.start, *(paint.cell or (paint.density * width, paint.density * height)))
            for paint, width, height in zip(paints, *size_m, strict=True)
        ]
        return Rectangles(
            corner=np.array(corners),
            edge_u=edge_u,
            edge_v=edge_v,
            layer=np.array([paint.layer for paint in paints], np.int64),
            uv=np.array(uv),
            tint=np.array([paint.tint for paint in paints]) * np.array(lights)[:, None],
        )


@dataclass(frozen=True, slots=True)
class Frontage:
    """A line on the ground, seen from the street: ``along`` to the right, ``out`` towards us, ``up``.

    ``angle_rad`` turns the line around the vertical: 0 runs along world x and is seen by looking along z.
    """

    origin_x: float
    origin_z: float
    angle_rad: float
    ground_y: float

    def at(self, along: float, out: float, angle_rad: float = 0.0) -> "Frontage":
        """Return the line that starts at a point of this one, turned by ``angle_rad``."""
        x, _, z = self.point(along, out, 0.0)
        return Frontage(x, z, self.angle_rad + angle_rad, self.ground_y)

    def point(self, along: float, out: float, up: float) -> Point:
        """Return the world coordinates of a point, m."""
        dx, _, dz = self.vector(along, out, up)
        return self.origin_x + dx, self.ground_y - up, self.origin_z + dz

    def vector(self, along: float, out: float, up: float) -> Point:
        """Return the world components of a displacement, m."""
        c, s = float(np.cos(self.angle_rad)), float(np.sin(self.angle_rad))
        return along * c + out * s, -up, along * s - out * c

    def light(self, along: float, out: float) -> float:
        """Light a wall whose outward normal is (along, out): the sun stands in one corner."""
        x, _, z = self.vector(along, out, 0.0)
        return 0.86 + 0.10 * x - 0.16 * z

    def front(
        self,
        rectangles: RectangleList,
        along: tuple[float, float],
        out: float,
        up: tuple[float, float],
        paint: Paint,
    ) -> None:
        """Add a wall that faces us."""
        width, height = along[1] - along[0], up[1] - up[0]
        rectangles.add(
            self.point(along[0], out, up[1]),
            self.vector(width, 0, 0),
            self.vector(0, 0, -height),
            paint,
            self.light(0, 1),
        )

    def top(
        self,
        rectangles: RectangleList,
        along: tuple[float, float],
        out: tuple[float, float],
        up: float,
        paint: Paint,
    ) -> None:
        """Add a floor, seen from above."""
        edge_u, edge_v = self.vector(along[1] - along[0], 0, 0), self.vector(0, out[1] - out[0], 0)
        rectangles.add(self.point(along[0], out[0], up), edge_u, edge_v, paint)

    def box(
        self,
        rectangles: RectangleList,
        along: tuple[float, float],
        out: tuple[float, float],
        up: tuple[float, float],
        paint: Paint,
        side: Paint | None = None,
        back: bool = False,
    ) -> None:
        """Add a box: front and both sides (painted ``side``), top, underside if raised, back if asked."""
        side = side or paint
        height = self.vector(0, 0, up[0] - up[1])
        depth = out[1] - out[0]
        self.front(rectangles, along, out[1], up, paint)
        right, left = self.vector(0, -depth, 0), self.vector(0, depth, 0)
        rectangles.add(self.point(along[1], out[1], up[1]), right, height, side, self.light(1, 0))
        rectangles.add(self.point(along[0], out[0], up[1]), left, height, side, self.light(-1, 0))
        self.top(rectangles, along, out, up[1], Paint(paint.layer, tint=paint.tint))
        if up[0] > 0.3:
            edge_u, edge_v = self.vector(along[1] - along[0], 0, 0), self.vector(0, -depth, 0)
            rectangles.add(self.point(along[0], out[1], up[0]), edge_u, edge_v, paint, 0.5)
        if back:
            edge_u = self.vector(along[0] - along[1], 0, 0)
            rectangles.add(self.point(along[1], out[0], up[1]), edge_u, height, paint, self.light(0, -1))
