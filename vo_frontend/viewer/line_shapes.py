"""Lines of a scene: frusta of cameras, and paths and cameras thinned so that they stay legible."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.viewer.scene import Points


def frustum_line(T_scene_cam: NDArray[np.floating], size: float) -> Points:
    """Return a polyline (11, 3) along all edges of a camera pyramid, with a roof that shows which way is up.

    Args:
        T_scene_cam: (4, 4) pose.
        size: height of the pyramid, in scene units.
    """
    w, h, z = 0.8 * size, 0.6 * size, size
    a, b, c, d = [-w, -h, z], [w, -h, z], [w, h, z], [-w, h, z]
    apex, roof = [0.0, 0.0, 0.0], [0.0, -1.5 * h, z]
    stroke = np.array([c, apex, a, b, apex, d, a, roof, b, c, d])
    return (stroke @ T_scene_cam[:3, :3].T + T_scene_cam[:3, 3]).astype(np.float32)


def drop_close_positions(path: Points, stride: float) -> Points:
    """Thin a path (N, 3) to one position about every ``stride`` scene units; keeps both ends."""
    lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
    steps = np.floor(np.cumsum(lengths) / stride)
    is_kept = np.ones(len(path), bool)
    is_kept[1:-1] = np.diff(steps) > 0
    return path[is_kept]


def drop_close_cameras(T_scene_cams: NDArray[np.floating], spacing: float) -> list[NDArray[np.floating]]:
    """Keep cameras that do not hide each other.

    Args:
        T_scene_cams: (N, 4, 4) poses in time order.
        spacing: least step between two, of the camera or of the point that far ahead; scene units.

    Returns:
        The kept poses (4, 4), in time order.
    """
    chosen: list[NDArray[np.floating]] = []
    for T_scene_cam in T_scene_cams:
        step = T_scene_cam - chosen[-1] if chosen else np.full((4, 4), np.inf)
        ahead = step[:3, 3] + spacing * step[:3, 2]
        if max(np.linalg.norm(step[:3, 3]), np.linalg.norm(ahead)) >= spacing:
            chosen.append(T_scene_cam)
    return chosen
