"""Turns a scene into Open3D geometry, the same way for the window and for the picture.

Imports Open3D, so only the graphics processes may import this module.
"""

import numpy as np
import open3d as o3d
from numpy.typing import NDArray
from open3d.visualization import rendering

from vo_frontend.types import Status
from vo_frontend.viewer import palette
from vo_frontend.viewer.scene import Colors, Points, SceneSnapshot

POINT_SIZE_PX = 3.0
LINE_WIDTH_PX = 3.0


class ScenePainter:
    """Keeps the geometry of an Open3D scene equal to the latest snapshot.

    Args:
        scene: the Open3D scene, which this object owns from now on.
        px: size of a drawn pixel, above 1 on dense displays.
    """

    def __init__(self, scene: rendering.Open3DScene, px: float = 1.0) -> None:
        self._scene = scene
        self._px = px
        self._painted_retired: Points | None = None
        scene.set_background([*palette.BACKGROUND, 1.0])
        scene.view.set_post_processing(False)  # tone mapping would wash out the colours

    def paint(self, snapshot: SceneSnapshot) -> None:
        """Draw a snapshot in place of the one before."""
        if not _same_cloud(self._painted_retired, snapshot.retired_points):
            self._cloud("retired", snapshot.retired_points, snapshot.retired_colors, POINT_SIZE_PX)
            self._painted_retired = snapshot.retired_points
        self._cloud("active", snapshot.active_points, snapshot.active_colors, 1.5 * POINT_SIZE_PX)
        self._lines("ground truth", [snapshot.ground_truth], [palette.GROUND_TRUTH], LINE_WIDTH_PX)
        colors = [palette.of_segment(i) for i in range(len(snapshot.trajectories))]
        self._lines("trajectory", snapshot.trajectories, colors, 1.5 * LINE_WIDTH_PX)
        size = 0.06 * snapshot.landmark_distance
        keyframes = [frustum(T_scene_cam, size) for T_scene_cam in snapshot.T_scene_keyframes]
        self._lines("keyframes", keyframes, [palette.KEYFRAME] * len(keyframes), 0.4 * LINE_WIDTH_PX)
        if snapshot.T_scene_cam is not None:
            color = palette.LOST_CAMERA if snapshot.status is Status.LOST else palette.CAMERA
            self._lines("camera", [frustum(snapshot.T_scene_cam, 2 * size)], [color], LINE_WIDTH_PX)

    def _cloud(self, name: str, points: Points, colors: Colors, size_px: float) -> None:
        self._scene.remove_geometry(name)
        if not _has_extent(points):
            return
        cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points.astype(np.float64)))
        cloud.colors = o3d.utility.Vector3dVector(palette.lifted(colors))
        material = rendering.MaterialRecord()
        material.shader = "defaultUnlit"
        material.point_size = size_px * self._px
        self._scene.add_geometry(name, cloud, material)

    def _lines(
        self,
        name: str,
        polylines: "tuple[Points, ...] | list[Points]",
        colors: list[palette.Color],
        width_px: float,
    ) -> None:
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
        self._scene.add_geometry(name, lines, material)


def frustum(T_scene_cam: NDArray[np.floating], size: float) -> Points:
    """One stroke (11, 3) along every edge of a camera: a pyramid, with a roof that shows what is up."""
    w, h, z = 0.8 * size, 0.6 * size, size
    a, b, c, d = [-w, -h, z], [w, -h, z], [w, h, z], [-w, h, z]
    apex, roof = [0.0, 0.0, 0.0], [0.0, -1.5 * h, z]
    stroke = np.array([c, apex, a, b, apex, d, a, roof, b, c, d])
    return (stroke @ T_scene_cam[:3, :3].T + T_scene_cam[:3, 3]).astype(np.float32)


def _has_extent(points: Points) -> bool:
    """Whether there are two different points: Open3D crashes on a geometry of no size."""
    return len(points) > 1 and bool((points != points[0]).any())


def _same_cloud(painted: Points | None, points: Points) -> bool:
    """Retired points never move: same number and same last point means the same cloud."""
    if painted is None or len(painted) != len(points):
        return False
    return not len(points) or bool((painted[-1] == points[-1]).all())
