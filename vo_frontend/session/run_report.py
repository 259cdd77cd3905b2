"""After the run: errors against ground truth, pictures, ``metrics.json`` and the closing table."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import VoError
from vo_frontend.evaluation import Evaluation, evaluate
from vo_frontend.mapping.loop_record import LoopEdges
from vo_frontend.mapping.trajectory import EstimatedTrajectory
from vo_frontend.reports.plots import PlottedSegment, plot_trajectory
from vo_frontend.reports.run_folder import METRICS_NAME, PLOT_NAME
from vo_frontend.reports.run_metrics import (
    Row,
    RunInfo,
    format_table,
    metrics_mapping,
    statistics_rows,
    write_json,
)
from vo_frontend.reports.statistics import RunStatistics
from vo_frontend.session.camera_height import MetricScale
from vo_frontend.session.estimate import Estimate
from vo_frontend.session.failures import first_failure
from vo_frontend.session.hindsight import Hindsight
from vo_frontend.session.opened_input import OpenedInput
from vo_frontend.types import Sensor, Trajectory

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """A segment of the estimate, compared with ground truth where there is any."""

    segment_id: int
    trajectory: Trajectory
    is_metric: bool
    evaluation: Evaluation | None


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run has found, beside the files in its folder."""

    folder: Path
    info: RunInfo
    statistics: RunStatistics
    trajectory: EstimatedTrajectory  # refined; in metres where the scale is known
    segments: tuple[SegmentReport, ...]
    table: str  # as the terminal shows it
    stopped: bool  # before the end, by the user
    failure: VoError | None  # why the run broke off

    @property
    def longest_segment(self) -> SegmentReport | None:
        """The segment with the most poses, None where no frame has a pose."""
        return _longest(self.segments)

    @property
    def evaluation(self) -> Evaluation | None:
        """Errors of the longest segment against ground truth, None where there is none."""
        return self.longest_segment.evaluation if self.longest_segment else None


def report_run(
    folder: Path,
    opened: OpenedInput,
    info: RunInfo,
    statistics: RunStatistics,
    estimate: Estimate,
    scales: Mapping[int, MetricScale] | None,
    *,
    stopped: bool,
    failure: VoError | None,
) -> RunReport:
    """Compare a run with ground truth and write ``metrics.json`` and ``trajectory.png``.

    Args:
        folder: of the run.
        opened: where its frames came from.
        info: what was run.
        statistics: of the frames.
        estimate: as the files have it.
        scales: of the segments that the camera height has made metric; None: nobody gave it.
        stopped: the user ended the run.
        failure: what ended the run; where it is None, the first file that cannot be written becomes it.
    """
    ground_truth = _ground_truth(opened)
    trajectory, num_landmarks = estimate.trajectory, len(estimate.landmarks)
    segments = _segments(trajectory, info.sensor, scales or {}, ground_truth, statistics.num_frames)
    rows = [*statistics_rows(statistics), ("landmarks", num_landmarks, "")]
    dropped = statistics.num_skipped if opened.source.is_live else 0
    if info.sensor is not Sensor.MONO:
        partner = "right image" if info.sensor is Sensor.STEREO else "depth image"
        rows.append((f"without {partner}", statistics.num_single_images, "frames"))
    if opened.source.is_live:
        rows.append(("dropped because we were late", dropped, "frames"))
    if scales is not None:
        rows += _scale_rows(scales)
    longest = _longest(segments)
    final, is_metric = (longest.evaluation, longest.is_metric) if longest else (None, False)
    hindsight = Hindsight.of(estimate, final, ground_truth, is_metric=is_metric)
    rows += hindsight.rows() if longest else []
    if longest is not None and longest.evaluation is not None:
        rows += longest.evaluation.rows()
    elif opened.load_ground_truth is None:
        rows.append(("errors", None, "no ground truth for this source"))
    metrics = metrics_mapping(info, statistics, _errors(longest, segments))
    found = None if scales is None else {str(i): dataclasses.asdict(scale) for i, scale in scales.items()}
    complete = failure is None and not stopped
    more = {
        **hindsight.to_mapping(),
        "landmarks": num_landmarks,
        "scale_from_camera_height": found,
        "dropped": dropped,
        "complete": complete,
    }
    failure = first_failure(failure, lambda: write_json(folder / METRICS_NAME, {**metrics, **more}))
    if segments:
        plot = partial(_plot, folder / PLOT_NAME, info, segments, estimate.loops, ground_truth)
        failure = first_failure(failure, plot)
    return RunReport(
        folder, info, statistics, trajectory, tuple(segments), format_table(rows), stopped, failure
    )


