"""Turns a scene into Open3D geometry, for the window and for the picture alike.

Imports Open3D, so only the graphics processes may import this module.
"""

import numpy as np
import open3d as o3d
from numpy.typing import NDArray
from open3d.visualization import rendering

from vo_frontend.types import Status
from vo_frontend.viewer import palette
from vo_frontend.viewer.layers import Layer
from vo_frontend.viewer.line_shapes import drop_close_cameras, drop_close_positions, frustum_line
from vo_frontend.viewer.scene import Colors, Points, SceneSnapshot
from vo_frontend.viewer.viewpoint import Vector

POINT_SIZE_PX = 3.0
LINE_WIDTH_PX = 3.0
STRIDE = 0.1  # between drawn positions, in frustum sizes; the edges of wide and short strokes fray
GAP_WIDTH = 2.0  # of a lost stretch around the path, in widths of the path
# What is drawn, by the name of the geometry, or what it begins with.
LAYER_OF = {
    "retired": Layer.LANDMARKS,
    "active": Layer.LANDMARKS,
    "keyframes": Layer.KEYFRAMES,
    "trajectory": Layer.PATH,
    "ground truth": Layer.GROUND_TRUTH,
    "loops, before": Layer.LOOPS,
    "loops, corrected": Layer.LOOPS,
    "gaps": Layer.LOOPS,
    "camera": Layer.PATH,
}
CHUNK = 4096  # points of a geometry of retired landmarks; a full one is not drawn again until it changes
BEHIND = 0.01  # of the distance to the eye; more than the error of a good estimate


