"""What a run told of each frame, against the truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.evaluation.associate import associate
from vo_frontend.frontend import ExtractedFrame
from vo_frontend.geometry.alignment import align
from vo_frontend.mapping.trajectory import EstimatedTrajectory
from vo_frontend.session.session import Session
from vo_frontend.types import FrameResult, Reason, Sensor, Trajectory

MAX_ERROR_M = 0.5  # beyond it a pose is wrong ...
LEAST_ERROR_M = 0.1  # ... but not below this
MAX_CLEAN_ERRORS = 3.0  # ... and beyond this many times the largest error without faults
MIN_ALIGNED = 3  # poses of a segment that can be compared


@dataclass(frozen=True, slots=True)
class ToldRun:
    """The results of a run, and the poses that it had told when its last frame was done."""

    results: list[FrameResult]
    told: EstimatedTrajectory  # by the frames themselves, and in hindsight where they had nothing to tell


def track_all(session: Session, frames: Sequence[ExtractedFrame]) -> ToldRun:
    """Track frames in order."""
    results = [session.track(frame) for frame in frames]
    record = session.records.trajectory
    found, online = (_without_repeats(poses, results) for poses in (record.trajectory(), record.online()))
    placed_later = selected(found, ~np.isin(found.frame_indices, online.frame_indices))
    told = [np.concatenate(both) for both in zip(_columns(online), _columns(placed_later), strict=True)]
    order = np.argsort(told[0], kind="stable")
    return ToldRun(results, EstimatedTrajectory(*(column[order] for column in told)))


def finished(session: Session, run: ToldRun) -> EstimatedTrajectory:
    """Adjust all that is known, as after the last frame of a run, and return the poses that a run leaves."""
    session.finish()
    return _without_repeats(session.records.trajectory.trajectory(), run.results)


def selected(poses: EstimatedTrajectory, mask: NDArray[np.bool_]) -> EstimatedTrajectory:
    """Return the poses of a mask (N,)."""
    return EstimatedTrajectory(*(column[mask] for column in _columns(poses)))


def errors_m(poses: EstimatedTrajectory, truth: Trajectory, sensor: Sensor) -> NDArray[np.float64]:
    """Return the distance of each pose from the truth, segment by segment; too short ones are left out."""
    errors = [np.zeros(0)]
    for segment in poses.segments().values():
        if len(segment) < MIN_ALIGNED:
            continue
        i, j = associate(segment.timestamps_ns, truth.timestamps_ns)
        found, true = segment.positions_world[i], truth.positions_world[j]
        if len(found) < MIN_ALIGNED or np.ptp(found, axis=0).max() == 0 or np.ptp(true, axis=0).max() == 0:
            continue
        aligned = align(found, true, with_scale=sensor is Sensor.MONO).transform_points(found)
        errors.append(np.linalg.norm(aligned - true, axis=1))
    return np.concatenate(errors)


def limit_m(clean: ToldRun, truth: Trajectory, sensor: Sensor) -> float:
    """Return the error beyond which a pose is wrong, by those of a run that nothing disturbed."""
    largest_m = errors_m(clean.told, truth, sensor).max(initial=0.0)
    return float(np.clip(MAX_CLEAN_ERRORS * largest_m, LEAST_ERROR_M, MAX_ERROR_M))


def _without_repeats(poses: EstimatedTrajectory, results: Sequence[FrameResult]) -> EstimatedTrajectory:
    """Leave out repetitions: they show what their original shows, their pose is that of another time."""
    repeats = [result.frame_index for result in results if result.reason is Reason.REPEATED_FRAME]
    return selected(poses, ~np.isin(poses.frame_indices, repeats))


def _columns(poses: EstimatedTrajectory) -> tuple[NDArray[Any], ...]:
    return poses.frame_indices, poses.timestamps_ns, poses.segment_ids, poses.T_world_cam
