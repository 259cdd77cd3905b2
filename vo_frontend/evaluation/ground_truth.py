"""Read a sequence's ground truth, after the run: it never reaches the estimator."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import TrajectoryError
from vo_frontend.formats.trajectories import (
    PoseFile,
    TrajectoryFormat,
    poses_from_matrices,
    read_poses,
    read_times,
)
from vo_frontend.geometry.se3 import Transform
from vo_frontend.types import GroundTruthSpec, Trajectory

_SEVEN_SCENES_POSE = re.compile(r"frame-(\d+)\.pose\.txt$")


def load_ground_truth(spec: GroundTruthSpec) -> Trajectory:
    """Load the poses ``T_world_body`` of the body whose motion the ground truth describes.

    KITTI and 7-Scenes: of the camera; TUM: of the camera; EuRoC: of the IMU. Where that is not the
    camera of the estimate, see :func:`ground_truth_of_camera`.

    Raises:
        TrajectoryError: a file is missing, malformed, empty, or not of the format the spec says.
    """
    if spec.format == "7scenes":
        return _seven_scenes(spec.path, spec.rate_hz)
    if spec.format not in [format_.value for format_ in TrajectoryFormat]:
        raise TrajectoryError(
            f"{spec.path}: ground-truth format '{spec.format}', expected kitti, tum, euroc or 7scenes"
        )
    poses = read_poses(spec.path)
    if not len(poses):
        raise TrajectoryError(f"{spec.path}: holds no poses, expected ground truth")
    if poses.format.value != spec.format:
        raise TrajectoryError(
            f"{spec.path}: looks like a {poses.format.value} trajectory, expected {spec.format} ground truth"
        )
    if poses.format is TrajectoryFormat.KITTI:
        poses = poses.with_times(_kitti_times(poses, spec))
    return poses.trajectory


def ground_truth_of_camera(ground_truth: Trajectory, T_body_cam: Transform) -> Trajectory:
    """Return the poses ``T_world_cam`` of a camera fixed to the body of ``ground_truth`` by a (4, 4) pose."""
    return Trajectory(ground_truth.timestamps_ns, ground_truth.T_world_cam @ T_body_cam)


def frame_times_ns(frame_numbers: NDArray[np.int64], rate_hz: float) -> NDArray[np.int64]:
    """Make times (N,) of frame numbers (N,), where nothing else is known of their time."""
    return np.array([round(number * 1e9 / rate_hz) for number in frame_numbers.tolist()], dtype=np.int64)


def _kitti_times(poses: PoseFile, spec: GroundTruthSpec) -> NDArray[np.int64]:
    if spec.times_path is None:
        return frame_times_ns(np.arange(len(poses)), spec.rate_hz)
    return read_times(spec.times_path)


def _seven_scenes(folder: Path, rate_hz: float) -> Trajectory:
    matched = [(_SEVEN_SCENES_POSE.search(path.name), path) for path in folder.glob("frame-*.pose.txt")]
    numbered = sorted((int(match[1]), path) for match, path in matched if match)
    if not numbered:
        raise TrajectoryError(f"{folder}: no frame-XXXXXX.pose.txt found, expected one per frame (7-Scenes)")
    matrices = np.array([_matrix(path) for _, path in numbered])
    T_world_cam = poses_from_matrices(matrices[:, :3], [str(path) for _, path in numbered])
    return Trajectory(frame_times_ns(np.array([number for number, _ in numbered]), rate_hz), T_world_cam)


def _matrix(path: Path) -> NDArray[np.float64]:
    try:
        values = [float(text) for text in path.read_text(encoding="utf-8").split()]
    except OSError as error:
        raise TrajectoryError(f"{path}: cannot read the file ({error.strerror})") from None
    except ValueError:
        raise TrajectoryError(f"{path}: holds something else than numbers, expected a 4x4 matrix") from None
    if len(values) != 16:
        raise TrajectoryError(f"{path}: got {len(values)} numbers, expected the 16 of a 4x4 matrix")
    return np.array(values).reshape(4, 4)
