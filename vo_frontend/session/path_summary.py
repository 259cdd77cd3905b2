"""What the verdict and the first lines of a report need to know of the poses of a run."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.reports.figures.path import MAP_UNITS, METRES
from vo_frontend.reports.run_metrics import format_value
from vo_frontend.reports.sound_points import distances_from_path
from vo_frontend.reports.statistics import RunStatistics
from vo_frontend.reports.verdict import PathSummary
from vo_frontend.session.display import Display, travelled


def summarize_path(display: Display, num_frames: int) -> PathSummary:
    """Measure the longest segment, and count what lies beside it."""
    longest = max(display.segments, key=lambda segment: len(segment.trajectory), default=None)
    if longest is None:
        return PathSummary(num_frames, 0, 0, 0)
    cloud, positions = display.estimate.landmarks, longest.trajectory.positions_world
    distances = distances_from_path(cloud.points_world[cloud.segment_ids == longest.segment_id], positions)
    found, unit = longest.evaluation, METRES if longest.is_metric else MAP_UNITS
    length, length_unit = float(travelled(positions)[-1]), unit
    if found is not None and found.similarity is not None and found.path_length_m is not None:
        length, length_unit = found.path_length_m, METRES
    true = found.series.T_world_cam_gt[:, :3, 3] if found and found.series else None
    return PathSummary(
        num_frames=num_frames,
        num_poses=len(display.estimate.trajectory),
        longest_segment=len(longest.trajectory),
        num_segments=len(display.segments),
        length=length,
        length_unit=length_unit,
        extent=_extent(positions),
        point_distance=float(np.median(distances)) if len(distances) else 0.0,
        unit=unit,
        ate_m=found.ate_m.rmse if found and found.ate_m else None,
        extent_gt_m=None if true is None else _extent(true),
    )


def tiles(summary: PathSummary, statistics: RunStatistics) -> list[tuple[str, str, str]]:
    """Choose the few figures that stand above a report: name, value, unit."""
    found = [("frames with a pose", f"{summary.num_poses}", f"of {summary.num_frames}")]
    if summary.num_poses:
        found.append(("path length", format_value(summary.length), summary.length_unit))
    if summary.ate_m is not None:
        found.append(("ATE rmse", format_value(summary.ate_m), "m"))
    if summary.num_segments > 1:
        found.append(("segments", f"{summary.num_segments}", ""))
    if statistics.num_loops:
        found.append(("loops closed", f"{statistics.num_loops}", ""))
    found.append(("inliers, median", format_value(statistics.median_inliers), ""))
    found.append(("speed", format_value(statistics.frames_per_second), "frames/s"))
    if (live := statistics.punctuality) is not None and live.latency_ms is not None:
        found.append(("dropped", f"{live.num_dropped}", f"of {statistics.num_frames + live.num_dropped}"))
        found.append(("capture to pose, p95", f"{live.latency_ms.p95:.0f}", "ms"))
    return found


def _extent(positions: NDArray[np.float64]) -> float:
    """Return the rms distance of positions (N, 3) from their mean."""
    return float(np.sqrt(((positions - positions.mean(axis=0)) ** 2).sum(axis=1).mean()))
