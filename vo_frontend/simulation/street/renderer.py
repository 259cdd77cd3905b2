"""A street that can be looked at from anywhere."""

import copy
import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.simulation.street import projection_kernels, raster_kernels, sensor_kernels
from vo_frontend.simulation.street.mipmaps import pack_layers
from vo_frontend.simulation.street.path import ground_plan
from vo_frontend.simulation.street.rectangles import Rectangles
from vo_frontend.simulation.street.textures import paint_layers
from vo_frontend.simulation.street.world import build_city
from vo_frontend.types import Image

_BAND_ROWS = 16  # small enough that threads finish together
_HAZE = np.array((206.0, 214.0, 224.0))  # where there is nothing at all


@lru_cache(maxsize=4)
def load_street(seed: int) -> "Street":
    """Build a street, or return one of the last four: painting takes two seconds, keeping it 64 MiB."""
    return Street(seed)


class Street:
    """The textured city of one seed. Pictures depend on pose and camera only; safe to share by threads."""

    def __init__(self, seed: int = 0) -> None:
        self.atlas = pack_layers(paint_layers(np.random.default_rng([seed, 2])))
        self.rectangles = build_city(ground_plan(seed), self.atlas, np.random.default_rng([seed, 3]))

    def under(self, rectangles: Rectangles) -> "Street":
        """Return the street with other rectangles and the same textures, e.g. in other light."""
        street = copy.copy(self)
        street.rectangles = rectangles
        return street

    def render(self, T_world_cam: Transform, camera: PinholeCamera) -> tuple[Image, NDArray[np.float32]]:
        """Take a perfect picture from a pose (4, 4).

        Returns:
            image: (H, W, 3) RGB, without noise.
            depth_m: (H, W) z at the pixel centres, metres; NaN where the view is empty.
        """
        colors, depth_m = self.render_colors(T_world_cam, camera)
        image = np.empty(colors.shape, np.uint8)
        sensor_kernels.expose(colors.reshape(-1), 1.0, 0.0, 0, image.reshape(-1))
        return image, depth_m

    def render_colors(
        self, T_world_cam: Transform, camera: PinholeCamera, num_threads: int | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Take the picture of :meth:`render` with unrounded colours (H, W, 3), 0..255 and a little above.

        The depth is (H, W), m. One thread per CPU unless ``num_threads`` says otherwise: same result.
        """
        T_cam_world = se3.inverse(T_world_cam)
        city, atlas = self.rectangles, self.atlas
        ids, planes, bounds, rows, nearest = projection_kernels.project_rectangles(
            city.corner, city.edge_u, city.edge_v,
            np.ascontiguousarray(T_cam_world[:3, :3]), np.ascontiguousarray(T_cam_world[:3, 3]),
            camera.fx, camera.fy, camera.cx, camera.cy, camera.width, camera.height,
        )  # fmt: skip
        order = np.argsort(nearest, kind="stable")  # near things first: what they hide costs less
        ids, planes, bounds, rows = ids[order], planes[order], bounds[order], rows[order]
        colors = np.empty((camera.height, camera.width, 3), np.float32)
        depth_m = np.empty((camera.height, camera.width), np.float32)

        def render_band(first_row: int) -> None:
            raster_kernels.render_rows(
                first_row, min(first_row + _BAND_ROWS, camera.height), ids, planes, bounds, rows,
                city.layer, city.uv, city.tint,
                atlas.texels, atlas.level_start, atlas.layer_size, atlas.cutout, _HAZE, colors, depth_m,
            )  # fmt: skip

        with ThreadPoolExecutor(num_threads or os.cpu_count()) as pool:
            list(pool.map(render_band, range(0, camera.height, _BAND_ROWS)))
        return colors, depth_m
