"""After the run: errors against ground truth, pictures, ``metrics.json`` and the closing table."""

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from vo_frontend.errors import VoError
from vo_frontend.evaluation import Evaluation, evaluate
from vo_frontend.mapping.trajectory import EstimatedTrajectory
from vo_frontend.reports.figures.path import spell_unit
from vo_frontend.reports.frame_table import FrameTable, read_frame_table
from vo_frontend.reports.page.run_page import RunPage
from vo_frontend.reports.run_folder import METRICS_NAME
from vo_frontend.reports.run_metrics import (
    Row,
    RunInfo,
    format_table,
    metrics_mapping,
    statistics_rows,
    write_json,
)
from vo_frontend.reports.statistics import RunStatistics
from vo_frontend.reports.verdict import PathSummary, Verdict, judge
from vo_frontend.reports.worst_moments import Moment
from vo_frontend.session.camera_height import MetricScale
from vo_frontend.session.display import Display, SegmentReport, losses_of
from vo_frontend.session.estimate import Estimate
from vo_frontend.session.failures import first_failure
from vo_frontend.session.hindsight import Hindsight
from vo_frontend.session.opened_input import OpenedInput
from vo_frontend.session.path_summary import summarize_path, tiles
from vo_frontend.session.run_pictures import write_pictures
from vo_frontend.types import Sensor, Trajectory

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run has found, beside the files in its folder."""

    folder: Path
    info: RunInfo
    statistics: RunStatistics
    trajectory: EstimatedTrajectory  # refined; in metres where the scale is known
    segments: tuple[SegmentReport, ...]
    verdict: Verdict
    table: str  # as the terminal shows it; it ends in the verdict
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
    moments: Sequence[Moment],
    stopped: bool,
    failure: VoError | None,
) -> RunReport:
    """Compare a run with ground truth and write ``metrics.json``, then pictures and ``report.html``.

    Args:
        folder: of the run.
        opened: where its frames came from.
        info: what was run.
        statistics: of the frames.
        estimate: as the files have it.
        scales: of the segments that the camera height has made metric; None: nobody gave it.
        moments: the worst ones, to show.
        stopped: the user ended the run.
        failure: what ended the run; where it is None, the first file that cannot be written becomes it.
    """
    ground_truth, trajectory = _ground_truth(opened), estimate.trajectory
    segments = _segments(trajectory, info.sensor, scales or {}, ground_truth, statistics.num_frames)
    longest = _longest(segments)
    final, is_metric = (longest.evaluation, longest.is_metric) if longest else (None, False)
    hindsight = Hindsight.of(estimate, final, ground_truth, is_metric=is_metric)
    table = _frame_table(folder)
    gaps = table.gaps(trajectory.frame_indices)
    name = f"{info.sequence}, {info.features}"
    display = Display(name, segments, estimate, ground_truth, losses_of(table, gaps))
    summary = summarize_path(display, statistics.num_frames)
    dropped = statistics.punctuality.num_dropped if statistics.punctuality else 0
    verdict = judge(
        summary, table, gaps, failure=None if failure is None else str(failure), num_dropped=dropped
    )
    rows = [*_rows_of_frames(info, statistics, estimate.num_landmarks), *_scale_rows(scales)]
    rows += hindsight.rows() if longest else []
    rows += _rows_of_errors(final, summary, has_truth=opened.load_ground_truth is not None)
    metrics = {
        **metrics_mapping(info, statistics, _errors(longest, segments)),
        **hindsight.to_mapping(),
        "landmarks": estimate.num_landmarks,
        "map_points": len(estimate.landmarks),
        "scale_from_camera_height": _plain(scales),
        "complete": failure is None and not stopped,
        "path_length": summary.length,
        "path_unit": summary.length_unit,
        "verdict": verdict.to_mapping(),
    }
    failure = first_failure(failure, lambda: write_json(folder / METRICS_NAME, metrics))
    top = tiles(summary, statistics)
    page_of = partial(RunPage, folder, info, verdict, rows, top, statistics, table, gaps, moments)
    write_pictures(folder, display, page_of)
    return RunReport(
        folder=folder,
        info=info,
        statistics=statistics,
        trajectory=trajectory,
        segments=tuple(segments),
        verdict=verdict,
        table=f"{format_table(rows)}\n\n{verdict.text()}",
        stopped=stopped,
        failure=failure,
    )


def _frame_table(folder: Path) -> FrameTable:
    try:
        return read_frame_table(folder)
    except VoError as error:  # a full disk, which the failure of the run says
        log.warning("%s", error)
        return FrameTable.empty()


def _longest(segments: Sequence[SegmentReport]) -> SegmentReport | None:
    return max(segments, key=lambda segment: len(segment.trajectory), default=None)


def _errors(longest: SegmentReport | None, segments: Sequence[SegmentReport]) -> dict[str, Any] | None:
    if longest is None or longest.evaluation is None:
        return None
    per_segment = [s.evaluation.to_mapping() for s in segments if s.evaluation is not None]
    return {"segment": longest.segment_id, **longest.evaluation.to_mapping(), "segments": per_segment}


def _plain(scales: Mapping[int, MetricScale] | None) -> dict[str, Any] | None:
    return None if scales is None else {str(i): dataclasses.asdict(scale) for i, scale in scales.items()}


def _rows_of_frames(info: RunInfo, statistics: RunStatistics, num_landmarks: int) -> list[Row]:
    rows = [*statistics_rows(statistics), ("landmarks", num_landmarks, "")]
    if info.sensor is not Sensor.MONO:
        partner = "right image" if info.sensor is Sensor.STEREO else "depth image"
        rows.append((f"without {partner}", statistics.num_single_images, "frames"))
    return rows


def _rows_of_errors(final: Evaluation | None, summary: PathSummary, *, has_truth: bool) -> list[Row]:
    """List the errors; of a path without ground truth the length alone."""
    if final is not None:
        return list(final.rows())
    rows: list[Row] = [] if has_truth else [("errors", None, "no ground truth for this source")]
    if not summary.num_poses:
        return [*rows, ("path length", None, "no frame has a pose")]
    return [*rows, ("path length", summary.length, spell_unit(summary.length_unit))]


def _scale_rows(scales: Mapping[int, MetricScale] | None) -> list[Row]:
    metric = "scale from camera height"
    if not scales:
        return [] if scales is None else [(metric, None, "no road seen")]
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
