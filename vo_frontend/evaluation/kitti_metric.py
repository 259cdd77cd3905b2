"""Drift per distance as on the KITTI odometry benchmark (Geiger et al., CVPR 2012, and its devkit)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import TrajectoryError
from vo_frontend.evaluation.rpe import path_lengths, relative_errors

STANDARD_LENGTHS_M = (100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0, 800.0)
STANDARD_STEP = 10  # poses between two starts, as in the devkit
SHORT_LENGTHS_M = (5.0, 10.0, 20.0, 50.0)  # ours, for sequences the benchmark has no length for


@dataclass(frozen=True, slots=True)
class KittiErrors:
    """Mean drift over all pieces of the given lengths."""

    lengths_m: tuple[float, ...]  # those for which the path was long enough
    is_standard: bool  # False: shorter lengths than the benchmark's, do not compare with its table
    num_pieces: int
    t_rel_percent: float
    r_rel_deg_per_100m: float


def kitti_errors(T_world_cam: NDArray[np.float64], T_world_cam_gt: NDArray[np.float64]) -> KittiErrors:
    """Compute t_rel and r_rel of aligned poses (N, 4, 4) against true ones (N, 4, 4), in metres.

    Lengths are 100..800 m. A path of less than 100 m is judged by 5..50 m and every start instead
    of every tenth.

    Raises:
        TrajectoryError: the path is shorter than the shortest length.
    """
    path_m = path_lengths(T_world_cam_gt[:, :3, 3])
    is_standard = bool(path_m[-1] > STANDARD_LENGTHS_M[0])
    lengths_m = STANDARD_LENGTHS_M if is_standard else SHORT_LENGTHS_M
    starts = np.arange(0, len(path_m), STANDARD_STEP if is_standard else 1)

    used_m, translation, rotation_deg_per_m = [], [], []
    for length_m in lengths_m:
        last = np.searchsorted(path_m, path_m[starts] + length_m, side="right")
        is_inside = last < len(path_m)
        if not is_inside.any():
            break
        errors = relative_errors(T_world_cam, T_world_cam_gt, (starts[is_inside], last[is_inside]))
        used_m.append(length_m)
        translation.append(errors.translation_m / length_m)
        rotation_deg_per_m.append(errors.rotation_deg / length_m)
    if not used_m:
        raise TrajectoryError(f"the path of {path_m[-1]:.2f} m is shorter than {lengths_m[0]:g} m")
    return KittiErrors(
        lengths_m=tuple(used_m),
        is_standard=is_standard,
        num_pieces=sum(map(len, translation)),
        t_rel_percent=float(100 * np.concatenate(translation).mean()),
        r_rel_deg_per_100m=float(100 * np.concatenate(rotation_deg_per_m).mean()),
    )
