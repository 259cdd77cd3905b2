"""What hindsight has changed: the trajectory as each frame told it, beside what is known at the end."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from vo_frontend.errors import TrajectoryError
from vo_frontend.evaluation import Evaluation, evaluate
from vo_frontend.reports.run_metrics import Row, format_value
from vo_frontend.session.estimate import Estimate
from vo_frontend.types import Trajectory


@dataclass(frozen=True, slots=True)
class Hindsight:
    """Says how far poses have moved since they were told, by adjustment and by closed loops.

    Distances are in the unit of the trajectory; None where no frame has both poses in one world.
    """

    moved_median: float | None
    moved_max: float | None
    online: Evaluation | None  # errors of the longest segment as it was told
    final: Evaluation | None  # and as it is known at the end
    is_metric: bool

    @classmethod
    def of(
        cls,
        estimate: Estimate,
        final: Evaluation | None,
        ground_truth: Trajectory | None,
        *,
        is_metric: bool,
    ) -> "Hindsight":
        """Compare the frames whose segment is still the one that they were told in.

        Args:
            estimate: of the run.
            final: its errors, None without ground truth.
            ground_truth: of the run.
            is_metric: whether the scale of the longest segment is known.
        """
        online = None
        longest = max(estimate.online.segments().values(), key=len, default=None)
        if ground_truth is not None and longest is not None:
            # Where no pose has a true one near it in time, the report has said so.
            with suppress(TrajectoryError):
                online = evaluate(longest, ground_truth, sensor_has_scale=is_metric)
        moved = _moved(estimate)
        median, most = (float(np.median(moved)), float(moved.max())) if len(moved) else (None, None)
        return cls(median, most, online, final, is_metric)

    def to_mapping(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        errors = self.online.to_mapping() if self.online else None
        return {
            "errors_online": errors,
            "moved_in_hindsight": {"median": self.moved_median, "max": self.moved_max},
        }

    def rows(self) -> list[Row]:
        """Return the lines of the closing table, with errors where there is ground truth."""
        moved = f"{format_value(self.moved_median)} / {format_value(self.moved_max)}"
        rows: list[Row] = [
            ("moved in hindsight, median / max", moved, "m" if self.is_metric else "map units")
        ]
        if self.online and self.final and self.online.ate_m and self.final.ate_m:
            ate = f"{format_value(self.online.ate_m.rmse)} / {format_value(self.final.ate_m.rmse)}"
            rows.append(("ATE rmse, online / final", ate, "m"))
        return rows


def _moved(estimate: Estimate) -> np.ndarray[Any, np.dtype[np.float64]]:
    online, final = estimate.online, estimate.trajectory
    _, i, j = np.intersect1d(online.frame_indices, final.frame_indices, return_indices=True)
    is_same_world = online.segment_ids[i] == final.segment_ids[j]
    steps = final.T_world_cam[j, :3, 3] - online.T_world_cam[i, :3, 3]
    return np.asarray(np.linalg.norm(steps[is_same_world], axis=1))
