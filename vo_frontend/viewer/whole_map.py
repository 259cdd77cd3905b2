"""Choose what the window shows of the whole map: all paths, and the landmarks near them."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from vo_frontend.viewer.scene import Points, SceneSnapshot
from vo_frontend.viewer.viewpoint import Vector, Viewpoint, overview

CLOUD_SHARE = 0.9  # of the points, per axis, that must be in view
REACH = 1.0  # in landmark distances: points farther than that from the paths need not be in view
BORDER = 0.25  # of the size of what must be in view: points that close to it are drawn too


def frame_whole_map(snapshot: SceneSnapshot, aspect: float) -> tuple[SceneSnapshot, Viewpoint]:
    """Look at the whole map from above, and leave out landmarks that are too far away to matter.

    Otherwise a few landmarks at the horizon would make everything else small.

    Args:
        snapshot: not empty.
        aspect: width over height of the picture.

    Returns:
        The snapshot without far landmarks, and the viewpoint.
    """
    assert snapshot.T_scene_cam is not None, "a scene without a pose has no whole"
    near = (
        0.2 * snapshot.landmark_distance * np.array([[-1], [1]])
    )  # a camera that never moved must be visible too
    around_camera = (snapshot.T_scene_cam[:3, 3] + near).astype(np.float32)
    paths = np.concatenate([*snapshot.trajectories, snapshot.ground_truth, around_camera])
    cloud = np.concatenate([snapshot.retired_points, snapshot.active_points])
    low, high = box_around_most(cloud, paths, CLOUD_SHARE, REACH * snapshot.landmark_distance)
    border = BORDER * (high - low)
    active = _inside(snapshot.active_points, low - border, high + border)
    retired = _inside(snapshot.retired_points, low - border, high + border)
    framed = dataclasses.replace(
        snapshot,
        active_points=snapshot.active_points[active],
        active_colors=snapshot.active_colors[active],
        retired_points=snapshot.retired_points[retired],
        retired_colors=snapshot.retired_colors[retired],
    )
    must_see = np.concatenate([paths, cloud[_inside(cloud, low, high)]])
    return framed, overview(must_see, aspect)


def box_around_most(cloud: Points, paths: Points, share: float, reach: float) -> tuple[Vector, Vector]:
    """Return a box around all of the paths and most of the cloud, as its lowest and highest corner (3,).

    Args:
        cloud: (N, 3); ignored when N is 0.
        paths: (M, 3), M >= 1; always inside.
        share: of the cloud that is inside, per axis; cut symmetrically at both ends.
        reach: the box ends at most this far beyond the paths, in scene units.
    """
    low, high = paths.min(axis=0).astype(np.float64), paths.max(axis=0).astype(np.float64)
    if not len(cloud):
        return low, high
    tail = 50 * (1 - share)
    cloud_low, cloud_high = np.percentile(cloud, [tail, 100 - tail], axis=0)
    return np.clip(cloud_low, low - reach, low), np.clip(cloud_high, high, high + reach)


def _inside(points: Points, low: Vector, high: Vector) -> NDArray[np.bool_]:
    """Return which points (N, 3) lie in the box with corners (3,): (N,)."""
    return np.asarray(((points >= low) & (points <= high)).all(axis=1))
