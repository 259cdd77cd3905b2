"""The result of an evaluation, as a frozen value, a JSON mapping and rows of a table."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.evaluation.ate import ErrorStatistics
from vo_frontend.evaluation.kitti_metric import KittiErrors
from vo_frontend.geometry.alignment import Similarity

Row = tuple[str, str | int | float | None, str]  # metric, value, unit (or why there is no value)


@dataclass(frozen=True, slots=True)
class DistanceErrors:
    """Relative pose error over all pieces of one path length."""

    distance_m: float
    translation_m: ErrorStatistics
    rotation_deg: ErrorStatistics


@dataclass(frozen=True, slots=True, eq=False)
class ErrorSeries:
    """The errors of N associated poses in time order, for plots."""

    timestamps_ns: NDArray[np.int64]  # (N,) of the estimate
    T_world_cam: NDArray[np.float64]  # (N, 4, 4) estimate, aligned with ground truth where possible
    T_world_cam_gt: NDArray[np.float64]  # (N, 4, 4)
    position_errors_m: NDArray[np.float64] | None  # (N,) None without alignment
    rotation_errors_deg: NDArray[np.float64]  # (N - 1,) per frame; entry i belongs to pose i + 1


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Errors of an estimate against ground truth. What cannot be told is None; ``missing`` says why.

    Lengths are in metres of the ground truth, after alignment: Sim(3) where the sensor cannot know
    the scale, else SE(3). "Per frame" means between consecutive associated poses.
    """

    alignment: str  # "Sim(3)" or "SE(3)"
    num_poses: int  # associated with ground truth
    tracked_percent: float | None = None  # poses of the estimate per input frame
    path_length_m: float | None = None  # of the ground truth, along the associated poses
    similarity: Similarity | None = None  # takes the estimate's world to the ground truth's
    scale_error_percent: float | None = None  # SE(3): how much too large the estimate is; None for Sim(3)
    ate_m: ErrorStatistics | None = None
    rpe_translation_m: ErrorStatistics | None = None  # per frame
    rpe_rotation_deg: ErrorStatistics | None = None  # per frame
    rpe_distance: DistanceErrors | None = None
    rotation_10_frames_deg: ErrorStatistics | None = None
    final_rotation_error_deg: float | None = None  # of the last pose as seen from the first
    final_heading_error_deg: float | None = None  # of it, the turn about the first camera's vertical (yaw)
    final_position_error_percent: float | None = None  # its position likewise, in percent of the path
    kitti: KittiErrors | None = None
    scale_drift: float | None = None  # see evaluation/scale_drift.py
    missing: Mapping[str, str] = field(default_factory=dict)  # name of a field above -> reason
    series: ErrorSeries | None = None

    @property
    def scale(self) -> float | None:
        """Return metres per unit of the estimate: 1 for SE(3), None where alignment failed."""
        return self.similarity.scale if self.similarity else None

    def to_mapping(self) -> dict[str, Any]:
        """Return plain nested values for JSON, without the arrays per pose."""
        plain = dataclasses.asdict(dataclasses.replace(self, series=None, similarity=None))
        del plain["series"], plain["similarity"]
        return {**plain, "scale": self.scale}

    def rows(self) -> list[Row]:
        """Return the closing table: metric, value, unit."""
        distance = f"{self.rpe_distance.distance_m:g} m" if self.rpe_distance else "distance"
        lengths = f", {_lengths(self.kitti)}" if self.kitti else ""
        share: list[Row] = []
        if self.tracked_percent is not None:
            share = [("frames with a pose", self.tracked_percent, "%")]
        return [
            ("aligned with", self.alignment, ""),
            self._scale_row(),
            ("poses compared", self.num_poses, ""),
            *share,
            self._row("path length", "path_length_m", "m"),
            *[self._row(f"ATE {part}", "ate_m", "m", part) for part in ("rmse", "mean", "median", "max")],
            self._row("RPE per frame, rmse", "rpe_translation_m", "m", "rmse"),
            self._row(f"RPE per {distance}, rmse", "rpe_distance", "m", "translation_m", "rmse"),
            self._row("rotation error per frame, mean", "rpe_rotation_deg", "deg", "mean"),
            self._row("rotation error per frame, median", "rpe_rotation_deg", "deg", "median"),
            self._row("rotation error per 10 frames, median", "rotation_10_frames_deg", "deg", "median"),
            self._row("final rotation error", "final_rotation_error_deg", "deg"),
            self._row("final heading error (yaw)", "final_heading_error_deg", "deg"),
            self._row("final position error", "final_position_error_percent", "% of path"),
            self._row(f"t_rel{lengths}", "kitti", "%", "t_rel_percent"),
            self._row(f"r_rel{lengths}", "kitti", "deg/100 m", "r_rel_deg_per_100m"),
            self._row("scale drift, end over start", "scale_drift", ""),
        ]

    def _scale_row(self) -> Row:
        if self.alignment == "SE(3)":
            return self._row("scale error", "scale_error_percent", "%")
        return "scale", self.scale, self.missing.get("similarity", "m per unit")

    def _row(self, metric: str, name: str, unit: str, *parts: str) -> Row:
        value = getattr(self, name)
        if value is None:
            return metric, None, self.missing.get(name, "")
        for part in parts:
            value = getattr(value, part)
        return metric, value, unit


def _lengths(kitti: KittiErrors) -> str:
    spelled = f"{kitti.lengths_m[0]:g}-{kitti.lengths_m[-1]:g} m"
    if len(kitti.lengths_m) == 1:
        spelled = f"{kitti.lengths_m[0]:g} m"
    return spelled if kitti.is_standard else f"short pieces of {spelled}"
