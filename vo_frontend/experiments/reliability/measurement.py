"""Runs sequences with each fault and compares what was told, frame by frame, with the truth."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from vo_frontend.config import Config
from vo_frontend.experiments.ablation.scores import load_ground_truth
from vo_frontend.experiments.reliability.rows import ROWS, FaultRow
from vo_frontend.experiments.reliability.told import ToldRun, errors_m, finished, limit_m, selected, track_all
from vo_frontend.features import FeatureExtractor
from vo_frontend.frontend import ExtractedFrame
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.mapping.trajectory import EstimatedTrajectory
from vo_frontend.session.opened_input import OpenedInput
from vo_frontend.session.session import Session
from vo_frontend.simulation.faulty import FaultySource
from vo_frontend.types import Frame, FrameResult, Sensor, Status, Trajectory


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault on one sequence. Frames are usable where nothing struck them."""

    fault: str
    sequence: str
    sensor: str
    usable_tracked_percent: float
    struck_with_pose: int
    wrong_poses: int
    segments: int
    recovery_s: float | None  # longest, from the first usable frame after a strike; None: not recovered
    ate_over_clean: float | None  # of the longest segment, of the trajectories that the runs leave


class _Frames:
    """Frames of another source, kept."""

    num_frames: int | None

    def __init__(self, opened: OpenedInput) -> None:
        source = opened.source
        self.name, self.sensor, self.is_live = source.name, source.sensor, False
        self.camera: PinholeCamera = source.camera
        self.baseline_m: float | None = source.baseline_m
        self.T_body_cam: Transform = source.T_body_cam
        self.frames = list(source)
        self.num_frames = len(self.frames)

    def __iter__(self) -> Iterator[Frame]:
        return iter(self.frames)

    def close(self) -> None:
        """Hold nothing."""


def measure_sequence(
    opened: OpenedInput, extractor: FeatureExtractor, config: Config, rows: Sequence[FaultRow] = ROWS
) -> Iterator[Cell]:
    """Run a sequence as it is, and with each fault that its sensor can have.

    Raises:
        VoError: it cannot be read, or has no ground truth.
    """
    truth, source = load_ground_truth(opened), _Frames(opened)
    session = Session.for_source(config, source, extractor)
    clean_frames = [session.extract(frame) for frame in source]
    clean = track_all(session, clean_frames)
    wrong_m = limit_m(clean, truth, source.sensor)
    clean_ate_m = _ate_m(finished(session, clean), truth, source.sensor)
    for row in rows:
        if source.sensor not in row.sensors:
            continue
        struck = Session.for_source(config, source, extractor)
        arriving, usable = _with_faults(source, clean_frames, row, struck.extract)
        run = track_all(struck, arriving)
        yield _score(row, source, run, finished(struck, run), usable, truth, wrong_m, clean_ate_m)


def _with_faults(
    source: _Frames,
    clean: Sequence[ExtractedFrame],
    row: FaultRow,
    extract: Callable[[Frame], ExtractedFrame],
) -> tuple[list[ExtractedFrame], list[bool]]:
    """Return the frames that arrive, and whether nothing struck them; only struck ones are extracted anew."""
    known = {id(frame): extracted for frame, extracted in zip(source.frames, clean, strict=True)}
    arriving, usable, newest_ns = [], [], -1
    for frame in FaultySource(source, row.faults(len(source.frames))):
        arriving.append(known[id(frame)] if id(frame) in known else extract(frame))
        usable.append(id(frame) in known and frame.timestamp_ns > newest_ns)
        newest_ns = max(newest_ns, frame.timestamp_ns)
    return arriving, usable


def _score(
    row: FaultRow,
    source: _Frames,
    run: ToldRun,
    found: EstimatedTrajectory,
    usable: Sequence[bool],
    truth: Trajectory,
    wrong_m: float,
    clean_ate_m: float | None,
) -> Cell:
    posed = np.isin([result.frame_index for result in run.results], found.frame_indices)
    is_usable = np.array(usable)
    begun = int(np.argmax(posed))  # before it a camera waits for its first map
    ate_m = _ate_m(found, truth, source.sensor)
    return Cell(
        fault=row.name,
        sequence=source.name,
        sensor=source.sensor.value,
        usable_tracked_percent=100 * float(posed[begun:][is_usable[begun:]].mean()),
        struck_with_pose=int(posed[~is_usable].sum()),
        wrong_poses=int((errors_m(run.told, truth, source.sensor) > wrong_m).sum()),
        segments=len(np.unique(found.segment_ids)),
        recovery_s=_recovery_s(run.results, usable, row, len(source.frames)),
        ate_over_clean=ate_m / clean_ate_m if ate_m is not None and clean_ate_m else None,
    )


def _recovery_s(
    results: Sequence[FrameResult], usable: Sequence[bool], row: FaultRow, num_frames: int
) -> float | None:
    """Return the longest time from the first usable frame after a strike to the first with a pose."""
    (fault,) = row.faults(num_frames)
    first_index, waits = results[0].frame_index, []
    for position in fault.when.positions:
        after = [
            result
            for result, is_usable in zip(results, usable, strict=True)
            if is_usable and result.frame_index - first_index >= position + fault.when.num_frames
        ]
        tracked = [result for result in after if result.status is Status.TRACKING]
        if after and not tracked:
            return None
        if after:
            waits.append((tracked[0].timestamp_ns - after[0].timestamp_ns) * 1e-9)
    return max(waits, default=0.0)


def _ate_m(found: EstimatedTrajectory, truth: Trajectory, sensor: Sensor) -> float | None:
    segments = found.segments()
    if not segments:
        return None
    longest = max(segments, key=lambda segment_id: len(segments[segment_id]))
    errors = errors_m(selected(found, found.segment_ids == longest), truth, sensor)
    return float(np.sqrt((errors**2).mean())) if len(errors) else None
