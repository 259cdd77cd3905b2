"""Run all cases. Features are extracted once and tracked many times; both halves are timed."""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vo_frontend.errors import ConfigError
from vo_frontend.evaluation import evaluate
from vo_frontend.experiments.ablation.plan import (
    FAULTY_STREET,
    SHORT_STREET,
    STREET,
    STREET_FRAMES,
    Case,
    Course,
    Variant,
)
from vo_frontend.features import FeatureExtractor, load_extractor
from vo_frontend.formats.trajectories import PoseFile, read_poses
from vo_frontend.frontend import ExtractedFrame, VisualFrontend
from vo_frontend.reports.statistics import RunStatistics, StatisticsSink
from vo_frontend.reports.trajectory_files import TUM_NAME, TrajectorySink
from vo_frontend.session.build import build_frontend
from vo_frontend.session.opened_input import Input, open_built_in, open_named
from vo_frontend.simulation.faults import BlackOut, Drop, Fault, Truncate, When
from vo_frontend.simulation.faulty import FaultySource
from vo_frontend.simulation.street import SyntheticSource
from vo_frontend.types import Frame, Sensor, Trajectory

RATE_HZ = 10  # of the street
BLACKOUTS = When.at(80, 160, 240, num_frames=RATE_HZ // 2)
FAULTS: tuple[Fault, ...] = (Drop(When.randomly(0.1)), Truncate(When.randomly(0.02)), BlackOut(BLACKOUTS))
THUMBNAIL_PX = 64  # what a fault strikes depends on the frame's position alone
WARM_UP_FRAMES = 12


@dataclass(frozen=True, slots=True)
class Run:
    """One case with one seed. Errors are those of the longest segment; None where there is none.

    Lengths in m after alignment: Sim(3) for mono, SE(3) for the others.
    """

    sequence: str
    sensor: str
    features: str
    keypoints: int
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
    ate_over_clean: float | None = None  # the street with faults: over the same without, same seed

    @property
    def frames_per_second(self) -> float:
        """One half after the other, without reading."""
        return 1e3 / (self.extract_ms + self.track_ms)


@dataclass(frozen=True, slots=True)
class _Footage:
    """The first half of all runs on one course with the same features."""

    given: Input
    extractor: FeatureExtractor
    frames: list[ExtractedFrame]  # without images
    extract_ms: float


def measure(
    seeds_of: Mapping[Case, Sequence[int]],
    data_root: Path | None,
    weights_dir: Path | None,
    max_frames: int | None,
    report: Callable[[str], None],
) -> dict[Case, list[Run]]:
    """Run every case with its seeds.

    Names and files are looked at before the first frame. ``report`` gets a line now and then. Ctrl-C ends
    it early: cases that are not finished are left out. If none is, it is raised.

    Raises:
        VoError: a sequence, its ground truth or the weights of some features are not to be had.
    """
    groups: dict[tuple[Course, str, int], list[Case]] = {}
    for case in seeds_of:
        key = _filmed(case.course), case.variant.features, case.variant.keypoints
        groups.setdefault(key, []).append(case)
    prepared = []
    for (course, name, keypoints), cases in groups.items():
        given = _open(course, _longest(cases), data_root, max_frames)
        extractor = load_extractor(name, max_keypoints=keypoints, device="cpu", weights_dir=weights_dir)
        prepared.append((given, _frontend(given, extractor, cases[0].variant, 0), cases))
    _warm_up()
    runs: dict[Case, list[Run]] = {}
    try:
        for given, frontend, cases in prepared:
            extractor, label = frontend.extractor, cases[0].course.label
            report(f"{label}, {extractor.name}, {extractor.max_keypoints} keypoints: extracting")
            footage = _film(given, frontend)
            for case in cases:
                report(f"  {case.course.label}, {_describe(case.variant)}, seeds {list(seeds_of[case])}")
                runs[case] = [_run(case, seed, footage) for seed in seeds_of[case]]
    except KeyboardInterrupt:
        if not runs:
            raise
        report(f"stopped after {len(runs)} of {len(seeds_of)} cases")
    return {case: _compared_with_clean(case, runs) for case in seeds_of if case in runs}


def _filmed(course: Course) -> Course:
    """The streets show the same frames, some fewer of them."""
    return replace(course, sequence=STREET) if course.is_street else course


def _longest(cases: Sequence[Case]) -> int:
    return max(STREET_FRAMES.get(case.course.sequence, 0) for case in cases)


def _open(course: Course, num_frames: int, data_root: Path | None, max_frames: int | None) -> Input:
    if course.is_street:
        return open_built_in(course.sensor, slice(min(num_frames, max_frames or num_frames)))
    given = open_named(course.sequence, data_root, course.sensor, slice(max_frames))
    _ground_truth(given)
    return given


def _frontend(given: Input, extractor: FeatureExtractor, variant: Variant, seed: int) -> VisualFrontend:
    source = given.source
    return build_frontend(
        variant.config(seed), source.camera, extractor, sensor=source.sensor, baseline_m=source.baseline_m
    )


def _film(given: Input, frontend: VisualFrontend) -> _Footage:
    frames: list[ExtractedFrame] = []
    for frame in given.source:
        if not frames:
            frontend.extract(frame)  # untimed: it compiles and allocates for this size of image
        frames.append(_without_images(frontend.extract(frame)))
    extract_ms = 1e3 * sum(extracted.seconds for extracted in frames) / len(frames)
    return _Footage(given, frontend.extractor, frames, extract_ms)


def _without_images(extracted: ExtractedFrame) -> ExtractedFrame:
    frame = Frame(extracted.frame.index, extracted.frame.timestamp_ns, None)
    return replace(extracted, frame=frame)


def _run(case: Case, seed: int, footage: _Footage) -> Run:
    course, given = case.course, footage.given
    frontend = _frontend(given, footage.extractor, case.variant, seed)
    frames = footage.frames[: STREET_FRAMES.get(course.sequence)]
    usable_ns = [extracted.frame.timestamp_ns for extracted in frames if extracted.view is not None]
    if course.sequence == FAULTY_STREET:
        frames, usable_ns = _with_faults(frames, given, frontend, seed)
    statistics = StatisticsSink()
    with tempfile.TemporaryDirectory() as folder:
        sinks = (TrajectorySink(Path(folder)), statistics)
        track_s = 0.0
        for extracted in frames:
            begin_s = time.perf_counter()
            result = frontend.track(extracted)
            track_s += time.perf_counter() - begin_s
            for sink in sinks:
                sink.consume(extracted.frame, result)
        for sink in sinks:
            sink.close()
        poses = read_poses(Path(folder) / TUM_NAME)
    track_ms = 1e3 * track_s / len(frames)
    return _judged(case, seed, given, statistics.summary(), poses, usable_ns, footage.extract_ms, track_ms)


def _with_faults(
    frames: Sequence[ExtractedFrame], given: Input, frontend: VisualFrontend, seed: int
) -> tuple[list[ExtractedFrame], list[int]]:
    """Return what arrives, and the stamps of the frames that show something.

    A fault spoils a frame wholly or leaves it alone, so that nothing but black has to be extracted anew.
    """
    camera, sensor = given.source.camera, given.source.sensor
    black_image = np.zeros((camera.height, camera.width, 3), np.uint8)
    black = frontend.extract(Frame(0, 0, black_image, black_image if sensor is Sensor.STEREO else None)).view
    thumbnails = SyntheticSource(len(frames), THUMBNAIL_PX, THUMBNAIL_PX, sensor=sensor)
    arriving, usable_ns = [], []
    for thumbnail in FaultySource(thumbnails, FAULTS, seed):
        clean = frames[thumbnail.index]
        if thumbnail.image is None:
            arriving.append(replace(clean, view=None))
        elif thumbnail.image.any():
            arriving.append(clean)
            usable_ns.append(thumbnail.timestamp_ns)
        elif black is not None:
            stamped = replace(black, frame_index=thumbnail.index, timestamp_ns=thumbnail.timestamp_ns)
            arriving.append(replace(clean, view=stamped))
    return arriving, usable_ns


def _judged(
    case: Case,
    seed: int,
    given: Input,
    statistics: RunStatistics,
    poses: PoseFile,
    usable_ns: Sequence[int],
    extract_ms: float,
    track_ms: float,
) -> Run:
    """Compare the trajectory file of a run with ground truth."""
    variant, segments = case.variant, poses.segments()
    longest = max(segments, key=len, default=Trajectory(np.empty(0, np.int64), np.empty((0, 4, 4))))
    found = evaluate(
        longest,
        _ground_truth(given),
        sensor_has_scale=case.course.sensor is not Sensor.MONO,
        num_frames=statistics.num_frames,
    )
    all_ns = np.empty(0, np.int64) if poses.timestamps_ns is None else poses.timestamps_ns
    return Run(
        sequence=case.course.sequence,
        sensor=case.course.sensor.value,
        features=variant.features,
        keypoints=variant.keypoints,
        estimator=variant.estimator,
        bundle_adjustment=variant.adjusts,
        seed=seed,
        frames=statistics.num_frames,
        segments=len(segments),
        unreported_segments=statistics.num_segments - len(segments),
        tracked_percent=100 * len(longest) / statistics.num_frames,
        usable_tracked_percent=100 * float(np.isin(usable_ns, all_ns).mean()),
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
    )


def _ground_truth(given: Input) -> Trajectory:
    if given.load_ground_truth is None:
        raise ConfigError(f"{given.source.name}: no ground truth, expected a sequence that has it")
    return given.load_ground_truth()


def _reach(trajectory: Trajectory) -> float | None:
    positions = trajectory.positions_world
    return float(np.linalg.norm(positions - positions[0], axis=1).max()) if len(positions) else None


def _compared_with_clean(case: Case, runs: Mapping[Case, list[Run]]) -> list[Run]:
    """Add what the street with faults costs, where the street without was run with the same seed."""
    clean = replace(case, course=replace(case.course, sequence=SHORT_STREET))
    if case.course.sequence != FAULTY_STREET or clean not in runs:
        return runs[case]
    clean_m = {run.seed: run.ate_m for run in runs[clean]}
    return [
        replace(run, ate_over_clean=run.ate_m / without if run.ate_m and without else None)
        for run in runs[case]
        for without in [clean_m.get(run.seed)]
    ]


def _describe(variant: Variant) -> str:
    parts = [variant.features, f"{variant.keypoints} keypoints", variant.estimator]
    return ", ".join([*parts, *([] if variant.adjusts else ["no bundle adjustment"])])


def _warm_up() -> None:
    """Compile or load the kernels, so that no run is charged with it."""
    extractor = load_extractor("orb", max_keypoints=500, device="cpu")
    for sensor in Sensor:
        case = Case(Course(STREET, sensor), Variant(features="orb", keypoints=500))
        given = open_built_in(sensor, slice(WARM_UP_FRAMES))
        _run(case, 0, _film(given, _frontend(given, extractor, case.variant, 0)))
