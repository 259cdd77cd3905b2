"""All errors of one trajectory in one call."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import TrajectoryError
from vo_frontend.evaluation.associate import DEFAULT_MAX_DIFFERENCE_S, associate
from vo_frontend.evaluation.ate import ErrorStatistics, position_errors, summarize
from vo_frontend.evaluation.kitti_metric import kitti_errors
from vo_frontend.evaluation.result import DistanceErrors, ErrorSeries, Evaluation
from vo_frontend.evaluation.rpe import (
    Pairs,
    RelativeErrors,
    distance_pairs,
    frame_pairs,
    path_lengths,
    relative_errors,
)
from vo_frontend.evaluation.scale_drift import scale_drift
from vo_frontend.evaluation.told_scale import told_scale
from vo_frontend.geometry.alignment import Similarity, align
from vo_frontend.types import Trajectory

MIN_MOTION_M = 0.05  # closer to its first position than this, a camera stands still for all we can tell
LONG_ROTATION_FRAMES = 10

Value = TypeVar("Value")

_ERROR_NAMES = (
    "path_length_m", "similarity", "scale_error_percent", "ate_m", "rpe_translation_m", "rpe_rotation_deg",
    "rpe_distance", "rotation_10_frames_deg", "final_rotation_error_deg", "final_heading_error_deg",
    "final_position_error_percent", "kitti", "scale_drift",
)  # fmt: skip


def evaluate(
    estimate: Trajectory,
    ground_truth: Trajectory,
    *,
    sensor_has_scale: bool,
    max_difference_s: float = DEFAULT_MAX_DIFFERENCE_S,
    num_frames: int | None = None,
) -> Evaluation:
    """Compare the estimate of one segment with ground truth of the same camera.

    Args:
        estimate: N poses, possibly none; its world may be any.
        ground_truth: M > 0 poses of the same camera on the same clock.
        sensor_has_scale: True aligns with SE(3) (stereo, RGB-D), False with Sim(3) (mono).
        max_difference_s: poses further apart in time do not belong together.
        num_frames: how many frames went in, for the share that got a pose.

    Raises:
        TrajectoryError: there are poses, but none has a ground-truth pose near it in time.
    """
    name = "SE(3)" if sensor_has_scale else "Sim(3)"
    tracked_percent = 100.0 * len(estimate) / num_frames if num_frames else None
    if not len(estimate):
        missing = dict.fromkeys(_ERROR_NAMES, "the estimate has no poses")
        return Evaluation(name, 0, tracked_percent, missing=missing)

    index, index_gt = associate(estimate.timestamps_ns, ground_truth.timestamps_ns, max_difference_s)
    T_world_cam_gt = ground_truth.T_world_cam[index_gt]
    attempt = _Attempts({})
    raw = _Poses(estimate.T_world_cam[index], T_world_cam_gt, None, sensor_has_scale)
    similarity = attempt("similarity", raw.align)
    aligned = similarity.transform_poses(raw.T_world_cam) if similarity else raw.T_world_cam
    poses = _Poses(aligned, T_world_cam_gt, similarity, sensor_has_scale)
    return Evaluation(
        alignment=name,
        num_poses=len(index),
        tracked_percent=tracked_percent,
        path_length_m=poses.path_length_m,
        similarity=similarity,
        scale_error_percent=attempt("scale_error_percent", poses.scale_error) if sensor_has_scale else None,
        ate_m=attempt("ate_m", lambda: summarize(poses.position_errors())),
        rpe_translation_m=attempt("rpe_translation_m", poses.translation_per_frame),
        rpe_rotation_deg=attempt("rpe_rotation_deg", lambda: poses.rotation(1)),
        rpe_distance=attempt("rpe_distance", poses.per_distance),
        rotation_10_frames_deg=attempt(
            "rotation_10_frames_deg", lambda: poses.rotation(LONG_ROTATION_FRAMES)
        ),
        final_rotation_error_deg=attempt(
            "final_rotation_error_deg", lambda: float(poses.final().rotation_deg[0])
        ),
        final_heading_error_deg=attempt("final_heading_error_deg", poses.final_heading_deg),
        final_position_error_percent=attempt("final_position_error_percent", poses.final_position_percent),
        kitti=attempt("kitti", lambda: kitti_errors(poses.require_metres(), T_world_cam_gt)),
        scale_drift=attempt("scale_drift", poses.scale_drift),
        missing=attempt.missing,
        series=_series(estimate.timestamps_ns[index], poses),
    )


@dataclass(frozen=True, slots=True)
class _Attempts:
    """Run computations and remember why some have no answer."""

    missing: dict[str, str]

    def __call__(self, name: str, compute: Callable[[], Value]) -> Value | None:
        try:
            return compute()
        except TrajectoryError as error:
            self.missing[name] = str(error)
            return None


@dataclass(frozen=True, slots=True, eq=False)
class _Poses:
    """Associated poses. Each question raises TrajectoryError where it has no answer."""

    T_world_cam: NDArray[np.float64]  # (N, 4, 4)
    T_world_cam_gt: NDArray[np.float64]  # (N, 4, 4)
    similarity: Similarity | None  # already applied to T_world_cam
    has_scale: bool

    @property
    def positions(self) -> NDArray[np.float64]:
        return self.T_world_cam[:, :3, 3]

    @property
    def positions_gt(self) -> NDArray[np.float64]:
        return self.T_world_cam_gt[:, :3, 3]

    @property
    def path_length_m(self) -> float:
        return float(path_lengths(self.positions_gt)[-1])

    def align(self) -> Similarity:
        if not self.has_scale:
            self.require_motion()
        return align(self.positions, self.positions_gt, with_scale=not self.has_scale)

    def scale_error(self) -> float:
        self.require_motion()
        return float(100 / told_scale(self.positions, self.positions_gt) - 100)

    def require_motion(self) -> None:
        reach_m = np.linalg.norm(self.positions_gt - self.positions_gt[0], axis=1).max()
        if reach_m < MIN_MOTION_M:
            raise TrajectoryError(f"the camera moves {reach_m:.3f} m only, less than {MIN_MOTION_M} m")

    def require_metres(self) -> NDArray[np.float64]:
        if self.similarity is None and not self.has_scale:
            raise TrajectoryError("the scale is unknown")
        return self.T_world_cam

    def position_errors(self) -> NDArray[np.float64]:
        if self.similarity is None:
            raise TrajectoryError("no alignment")
        return position_errors(self.positions, self.positions_gt)

    def relative(self, pairs: Pairs) -> RelativeErrors:
        if not len(pairs[0]):
            raise TrajectoryError(f"{len(self.positions)} poses are too few")
        return relative_errors(self.T_world_cam, self.T_world_cam_gt, pairs)

    def translation_per_frame(self) -> ErrorStatistics:
        self.require_metres()
        return summarize(self.relative(frame_pairs(len(self.positions), 1)).translation_m)

    def rotation(self, num_frames: int) -> ErrorStatistics:
        return summarize(self.relative(frame_pairs(len(self.positions), num_frames)).rotation_deg)

    def per_distance(self) -> DistanceErrors:
        """Compare pieces as long as the largest power of ten that fits four times into the path."""
        self.require_metres()
        self.require_motion()
        distance_m = 10.0 ** np.floor(np.log10(self.path_length_m / 4))
        errors = self.relative(distance_pairs(self.positions_gt, distance_m))
        return DistanceErrors(distance_m, summarize(errors.translation_m), summarize(errors.rotation_deg))

    def final(self) -> RelativeErrors:
        num_poses = len(self.positions)
        return self.relative(frame_pairs(num_poses, max(1, num_poses - 1)))

    def final_heading_deg(self) -> float:
        """Return the part of the final rotation error that turns the view left or right."""
        headings = _final_heading_rad(self.T_world_cam), _final_heading_rad(self.T_world_cam_gt)
        difference_rad = headings[0] - headings[1]
        return float(np.rad2deg(abs(np.arctan2(np.sin(difference_rad), np.cos(difference_rad)))))

    def final_position_percent(self) -> float:
        self.require_metres()
        self.require_motion()
        return float(100 * self.final().translation_m[0] / self.path_length_m)

    def scale_drift(self) -> float:
        self.require_motion()
        return scale_drift(self.positions, self.positions_gt)


def _final_heading_rad(T_world_cam: NDArray[np.float64]) -> float:
    """Return the direction of the last optical axis in the horizontal plane (x, z) of the first camera."""
    forward = T_world_cam[0, :3, :3].T @ T_world_cam[-1, :3, 2]
    return float(np.arctan2(forward[0], forward[2]))


def _series(timestamps_ns: NDArray[np.int64], poses: _Poses) -> ErrorSeries:
    pairs = frame_pairs(len(timestamps_ns), 1)
    return ErrorSeries(
        timestamps_ns=timestamps_ns,
        T_world_cam=poses.T_world_cam,
        T_world_cam_gt=poses.T_world_cam_gt,
        position_errors_m=poses.position_errors() if poses.similarity else None,
        rotation_errors_deg=relative_errors(poses.T_world_cam, poses.T_world_cam_gt, pairs).rotation_deg,
    )
