"""From the options of the benchmark to measured sections, in the order in which they are shown."""

import argparse
import importlib.metadata
import importlib.util
import itertools
import logging
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from vo_frontend.config import Config
from vo_frontend.errors import VoError
from vo_frontend.experiments.speed.cost_curves import CostCurve, plot_cost_curves
from vo_frontend.experiments.speed.extraction import BUDGETS, CURVE_SIZES, ExtractionBench, ExtractionRow
from vo_frontend.experiments.speed.gpu import GpuBench
from vo_frontend.experiments.speed.images import Size, load_images
from vo_frontend.experiments.speed.kernels import compare_matching, measure_bundle
from vo_frontend.experiments.speed.process import run_task
from vo_frontend.experiments.speed.profile import profile_extraction
from vo_frontend.experiments.speed.timing import BUSY_LOAD, load_average
from vo_frontend.experiments.tables import Section, Setting, quoted_command
from vo_frontend.features import load_extractor
from vo_frontend.reports.run_metrics import cpu_model, num_cores, versions
from vo_frontend.session.opened_input import BUILT_IN_SEQUENCE
from vo_frontend.sources.registry import find_sequence, list_sequences

log = logging.getLogger(__name__)

DEFAULT_BUDGET = Config().features.max_keypoints  # of what is not measured for all budgets
PREFERRED_SEQUENCE = "kitti/06"
NUM_WARM_STARTS = 3


@dataclass(frozen=True, slots=True)
class FirstCallRow:
    """Time from the start of the process to the first features: imports, weights and compiling included."""

    features: str
    size: str
    caches: str  # of compiled code: warm, or cold as on the very first use
    first_features_s: float


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """Resident memory of a fresh process on the CPU."""

    features: str
    size: str
    keypoints: int
    loaded_mb: float  # Python, libraries and model
    first_peak_above_mb: float  # during the first extraction, above the loaded model
    next_peak_above_mb: float  # during the second one, also above the loaded model
    frames: int  # then so many, each of another size
    growth_mb: float  # over the last nine tenths of them


@dataclass(frozen=True, slots=True)
class RunRow:
    """A whole run through the pipeline."""

    sequence: str
    sensor: str
    features: str
    keypoints: int
    frames: int
    poses: int
    frames_per_second: float
    peak_memory_mb: float


@dataclass(frozen=True, slots=True)
class RunStageRow:
    """Time of one stage over the frames of a run."""

    sequence: str
    sensor: str
    features: str
    stage: str
    p50_ms: float
    p95_ms: float


def describe_setting(threads: int, arguments: Sequence[str]) -> Setting:
    """Note machine, versions and load."""
    load, cores = load_average(), num_cores()
    warnings = []
    if load is not None and load > BUSY_LOAD:
        warnings.append(
            f"load {load:.1f} before the start: other programs were running, the times are too long"
        )
    try:
        kornia = importlib.metadata.version("kornia")
    except importlib.metadata.PackageNotFoundError:
        kornia = None
    return Setting(
        command=quoted_command(arguments),
        cpu=cpu_model(),
        cores=cores,
        threads=threads,
        load_before=load,
        versions={**versions(), "kornia": kornia},
        warnings=tuple(warnings),
    )


def check(args: argparse.Namespace) -> None:
    """Find wrong names and missing files before minutes of measuring.

    Raises:
        VoError: something that is asked for cannot be measured here.
    """
    asked_for = (args.seq is not None, args.first_call, args.memory, args.profile, args.gpu, args.curves)
    if args.only and not any(asked_for):
        raise VoError("--only: nothing to measure, expected one of --seq, --memory, ...; --help shows all")
    for name in args.features:
        load_extractor(name, max_keypoints=DEFAULT_BUDGET, device="cpu", weights_dir=args.weights_dir)
    if "kornia" in args.peer:
        from vo_frontend.experiments.baselines.kornia import require_kornia

        require_kornia()
    if "ceres" in args.peer and importlib.util.find_spec("pyceres") is None:
        raise VoError("peer ceres: pyceres is not installed; install it with: python -m pip install pyceres")
    if args.gpu:
        from vo_frontend.experiments.baselines.kornia import require_cuda

        try:
            require_cuda()
        except VoError as error:
            if args.only and sum(map(bool, asked_for)) == 1:
                raise  # nothing else to go on with
            log.warning("%s; its part is left out", error)
            args.gpu = False
    if args.data_root and not args.data_root.is_dir():
        raise VoError(f"--data-root {args.data_root}: no such folder")
    if args.seq and args.seq != BUILT_IN_SEQUENCE:
        find_sequence(args.seq, args.data_root)


def sections(args: argparse.Namespace) -> Iterator[Section]:
    """Measure part after part, yielding each as soon as it is known."""
    if not args.only:
        yield _extraction(args)
        yield Section(
            "matching",
            "Matching of two images",
            compare_matching(
                args.repeats, with_opencv="opencv" in args.peer, with_kornia="kornia" in args.peer
            ),
        )
        bundle = measure_bundle(args.repeats, with_ceres="ceres" in args.peer)
        yield Section("bundle", "Bundle adjustment, and the pose of one frame, on one core", bundle)
    if args.seq is not None:
        yield from _whole_runs(args)
    if args.first_call:
        yield _first_calls(args)
    if args.memory:
        yield _memory(args)
    if args.profile:
        yield _profile(args)
    if args.gpu:
        bench = GpuBench(args.repeats, args.data_root, args.weights_dir, "kornia" in args.peer)
        yield from bench.sections(args.features, _sizes(args), args.keypoints, DEFAULT_BUDGET)
    if args.curves:
        yield _curves(args)


