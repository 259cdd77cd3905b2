"""How many images were placed how well: the protocol of long-term visual localisation.

T. Sattler et al., "Benchmarking 6DOF outdoor visual localization in changing conditions", CVPR 2018. The
world of the map is aligned with that of the truth by the map's own keyframes.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import TrajectoryError
from vo_frontend.evaluation.ground_truth import load_ground_truth
from vo_frontend.formats.localization_files import LocalizedImage
from vo_frontend.formats.seconds import parse_seconds
from vo_frontend.formats.trajectories import TrajectoryFormat, read_poses
from vo_frontend.geometry import se3
from vo_frontend.geometry.alignment import MIN_POINTS, Similarity, align
from vo_frontend.geometry.se3 import Transform
from vo_frontend.geometry.timestamps import nearest
from vo_frontend.types import GroundTruthSpec

LIMITS = ((0.25, 2.0), (0.5, 5.0), (5.0, 10.0), (0.05, 5.0))  # m, deg
MAX_DIFFERENCE_NS = 20_000_000
SEVEN_SCENES_RATE_HZ = 30.0
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True, eq=False)
class TruePoses:
    """True poses by stamp, or by number of frame where there are no stamps (KITTI)."""

    keys: NDArray[np.int64]  # (N,) ns, or frame numbers
    T_world_cam: NDArray[np.float64]  # (N, 4, 4)
    by_frame: bool
    rate_hz: float | None = None  # of numbered frames, where stamps come from their numbers

    def of_name(self, name: str) -> Transform | None:
        """Find the pose of an image by the last number in its name: a stamp in seconds, or a frame's."""
        numbers = _NUMBER.findall(Path(name).stem)
        if not numbers:
            return None
        if self.by_frame:
            return self.at(int(float(numbers[-1])))
        if self.rate_hz is not None:
            return self.at(round(int(float(numbers[-1])) * 1e9 / self.rate_hz))
        return self.at(parse_seconds(numbers[-1]))

    def at(self, key: int) -> Transform | None:
        """Find the pose of a stamp or frame number, None where there is none near."""
        row = int(nearest(np.array([key]), self.keys)[0])
        limit = 0 if self.by_frame else MAX_DIFFERENCE_NS
        return self.T_world_cam[row] if abs(int(self.keys[row]) - key) <= limit else None


@dataclass(frozen=True, slots=True, eq=False)
class LocalizationErrors:
    """Errors of the images with a true pose; infinite where none was found."""

    names: tuple[str, ...]  # N
    position_m: NDArray[np.float64]  # (N,)
    rotation_deg: NDArray[np.float64]  # (N,)

    def share_within(self, limit_m: float, limit_deg: float) -> float:
        """Return the share of images within both limits."""
        return float(((self.position_m <= limit_m) & (self.rotation_deg <= limit_deg)).mean())


def read_true_poses(path: Path) -> TruePoses:
    """Read true poses: a TUM, EuRoC or KITTI file, or a folder of 7-Scenes.

    Raises:
        TrajectoryError: there are none.
    """
    if path.is_dir():
        found = load_ground_truth(GroundTruthSpec("7scenes", path, rate_hz=SEVEN_SCENES_RATE_HZ))
        return TruePoses(found.timestamps_ns, found.T_world_cam, False, SEVEN_SCENES_RATE_HZ)
    poses = read_poses(path)
    if not len(poses):
        raise TrajectoryError(f"{path}: holds no poses, expected the truth")
    if poses.format is TrajectoryFormat.KITTI:
        assert poses.frame_indices is not None
        return TruePoses(poses.frame_indices, poses.T_world_cam, True)
    trajectory = poses.trajectory
    return TruePoses(trajectory.timestamps_ns, trajectory.T_world_cam, False)


def localization_errors(
    images: Sequence[LocalizedImage], truth: TruePoses, alignments: Mapping[int, Similarity]
) -> LocalizationErrors:
    """Compare images with their true poses, by stamp where they have one, else by name.

    Args:
        images: placed or not.
        truth: their true poses; images without one do not count.
        alignments: by segment, from its world to that of the truth, in m. Poses in others count as not found.

    Raises:
        TrajectoryError: no image has a true pose.
    """
    names, errors = [], []
    for image in images:
        by_stamp = image.timestamp_ns is not None and not truth.by_frame
        true = truth.at(image.timestamp_ns or 0) if by_stamp else truth.of_name(image.name)
        if true is None:
            continue
        names.append(image.name)
        errors.append(_error(image, true, alignments))
    if not names:
        raise TrajectoryError(
            "truth: no image has a true pose; stamps or frame numbers must stand in the names of the images"
        )
    position_m, rotation_deg = np.array(errors).T
    return LocalizationErrors(tuple(names), position_m, rotation_deg)


def align_to_truth(
    keys: NDArray[np.int64],
    segment_ids: NDArray[np.int64],
    T_world_cam: NDArray[np.float64],
    truth: TruePoses,
    *,
    with_scale: bool,
) -> dict[int, Similarity]:
    """Align each segment of a map to the truth by its keyframes (K,).

    Args:
        keys: (K,) stamps in ns, or frame indices where the truth has frame numbers.
        segment_ids: (K,).
        T_world_cam: (K, 4, 4).
        truth: where they were.
        with_scale: for a map of one camera.

    Raises:
        TrajectoryError: no segment has three keyframes with a true pose.
    """
    found = {}
    for segment_id in np.unique(segment_ids).tolist():
        own = np.flatnonzero(segment_ids == segment_id)
        pairs = [(row, true) for row in own.tolist() if (true := truth.at(int(keys[row]))) is not None]
        if len(pairs) >= MIN_POINTS:
            source = T_world_cam[[row for row, _ in pairs], :3, 3]
            target = np.array([true[:3, 3] for _, true in pairs])
            found[segment_id] = align(source, target, with_scale=with_scale)
    if not found:
        raise TrajectoryError(
            f"truth: fewer than {MIN_POINTS} keyframes of the map have a true pose, so that the two "
            "worlds cannot be aligned; give the truth of the map's frames as well"
        )
    return found


def _error(
    image: LocalizedImage, true: Transform, alignments: Mapping[int, Similarity]
) -> tuple[float, float]:
    if image.T_world_cam is None or image.segment_id is None or image.segment_id not in alignments:
        return np.inf, np.inf
    T = alignments[image.segment_id].transform_poses(image.T_world_cam[None])[0]
    rotation_rad = se3.rotation_angle_rad((T[:3, :3].T @ true[:3, :3])[None])[0]
    return float(np.linalg.norm(T[:3, 3] - true[:3, 3])), float(np.rad2deg(rotation_rad))
