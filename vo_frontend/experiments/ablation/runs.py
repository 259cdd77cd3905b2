"""Run all cases. Features are extracted once and tracked many times; both halves are timed."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vo_frontend.config import DepthImageConfig, FeaturesConfig, StereoConfig
from vo_frontend.experiments.ablation.extraction import ExtractedSequence, extract_sequence, with_faults
from vo_frontend.experiments.ablation.plan import DEFAULT_PRESET, Case, Variant
from vo_frontend.experiments.ablation.scores import (
    ScoredRun,
    compared_with_clean,
    load_ground_truth,
    score_run,
)
from vo_frontend.experiments.ablation.sequences import FAULTY_STREET, STREET_FRAMES, SensorSequence
from vo_frontend.features import FeatureExtractor, load_extractor
from vo_frontend.reports.statistics import StatisticsSink
from vo_frontend.session.opened_input import OpenedInput, open_named
from vo_frontend.session.session import Session
from vo_frontend.simulation import STREET
from vo_frontend.types import Sensor

WARM_UP_FRAMES = 12


def measure(
    seeds_of: Mapping[Case, Sequence[int]],
    data_root: Path | None,
    weights_dir: Path | None,
    max_frames: int | None,
    report: Callable[[str], None],
) -> dict[Case, list[ScoredRun]]:
    """Run every case with its seeds.

    Names and files are looked at before the first frame. ``report`` gets a line now and then. Ctrl-C ends
    it early: cases that are not finished are left out. If none is, it is raised.

    Raises:
        VoError: a sequence, its ground truth or the weights of some features are missing or malformed.
    """
    prepared = []
    for (sequence, measured), cases in _with_shared_features(seeds_of).items():
        opened = _open(sequence, _longest(cases), data_root, max_frames)
        extractor = load_extractor(
            measured.features.name,
            max_keypoints=measured.features.max_keypoints,
            score_threshold=measured.features.score_threshold,
            image_scale=measured.features.image_scale,
            precision=measured.features.precision,
            device="cpu",
            weights_dir=weights_dir,
        )
        prepared.append((opened, _session(opened, extractor, cases[0].variant, 0), cases))
    warm_up()
    runs: dict[Case, list[ScoredRun]] = {}
    try:
        for opened, session, cases in prepared:
            extractor, label = session.frontend.extractor, cases[0].sequence.label
            report(f"{label}, {extractor.name}, {extractor.max_keypoints} keypoints: extracting")
            extracted = extract_sequence(opened, session)
            for case in cases:
                report(f"  {case.sequence.label}, {_describe(case.variant)}, seeds {list(seeds_of[case])}")
                runs[case] = [track(case, seed, extracted) for seed in seeds_of[case]]
    except KeyboardInterrupt:
        if not runs:
            raise
        report(f"stopped after {len(runs)} of {len(seeds_of)} cases")
    return {case: compared_with_clean(case, runs) for case in seeds_of if case in runs}


def track(case: Case, seed: int, extracted: ExtractedSequence) -> ScoredRun:
    """Track the extracted frames of a sequence as a case says, and score the trajectory."""
    opened = extracted.opened
    session = _session(opened, extracted.extractor, case.variant, seed)
    frames = extracted.frames[: STREET_FRAMES.get(case.sequence.name)]
    usable_ns = [frame.frame.timestamp_ns for frame in frames if frame.view is not None]
    if case.sequence.name == FAULTY_STREET:
        frames, usable_ns = with_faults(frames, opened, session, seed)
    statistics = StatisticsSink()
    track_s = core_s = 0.0
    for frame in frames:
        begin_s, core_begin_s = time.perf_counter(), time.process_time()
        result = session.track(frame)
        track_s += time.perf_counter() - begin_s
        core_s += time.process_time() - core_begin_s
        statistics.consume(frame.frame, result)
    session.finish(stop=lambda: not case.variant.adjusts)  # the last adjustment is one, too
    return score_run(
        case,
        seed,
        load_ground_truth(opened),
        statistics.summary(),
        session.records.trajectory.trajectory(),
        usable_ns,
        extract_ms=extracted.extract_ms,
        track_ms=1e3 * track_s / len(frames),
        core_ms=extracted.extract_core_ms + 1e3 * core_s / len(frames),
    )


def warm_up() -> None:
    """Compile or load the kernels, so that no run is charged with it."""
    extractor = load_extractor("orb", max_keypoints=500, device="cpu")
    for sensor in Sensor:
        case = Case(SensorSequence(STREET, sensor), Variant(features="orb", keypoints=500))
        opened = open_named(STREET, None, sensor, slice(WARM_UP_FRAMES))
        track(case, 0, extract_sequence(opened, _session(opened, extractor, case.variant, 0)))


@dataclass(frozen=True, slots=True)
class _Measured:
    """The sections of the configuration that say what is measured in a frame, before it is tracked."""

    features: FeaturesConfig
    stereo: StereoConfig
    depth_image: DepthImageConfig


def _with_shared_features(cases: Mapping[Case, object]) -> dict[tuple[SensorSequence, _Measured], list[Case]]:
    """Group cases that track the same features of the same frames."""
    groups: dict[tuple[SensorSequence, _Measured], list[Case]] = {}
    for case in cases:
        sequence = case.sequence
        if sequence.is_street:  # the streets show the same frames, some fewer of them
            sequence = replace(sequence, name=STREET)
        config = case.variant.config(0)
        measured = _Measured(config.features, config.stereo, config.depth_image)
        groups.setdefault((sequence, measured), []).append(case)
    return groups


def _longest(cases: Sequence[Case]) -> int:
    return max(STREET_FRAMES.get(case.sequence.name, 0) for case in cases)


def _open(
    sequence: SensorSequence, num_frames: int, data_root: Path | None, max_frames: int | None
) -> OpenedInput:
    if sequence.is_street:
        return open_named(STREET, None, sequence.sensor, slice(min(num_frames, max_frames or num_frames)))
    opened = open_named(sequence.name, data_root, sequence.sensor, slice(max_frames))
    load_ground_truth(opened)
    return opened


def _session(opened: OpenedInput, extractor: FeatureExtractor, variant: Variant, seed: int) -> Session:
    return Session.for_source(variant.config(seed), opened.source, extractor)


def _describe(variant: Variant) -> str:
    parts = [variant.features, f"{variant.keypoints} keypoints", variant.estimator]
    if variant.image_scale != 1:
        parts.append(f"images of {variant.image_scale:g} the size")
    if variant.preset != DEFAULT_PRESET:
        parts.append(f"preset {variant.preset}")
    return ", ".join([*parts, *([] if variant.adjusts else ["no bundle adjustment"])])