def _bench(args: argparse.Namespace, *, with_peers: bool = True) -> ExtractionBench:
    return ExtractionBench(
        repeats=args.repeats,
        data_root=args.data_root,
        weights_dir=args.weights_dir,
        with_kornia=with_peers and "kornia" in args.peer,
    )


def _sizes(args: argparse.Namespace) -> list[Size]:
    return [Size(*pair) for pair in args.sizes]


def _extraction(args: argparse.Namespace) -> Section:
    rows = _bench(args).compare(args.features, _sizes(args), args.keypoints)
    return Section("extraction", "Extraction on the CPU", rows)


def _curves(args: argparse.Namespace) -> Section:
    """Time against budget at the first size, and against size at the default budget."""
    bench, first_size = _bench(args, with_peers=False), _sizes(args)[0]
    by_budget = bench.compare(args.features, [first_size], BUDGETS)
    by_size = bench.compare(args.features, CURVE_SIZES, [DEFAULT_BUDGET])
    megapixels = {str(size): size.width * size.height / 1e6 for size in CURVE_SIZES}
    plot_cost_curves(
        args.curves,
        f"left: {first_size} px, right: {DEFAULT_BUDGET} keypoints, {args.threads} threads, {cpu_model()}",
        _by_features(by_budget, [float(row.keypoints) for row in by_budget]),
        _by_features(by_size, [megapixels[row.size] for row in by_size]),
    )
    title = "Time against budget and against pixels"
    return Section("curves", title, [*by_budget, *by_size], picture=args.curves)


def _by_features(rows: Sequence[ExtractionRow], quantities: Sequence[float]) -> list[CostCurve]:
    points = sorted(
        zip((row.features for row in rows), quantities, (row.median_ms for row in rows), strict=True)
    )
    curves = []
    for name, group in groupby(points, key=lambda point: point[0]):
        _, x, y = zip(*group, strict=True)
        curves.append(CostCurve(name, x, y))
    return curves


def _profile(args: argparse.Namespace) -> Section:
    rows = profile_extraction(
        args.features,
        _sizes(args),
        max_keypoints=DEFAULT_BUDGET,
        repeats=args.repeats,
        data_root=args.data_root,
        weights_dir=args.weights_dir,
    )
    return Section("profile", f"Where an extraction of {DEFAULT_BUDGET} keypoints spends its time", rows)


def _first_calls(args: argparse.Namespace) -> Section:
    size = _sizes(args)[0]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        image_path = _stored_image(size, args.data_root, Path(folder))
        for name in args.features:
            arguments = _task_arguments(args, name, image_path=image_path)
            warm_s = [_first_call_s(arguments) for _ in range(NUM_WARM_STARTS)]
            rows.append(FirstCallRow(name, str(size), "warm", float(np.median(warm_s))))
            rows.append(FirstCallRow(name, str(size), "cold", _first_call_s(arguments, cold_caches=True)))
    return Section("first_call", "From the start of the process to the first features", rows)


def _first_call_s(arguments: dict[str, Any], *, cold_caches: bool = False) -> float:
    start_s = time.time()
    return float(run_task("first-call", arguments, cold_caches=cold_caches)["ready_s"] - start_s)


def _memory(args: argparse.Namespace) -> Section:
    size = max(_sizes(args), key=lambda size: size.width * size.height)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        image_path = _stored_image(size, args.data_root, Path(folder))
        for name in args.features:
            arguments = _task_arguments(args, name, image_path=image_path, num_frames=args.memory)
            found = run_task("memory", arguments)
            rows.append(MemoryRow(name, str(size), DEFAULT_BUDGET, frames=args.memory, **found))
    return Section("memory", "Memory of an extraction", rows)


def _whole_runs(args: argparse.Namespace) -> Iterator[Section]:
    sequence = args.seq or _preferred_sequence(args.data_root)
    data_root = str(args.data_root) if args.data_root else None
    runs: list[RunRow] = []
    stages: list[RunStageRow] = []
    for sensor, name in itertools.product(args.sensors, args.features):
        frames = {"sequence": sequence, "sensor": sensor, "frames": args.frames, "data_root": data_root}
        found = run_task("run", _task_arguments(args, name, **frames))
        stages += [RunStageRow(sequence, sensor, name, *stage) for stage in found.pop("stages")]
        runs.append(RunRow(sensor=sensor, features=name, keypoints=DEFAULT_BUDGET, **found))
    yield Section("runs", "Whole runs on the CPU, without pictures", runs)
    yield Section("run_stages", "Stages of these runs, per frame", stages)


def _preferred_sequence(data_root: Path | None) -> str:
    is_present = any(
        listing.present for listing in list_sequences(data_root) if listing.name == PREFERRED_SEQUENCE
    )
    return PREFERRED_SEQUENCE if is_present else BUILT_IN_SEQUENCE


def _stored_image(size: Size, data_root: Path | None, folder: Path) -> str:
    path = folder / "image.npy"
    np.save(path, load_images(size, data_root, num_images=1).images[0])
    return str(path)


def _task_arguments(args: argparse.Namespace, name: str, **more: Any) -> dict[str, Any]:
    weights_dir = str(args.weights_dir) if args.weights_dir else None
    return {"name": name, "max_keypoints": DEFAULT_BUDGET, "weights_dir": weights_dir, **more}
