"""A pose graph of any size: laps round a circle, with drift, and loops from each lap to the one before."""

import numpy as np

from vo_frontend.atlas.pose_graph import EdgeKind, PoseGraph
from vo_frontend.geometry import se3

NUM_LAPS = 10
LOOP_EVERY = 50  # keyframes, from the second lap on
SIGMA_RAD, SIGMA, SIGMA_LOG_SCALE = 0.002, 0.02, 0.002  # of an edge; keyframes are 1 apart


def drifted_laps(num_keyframes: int) -> PoseGraph:
    """Return the graph of one camera where odometry has put the keyframes; at least 2 a lap."""
    rng = np.random.default_rng(0)
    index, per_lap = np.arange(num_keyframes), num_keyframes // NUM_LAPS
    angle_rad = 2 * np.pi * index / per_lap
    turns = se3.so3_exp(np.stack([0 * angle_rad, angle_rad, 0 * angle_rad], axis=1))
    centres = np.stack([1 - np.cos(angle_rad), 0 * angle_rad, np.sin(angle_rad)], axis=1)
    T_world_cam = se3.from_rotation_translation(turns, per_lap / (2 * np.pi) * centres)
    again = index[per_lap::LOOP_EVERY]
    i = np.concatenate([index[:-1], index[:-2], index[:-3], again - per_lap])
    j = np.concatenate([index[1:], index[2:], index[3:], again])
    kinds = EdgeKind.ODOMETRY, EdgeKind.COVISIBILITY, EdgeKind.COVISIBILITY, EdgeKind.LOOP
    kind = np.repeat(kinds, [num_keyframes - 1, num_keyframes - 2, num_keyframes - 3, len(again)])
    twists = rng.normal(size=(len(i), 6)) * np.repeat([SIGMA, SIGMA_RAD], 3)
    T_i_j = se3.inverse(T_world_cam[i]) @ T_world_cam[j] @ np.stack([se3.exp(twist) for twist in twists])
    start = [T_world_cam[0]]
    for motion in T_i_j[: num_keyframes - 1]:
        start.append(start[-1] @ motion)
    num_edges = len(i)
    return PoseGraph(
        T_world_cam=np.stack(start),
        fixed=0,
        i=i,
        j=j,
        T_i_j=T_i_j,
        sigma_rotation_rad=np.full(num_edges, SIGMA_RAD),
        sigma_translation=np.full(num_edges, SIGMA),
        kind=kind,
        scale_i_j=np.exp(SIGMA_LOG_SCALE * rng.normal(size=num_edges)),
        sigma_log_scale=np.full(num_edges, SIGMA_LOG_SCALE),
    )