def _longest(segments: Sequence[SegmentReport]) -> SegmentReport | None:
    return max(segments, key=lambda segment: len(segment.trajectory), default=None)


def _errors(longest: SegmentReport | None, segments: Sequence[SegmentReport]) -> dict[str, Any] | None:
    if longest is None or longest.evaluation is None:
        return None
    per_segment = [s.evaluation.to_mapping() for s in segments if s.evaluation is not None]
    return {"segment": longest.segment_id, **longest.evaluation.to_mapping(), "segments": per_segment}


def _scale_rows(scales: Mapping[int, MetricScale]) -> list[Row]:
    metric = "scale from camera height"
    if not scales:
        return [(metric, None, "no road seen")]
    return [
        (
            metric if len(scales) == 1 else f"{metric}, segment {segment_id}",
            scale.scale_m,
            f"m per map unit +- {scale.spread:.1%}, {scale.num_keyframes} keyframes",
        )
        for segment_id, scale in scales.items()
    ]


def _ground_truth(opened: OpenedInput) -> Trajectory | None:
    try:
        return opened.load_ground_truth() if opened.load_ground_truth else None
    except VoError as error:  # the run itself is sound; say what is missing and report without errors
        log.warning("no errors reported: %s", error)
        return None


def _segments(
    trajectory: EstimatedTrajectory,
    sensor: Sensor,
    scales: Mapping[int, MetricScale],
    ground_truth: Trajectory | None,
    num_frames: int,
) -> list[SegmentReport]:
    segments = []
    for segment_id, part in trajectory.segments().items():
        evaluation = None
        is_metric = sensor is not Sensor.MONO or segment_id in scales
        if ground_truth is not None:
            try:
                evaluation = evaluate(part, ground_truth, sensor_has_scale=is_metric, num_frames=num_frames)
            except VoError as error:
                log.warning("segment %d: %s", segment_id, error)
        segments.append(SegmentReport(segment_id, part, is_metric, evaluation))
    return segments


def _plot(
    path: Path,
    info: RunInfo,
    segments: Sequence[SegmentReport],
    loops: LoopEdges,
    ground_truth: Trajectory | None,
) -> None:
    aligned = [_aligned(segment) for segment in segments]
    plotted = [segment for segment in aligned if segment is not None]
    if ground_truth is None or not plotted:
        shown = [_as_estimated(segment) for segment in segments]
        unit = "m" if all(segment.is_metric for segment in segments) else ""
        title = f"{info.sequence}, {info.features}"
        plot_trajectory(path, title, shown, loops=loops.positions_world, unit=unit)
        return
    first_ns = min(segment.trajectory.timestamps_ns[0] for segment in segments)
    last_ns = max(segment.trajectory.timestamps_ns[-1] for segment in segments)
    during = (ground_truth.timestamps_ns >= first_ns) & (ground_truth.timestamps_ns <= last_ns)
    alignment = " and ".join(sorted({s.evaluation.alignment for s in segments if s.evaluation}))
    plot_trajectory(
        path,
        f"{info.sequence}, {info.features}, {alignment} aligned",
        plotted,
        positions_gt=ground_truth.positions_world[during],
        loops=np.concatenate([_aligned_loops(segment, loops) for segment in segments]),
        T_world_view=ground_truth.T_world_cam[np.flatnonzero(during)[0]] if during.any() else None,
        unit="m",
    )


def _aligned(segment: SegmentReport) -> PlottedSegment | None:
    series = segment.evaluation.series if segment.evaluation else None
    if series is None or series.position_errors_m is None:
        return None
    return PlottedSegment(
        series.T_world_cam[:, :3, 3],
        _seconds(series.timestamps_ns),
        series.position_errors_m,
        series.rotation_errors_deg,
    )


def _aligned_loops(segment: SegmentReport, loops: LoopEdges) -> NDArray[np.float64]:
    """Take the loops of a segment (L, 3, 3) into the world of ground truth, none where that is unknown."""
    own = loops.positions_world[loops.segment_ids == segment.segment_id]
    if segment.evaluation is None or segment.evaluation.similarity is None:
        return own[:0]
    return segment.evaluation.similarity.transform_points(own.reshape(-1, 3)).reshape(-1, 3, 3)


def _as_estimated(segment: SegmentReport) -> PlottedSegment:
    trajectory = segment.trajectory
    return PlottedSegment(trajectory.positions_world, _seconds(trajectory.timestamps_ns))


def _seconds(timestamps_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    return timestamps_ns.astype(np.float64) * 1e-9
