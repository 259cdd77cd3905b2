"""Films that go on elsewhere: is each pose after a cut where the camera is?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.config import Config
from vo_frontend.evaluation.associate import associate
from vo_frontend.experiments.ablation.extraction import extract_sequence
from vo_frontend.experiments.ablation.scores import load_ground_truth
from vo_frontend.experiments.ablation.sequences import SensorSequence
from vo_frontend.experiments.reliability.inputs import open_inputs
from vo_frontend.experiments.reliability.told import limit_m, selected, track_all
from vo_frontend.experiments.tables import Section
from vo_frontend.features import FeatureExtractor
from vo_frontend.frontend import ExtractedFrame
from vo_frontend.geometry import se3
from vo_frontend.mapping.trajectory import EstimatedTrajectory
from vo_frontend.session.opened_input import OpenedInput
from vo_frontend.session.session import Session
from vo_frontend.simulation import STREET
from vo_frontend.types import Frame, Sensor

SEQUENCES = (
    SensorSequence(STREET, Sensor.MONO),
    SensorSequence(STREET, Sensor.STEREO),
    SensorSequence("kitti/00", Sensor.MONO),
    SensorSequence("kitti/06", Sensor.MONO),
    SensorSequence("kitti/06", Sensor.STEREO),
    SensorSequence("7scenes/redkitchen", Sensor.MONO),
    SensorSequence("tum/fr1_rpy", Sensor.RGBD),
    SensorSequence("tum/fr2_desk", Sensor.MONO),
)
CUTS = 70  # of each sequence
MAX_FRAMES = 1000  # of a sequence
FRAMES_BEFORE = 12, 40  # at least, and fewer than
FRAMES_AFTER = 12
LEAST_FRAMES_AFTER = 8  # where the sequence ends
MAX_DRIFT_SHARE = 0.1  # of the distance from the last pose before the cut: so much more may a pose be off


@dataclass(frozen=True, slots=True)
class CutsRow:
    """The cuts of one sequence that left a pose before them; each is relocalised or lost."""

    sequence: str
    sensor: str
    cuts: int
    relocalised: int  # some frame after it has a pose in the segment from before
    lost: int
    wrong: int  # cuts after which such a pose is wrong
    largest_error_m: float | None  # of such poses
    limit_m: float  # of the error of a right one, beside its share of the distance


@dataclass(frozen=True, slots=True)
class _Recording:
    """A sequence whose features are known."""

    opened: OpenedInput
    extractor: FeatureExtractor
    frames: list[ExtractedFrame]
    T_world_cam: NDArray[np.float64]  # (F, 4, 4) of the truth, NaN where there is none
    limit_m: float


def measure(
    sequences: Sequence[SensorSequence],
    features: str,
    data_root: Path | None,
    weights_dir: Path | None,
    max_frames: int | None,
    report: Callable[[str], None],
) -> tuple[list[Section], bool]:
    """Cut every sequence at random; ``report`` gets a line for each.

    Ctrl-C ends it early: the rows that are finished are kept. If none is, it is raised.

    Returns:
        The table, and whether every sequence is in it.

    Raises:
        VoError: a sequence, its ground truth or the weights are missing or malformed.
    """
    num_frames = min(max_frames or MAX_FRAMES, MAX_FRAMES)
    opened, extractor = open_inputs(sequences, features, data_root, weights_dir, num_frames)
    rows: list[CutsRow] = []
    try:
        for sequence, each in zip(sequences, opened, strict=True):
            report(f"{sequence.label}: extracting")
            rows.append(measure_cuts(each, extractor, Config(), CUTS))
            report(f"  {rows[-1].cuts} cuts, {rows[-1].lost} lost, {rows[-1].wrong} wrong")
    except KeyboardInterrupt:
        if not rows:
            raise
        report(f"stopped after {len(rows)} of {len(sequences)} sequences")
    return [Section("cuts", "Random cuts", rows)], len(rows) == len(sequences)


def measure_cuts(
    opened: OpenedInput, extractor: FeatureExtractor, config: Config, num_cuts: int, seed: int = 0
) -> CutsRow:
    """Track pieces of a sequence that are followed by another piece of it, as if nothing were between.

    Raises:
        VoError: it cannot be read, or has no ground truth.
    """
    recording = _record(opened, extractor, config)
    rng, num_frames = np.random.default_rng(seed), len(recording.frames)
    shortest, longest = (min(length, num_frames // 2) for length in FRAMES_BEFORE)
    outcomes = []
    for _ in range(num_cuts):
        length = int(rng.integers(min(shortest, longest - 1), longest))
        first = int(rng.integers(0, num_frames - length))
        resumed = int(rng.integers(0, max(num_frames - LEAST_FRAMES_AFTER, 1)))
        before = np.arange(first, first + length)
        after = np.arange(resumed, min(resumed + FRAMES_AFTER, num_frames))
        outcomes.append(_placed_after(recording, config, before, after))
    judged = [outcome for outcome in outcomes if outcome is not None]
    placed = [outcome for outcome in judged if len(outcome.errors_m)]
    return CutsRow(
        sequence=opened.source.name,
        sensor=opened.source.sensor.value,
        cuts=len(judged),
        relocalised=len(placed),
        lost=len(judged) - len(placed),
        wrong=sum(each.is_wrong(recording.limit_m) for each in placed),
        largest_error_m=max((float(each.errors_m.max()) for each in placed), default=None),
        limit_m=recording.limit_m,
    )


@dataclass(frozen=True, slots=True)
class _Placed:
    """The poses after a cut in the segment from before."""

    errors_m: NDArray[np.float64]  # (N,)
    distances_m: NDArray[np.float64]  # (N,) from the last pose before the cut

    def is_wrong(self, limit_m: float) -> bool:
        """Tell whether one of the poses is farther from the truth than the drift of a right one explains."""
        return bool((self.errors_m > limit_m + MAX_DRIFT_SHARE * self.distances_m).any())


def _record(opened: OpenedInput, extractor: FeatureExtractor, config: Config) -> _Recording:
    session, truth = Session.for_source(config, opened.source, extractor), load_ground_truth(opened)
    frames = extract_sequence(opened, session).frames
    stamps_ns = np.array([extracted.frame.timestamp_ns for extracted in frames])
    T_world_cam = np.full((len(frames), 4, 4), np.nan)
    index, partner = associate(stamps_ns, truth.timestamps_ns)
    T_world_cam[index] = truth.T_world_cam[partner]
    whole = track_all(Session.for_source(config, opened.source, extractor), frames)
    return _Recording(opened, extractor, frames, T_world_cam, limit_m(whole, truth, opened.source.sensor))


def _placed_after(
    recording: _Recording, config: Config, before: NDArray[np.int64], after: NDArray[np.int64]
) -> _Placed | None:
    """Track frames (B,), then others (A,), and compare the latter; None where the former gave no pose."""
    source, order = recording.opened.source, np.concatenate([before, after])
    period_ns = recording.frames[1].frame.timestamp_ns - recording.frames[0].frame.timestamp_ns
    session = Session.for_source(config, source, recording.extractor)
    frames = [_moved(recording.frames[k], n, n * period_ns) for n, k in enumerate(order.tolist())]
    told, T_true = track_all(session, frames).told, recording.T_world_cam[order]
    told = selected(told, np.isfinite(T_true[told.frame_indices, 0, 0]))
    earlier = told.frame_indices < len(before)
    if not earlier.any():
        return None
    told = selected(told, told.segment_ids == told.segment_ids[earlier][-1])
    return _compare(told, T_true[told.frame_indices], len(before), source.sensor)


def _compare(
    told: EstimatedTrajectory, T_true: NDArray[np.float64], num_before: int, sensor: Sensor
) -> _Placed:
    """Compare poses after a cut, seen from the last one before it, with the truth (N, 4, 4).

    The scale of one camera is that of the poses before the cut.
    """
    earlier = told.frame_indices < num_before
    found, true = (_seen_from_last(poses, earlier) for poses in (told.T_world_cam, T_true))
    scale = 1.0
    if sensor is Sensor.MONO:
        true_size, found_size = (
            np.linalg.norm(each[earlier] - each[earlier].mean(axis=0)) for each in (true, found)
        )
        scale = float(true_size / found_size) if found_size > 0 else 0.0
    return _Placed(
        np.linalg.norm(scale * found[~earlier] - true[~earlier], axis=1),
        np.linalg.norm(true[~earlier], axis=1),
    )


def _seen_from_last(T_world_cam: NDArray[np.float64], earlier: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return positions (N, 3) in the camera of the last pose of a mask."""
    return se3.transform_points(se3.inverse(T_world_cam[earlier][-1]), T_world_cam[:, :3, 3])


def _moved(extracted: ExtractedFrame, index: int, timestamp_ns: int) -> ExtractedFrame:
    """Return a frame at another place of the film."""
    view = extracted.view
    if view is not None:
        view = replace(view, frame_index=index, timestamp_ns=timestamp_ns)
    return replace(extracted, frame=Frame(index, timestamp_ns, None), view=view)
