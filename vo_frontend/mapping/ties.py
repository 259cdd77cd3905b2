"""What holds keyframes together once they have left the local map, and how points follow them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform
from vo_frontend.mapping.keyframe import Keyframe

NUM_TIES = 3  # of a keyframe to those that share most landmarks with it


@dataclass(frozen=True, slots=True)
class Tie:
    """Gives the motion between two keyframes as the local map knew it when one of them left."""

    frame_index: int
    other_index: int
    T_cam_other: Transform  # (4, 4) from the camera of the other to that of the first
    num_shared: int  # landmarks that both see
    depth: float  # of the scene before the first, in map units: median of its landmarks


def ties_of(
    keyframes: Sequence[Keyframe],
    position: int,
    shared: NDArray[np.int64],
    among: NDArray[np.int64],
    points_world: NDArray[np.float64],
) -> list[Tie]:
    """Tie a keyframe to the next one and to those that share most landmarks with it.

    Args:
        keyframes: K of the window, oldest first.
        position: of the keyframe.
        shared: (K,) landmarks that each shares with it.
        among: (A,) positions that come into question, ascending.
        points_world: (M, 3) landmarks that the keyframe sees.
    """
    others = among[among != position]
    most = others[np.argsort(-shared[others], kind="stable")][:NUM_TIES]
    chosen = np.union1d(others[others > position][:1], most[shared[most] > 0])
    keyframe = keyframes[position]
    T_cam_world = se3.inverse(keyframe.T_world_cam)
    depths = se3.transform_points(T_cam_world, points_world)[:, 2]
    depth = float(np.median(depths)) if len(depths) else 0.0
    return [
        Tie(
            keyframe.view.frame_index,
            keyframes[k].view.frame_index,
            T_cam_world @ keyframes[k].T_world_cam,
            int(shared[k]),
            depth,
        )
        for k in chosen.tolist()
    ]


def carried(
    points_world: NDArray[np.float64],
    anchor: NDArray[np.int64],
    T_old: NDArray[np.float64],
    T_new: NDArray[np.float64],
    scales: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Move points (M, 3) with the keyframes that they hang on: ``T_new (scale * T_old^-1 x)``.

    Args:
        points_world: (M, 3) in map units.
        anchor: (M,) position of each one's keyframe.
        T_old: (K, 4, 4) T_world_cam of the keyframes before.
        T_new: (K, 4, 4) and after.
        scales: (K,) by which distances from each keyframe grow.
    """
    R = scales[:, None, None] * T_new[:, :3, :3] @ T_old[:, :3, :3].swapaxes(1, 2)
    from_anchor = points_world - T_old[anchor, :3, 3]
    return np.asarray(T_new[anchor, :3, 3] + np.einsum("mij,mj->mi", R[anchor], from_anchor))