class ScenePainter:
    """Keeps the geometry of an Open3D scene equal to the latest snapshot.

    Args:
        scene: the Open3D scene, which this object owns from now on.
        px: size of a drawn pixel, above 1 on dense displays.
    """

    def __init__(self, scene: rendering.Open3DScene, px: float = 1.0) -> None:
        self._scene = scene
        self._px = px
        self._hidden: set[Layer] = set()
        self._chunks: list[Points] = []  # of retired landmarks, as they are drawn
        self._true_path: Points = np.empty((0, 3), np.float32)
        scene.set_background([*palette.BACKGROUND, 1.0])
        scene.view.set_post_processing(False)  # tone mapping would wash out the colours

    def toggle(self, layer: Layer) -> None:
        """Hide a layer, or show it again."""
        self._hidden ^= {layer}
        names = [*LAYER_OF, *map(_chunk_name, range(len(self._chunks)))]
        for name in names:
            if _layer_of(name) is layer and self._scene.has_geometry(name):
                self._scene.show_geometry(name, layer not in self._hidden)

    def paint(self, snapshot: SceneSnapshot, eye: Vector) -> None:
        """Draw a snapshot in place of the previous one, as seen from ``eye`` (3,) in scene coordinates."""
        self._retired(snapshot.retired_points, snapshot.retired_colors)
        self._cloud("active", snapshot.active_points, snapshot.active_colors, 1.5 * POINT_SIZE_PX)
        size = 0.06 * snapshot.landmark_distance
        paths = [drop_close_positions(path, STRIDE * size) for path in snapshot.trajectories]
        colors = [palette.segment_color(i) for i in range(len(paths))]
        self._lines("trajectory", paths, colors, 1.2 * LINE_WIDTH_PX)
        self._true_path = drop_close_positions(snapshot.ground_truth, STRIDE * size)
        self.turn_to(eye)
        T_scene_shown = drop_close_cameras(snapshot.T_scene_keyframes, size)
        keyframes = [frustum_line(T_scene_cam, size) for T_scene_cam in T_scene_shown]
        self._lines("keyframes", keyframes, [palette.KEYFRAME] * len(keyframes), 0.4 * LINE_WIDTH_PX)
        self._lines_of_loops(snapshot.loops)
        gaps = list(snapshot.gaps)
        self._lines("gaps", gaps, [palette.LOST_CAMERA] * len(gaps), GAP_WIDTH * LINE_WIDTH_PX)
        if snapshot.T_scene_cam is not None:
            color = palette.LOST_CAMERA if snapshot.status is Status.LOST else palette.CAMERA
            self._lines("camera", [frustum_line(snapshot.T_scene_cam, 2 * size)], [color], LINE_WIDTH_PX)

    def _retired(self, points: Points, colors: Colors) -> None:
        """Draw landmarks that have left the local map, in chunks: most stay as they are."""
        chunks = [points[start : start + CHUNK] for start in range(0, len(points), CHUNK)]
        for number, chunk in enumerate(chunks):
            if number >= len(self._chunks) or not np.array_equal(self._chunks[number], chunk):
                start = number * CHUNK
                self._cloud(_chunk_name(number), chunk, colors[start : start + CHUNK], POINT_SIZE_PX)
        for number in range(len(chunks), len(self._chunks)):
            self._scene.remove_geometry(_chunk_name(number))
        self._chunks = chunks

    def _lines_of_loops(self, loops: NDArray[np.float32]) -> None:
        """Join old and new keyframes (L, 3, 3): where the new one was before its correction, and is."""
        for name, end, color in (("before", 1, palette.LOOP_BEFORE), ("corrected", 2, palette.LOOP)):
            edges = [loop[[0, end]] for loop in loops]
            self._lines(f"loops, {name}", edges, [color] * len(edges), LINE_WIDTH_PX)

    def turn_to(self, eye: Vector) -> None:
        """Draw the true path again for a new ``eye`` (3,), in scene coordinates.

        The estimate must stay visible where it runs just below the true path. So the true path moves
        away from the eye, along the lines of sight: in the picture it stays where it was.
        """
        path = eye + (1 + BEHIND) * (self._true_path - eye)
        self._lines("ground truth", [path.astype(np.float32)], [palette.GROUND_TRUTH], 2.6 * LINE_WIDTH_PX)

    def _cloud(self, name: str, points: Points, colors: Colors, size_px: float) -> None:
        """Replace a named cloud by points (N, 3) with RGB colours (N, 3) uint8."""
        self._scene.remove_geometry(name)
        if not _has_extent(points):
            return
        cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points.astype(np.float64)))
        cloud.colors = o3d.utility.Vector3dVector(palette.brighten(colors))
        material = rendering.MaterialRecord()
        material.shader = "defaultUnlit"
        material.point_size = size_px * self._px
        self._add(name, cloud, material)

    def _lines(
        self, name: str, polylines: list[Points], colors: list[palette.Color], width_px: float
    ) -> None:
        """Replace named lines by polylines (N_i, 3), each in its colour."""
        self._scene.remove_geometry(name)
        drawn = [(line, color) for line, color in zip(polylines, colors, strict=True) if _has_extent(line)]
        if not drawn:
            return
        starts = np.cumsum([0] + [len(line) for line, _ in drawn])
        edges = [
            start + np.stack([np.arange(len(line) - 1), np.arange(1, len(line))], axis=1)
            for start, (line, _) in zip(starts, drawn, strict=False)
        ]
        lines = o3d.geometry.LineSet(
            o3d.utility.Vector3dVector(np.concatenate([line for line, _ in drawn]).astype(np.float64)),
            o3d.utility.Vector2iVector(np.concatenate(edges).astype(np.int32)),
        )
        edge_colors = np.concatenate([np.tile(color, (len(line) - 1, 1)) for line, color in drawn])
        lines.colors = o3d.utility.Vector3dVector(edge_colors)
        material = rendering.MaterialRecord()
        material.shader = "unlitLine"
        material.line_width = width_px * self._px
        self._add(name, lines, material)

    def _add(self, name: str, geometry: o3d.geometry.Geometry3D, material: rendering.MaterialRecord) -> None:
        self._scene.add_geometry(name, geometry, material)
        if _layer_of(name) in self._hidden:
            self._scene.show_geometry(name, False)


def _chunk_name(number: int) -> str:
    return f"retired/{number}"


def _layer_of(name: str) -> Layer:
    return LAYER_OF[name.partition("/")[0]]


def _has_extent(points: Points) -> bool:
    """Return whether points (N, 3) are not all equal: Open3D crashes on a geometry of no size."""
    return len(points) > 1 and bool((points != points[0]).any())
