"""The errors of one run of the ablation against ground truth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vo_frontend.errors import ConfigError
from vo_frontend.evaluation import evaluate
from vo_frontend.experiments.ablation.plan import Case
from vo_frontend.experiments.ablation.sequences import FAULTY_STREET, SHORT_STREET
from vo_frontend.mapping.trajectory import EstimatedTrajectory
from vo_frontend.reports.statistics import RunStatistics
from vo_frontend.session.opened_input import OpenedInput
from vo_frontend.types import Sensor, Trajectory


@dataclass(frozen=True, slots=True)
class ScoredRun:
    """One case with one seed. Errors are those of the longest segment; None where there is none.

    Lengths in m after alignment: Sim(3) for mono, SE(3) for the others.
    """

    sequence: str
    sensor: str
    features: str
    keypoints: int
    image_scale: float
    preset: str
    estimator: str
    bundle_adjustment: bool
    seed: int
    frames: int
    segments: int
    unreported_segments: int  # that the trajectory file has not
    tracked_percent: float  # of the frames, by the longest segment
    usable_tracked_percent: float  # of the frames that show something, by all segments
    path_length_m: float | None
    ate_m: float | None  # rmse
    rotation_deg: float | None  # per frame, mean
    final_heading_deg: float | None
    final_position_percent: float | None  # of the path
    scale_error_percent: float | None  # absolute; stereo and RGB-D
    scale_drift: float | None
    t_rel_percent: float | None
    r_rel_deg_per_100m: float | None
    reach_m: float | None  # farthest position from the first, in the estimate's own unit
    extract_ms: float  # mean per frame; stereo: both images and depth
    track_ms: float  # mean per frame, with mapping
    core_ms: float  # mean per frame of both, processor time of all threads
    ate_over_clean: float | None = None  # the street with faults: over the same without, same seed

    @property
    def frames_per_second(self) -> float:
        """Frames per second of one half after the other, without reading."""
        return 1e3 / (self.extract_ms + self.track_ms)


def score_run(
    case: Case,
    seed: int,
    ground_truth: Trajectory,
    statistics: RunStatistics,
    poses: EstimatedTrajectory,
    usable_ns: Sequence[int],
    *,
    extract_ms: float,
    track_ms: float,
    core_ms: float,
) -> ScoredRun:
    """Compare the trajectory of a run with ground truth.

    Args:
        case: what was run.
        seed: of its random draws.
        ground_truth: of the camera.
        statistics: of the frames that arrived.
        poses: what the run estimated.
        usable_ns: stamps of the frames that show something.
        extract_ms: mean per frame.
        track_ms: mean per frame.
        core_ms: mean per frame.
    """
    variant, segments = case.variant, list(poses.segments().values())
    longest = max(segments, key=len, default=Trajectory(np.empty(0, np.int64), np.empty((0, 4, 4))))
    found = evaluate(
        longest,
        ground_truth,
        sensor_has_scale=case.sequence.sensor is not Sensor.MONO,
        num_frames=statistics.num_frames,
    )
    return ScoredRun(
        sequence=case.sequence.name,
        sensor=case.sequence.sensor.value,
        features=variant.features,
        keypoints=variant.keypoints,
        image_scale=variant.image_scale,
        preset=variant.preset,
        estimator=variant.estimator,
        bundle_adjustment=variant.adjusts,
        seed=seed,
        frames=statistics.num_frames,
        segments=len(segments),
        unreported_segments=statistics.num_segments - len(segments),
        tracked_percent=100 * len(longest) / statistics.num_frames,
        usable_tracked_percent=100 * float(np.isin(usable_ns, poses.timestamps_ns).mean()),
        path_length_m=found.path_length_m,
        ate_m=found.ate_m.rmse if found.ate_m else None,
        rotation_deg=found.rpe_rotation_deg.mean if found.rpe_rotation_deg else None,
        final_heading_deg=found.final_heading_error_deg,
        final_position_percent=found.final_position_error_percent,
        scale_error_percent=None if found.scale_error_percent is None else abs(found.scale_error_percent),
        scale_drift=found.scale_drift,
        t_rel_percent=found.kitti.t_rel_percent if found.kitti else None,
        r_rel_deg_per_100m=found.kitti.r_rel_deg_per_100m if found.kitti else None,
        reach_m=_reach(longest),
        extract_ms=extract_ms,
        track_ms=track_ms,
        core_ms=core_ms,
    )


def load_ground_truth(opened: OpenedInput) -> Trajectory:
    """Read the ground truth of an input.

    Raises:
        VoError: it has none, or it is malformed.
    """
    if opened.load_ground_truth is None:
        raise ConfigError(f"{opened.source.name}: no ground truth, expected a sequence that has it")
    return opened.load_ground_truth()


def compared_with_clean(case: Case, runs: Mapping[Case, list[ScoredRun]]) -> list[ScoredRun]:
    """Add what the street with faults costs, where the street without was run with the same seed."""
    clean = replace(case, sequence=replace(case.sequence, name=SHORT_STREET))
    if case.sequence.name != FAULTY_STREET or clean not in runs:
        return runs[case]
    clean_m = {run.seed: run.ate_m for run in runs[clean]}
    return [
        replace(run, ate_over_clean=run.ate_m / without if run.ate_m and without else None)
        for run in runs[case]
        for without in [clean_m.get(run.seed)]
    ]


def _reach(trajectory: Trajectory) -> float | None:
    positions = trajectory.positions_world
    return float(np.linalg.norm(positions - positions[0], axis=1).max()) if len(positions) else None
