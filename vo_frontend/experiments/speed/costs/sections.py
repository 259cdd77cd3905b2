"""Measure all cost curves, each point in a process of its own, and draw them."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from vo_frontend.experiments.speed.costs.archive import ArchiveCost
from vo_frontend.experiments.speed.costs.driving import FrameCost, LongRunCost
from vo_frontend.experiments.speed.costs.extraction import ExtractionCost
from vo_frontend.experiments.speed.costs.parts import ARCHIVE, EXTRACTION, FRAMES, LONG_RUN
from vo_frontend.experiments.speed.costs.picture import Column, Curve, plot_costs
from vo_frontend.experiments.speed.images import Size
from vo_frontend.experiments.speed.plan import DEFAULT_BUDGET, BenchmarkPlan
from vo_frontend.experiments.speed.process import run_task
from vo_frontend.experiments.tables import Section
from vo_frontend.reports.machine import this_machine

BUDGETS = (250, 500, 1000, 2000, 4000)  # keypoints
SIZES = (
    Size(320, 240),
    Size(640, 480),
    Size(1280, 720),
    Size(1920, 1080),
    Size(2560, 1440),
    Size(3840, 2160),
)
USUAL_SIZE = Size(640, 480)
NUM_FRAMES = 100  # of each budget
LONG_FRAMES, LONG_SIZE, LONG_BUDGET = 1000, Size(320, 240), 500
KEYFRAMES = (100, 300, 1000, 3000, 10_000)


def measure_costs(plan: BenchmarkPlan, picture: Path) -> list[Section]:
    """Measure against budget, pixels, length of a run and size of the archive.

    Raises:
        VoError: a process failed, or the picture cannot be written.
    """
    data_root, weights_dir = (str(path) if path else None for path in (plan.data_root, plan.weights_dir))

    def rows_of(part: str, **arguments: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = run_task("cost", {"part": part, "arguments": arguments})["rows"]
        return rows

    settings = [(USUAL_SIZE, budget) for budget in BUDGETS]
    settings += [(size, DEFAULT_BUDGET) for size in SIZES if size != USUAL_SIZE]
    shared = {"repeats": plan.repeats, "data_root": data_root, "weights_dir": weights_dir}
    extractions = [
        ExtractionCost(**row)
        for name in plan.features
        for size, budget in settings
        for row in rows_of(EXTRACTION, name=name, max_keypoints=budget, size=size, **shared)
    ]
    street: dict[str, Any] = {
        "name": plan.features[0],
        "size": USUAL_SIZE,
        "num_frames": NUM_FRAMES,
        "weights_dir": weights_dir,
    }
    frames = [
        FrameCost(**row) for budget in BUDGETS for row in rows_of(FRAMES, max_keypoints=budget, **street)
    ]
    street = {**street, "size": LONG_SIZE, "num_frames": LONG_FRAMES}
    long_runs = [
        LongRunCost(**row)
        for keeps in (True, False)
        for row in rows_of(LONG_RUN, max_keypoints=LONG_BUDGET, keeps=keeps, **street)
    ]
    archives = [ArchiveCost(**row) for row in rows_of(ARCHIVE, sizes=KEYFRAMES)]
    columns = _columns(extractions, frames, long_runs, archives)
    plot_costs(picture, f"{this_machine().cpu}, {plan.threads} threads", columns)
    return [
        Section("extraction_costs", "Extraction, by budget and size", extractions, picture),
        Section("frame_costs", "A frame of one camera, by budget", frames),
        Section("long_run_costs", "Memory of a long run", long_runs),
        Section("archive_costs", "The archive and the pose graph, by keyframes", archives),
    ]


def _columns(
    extractions: Sequence[ExtractionCost],
    frames: Sequence[FrameCost],
    long_runs: Sequence[LongRunCost],
    archives: Sequence[ArchiveCost],
) -> list[Column]:
    by_name = [(name, list(rows)) for name, rows in groupby(extractions, lambda row: row.features)]
    budgets, pixels = list[Curve](), list[Curve]()
    budget_mb, pixel_mb = list[Curve](), list[Curve]()
    for name, rows in by_name:
        usual = [row for row in rows if row.size == str(USUAL_SIZE)]
        budgets.append(Curve(name, [(row.keypoints, row.median_core_ms) for row in usual]))
        budget_mb.append(Curve(name, [(row.keypoints, row.memory_mb) for row in usual]))
        sized = sorted((_megapixels(row), row) for row in rows if row.keypoints == DEFAULT_BUDGET)
        pixels.append(Curve(name, [(x, row.median_core_ms) for x, row in sized]))
        pixel_mb.append(Curve(name, [(x, row.memory_mb) for x, row in sized]))
    budgets.append(Curve("tracking, mapping", [(row.keypoints, row.track_core_ms) for row in frames]))
    by_run = [(run, list(rows)) for run, rows in groupby(long_runs, lambda row: row.run)]
    within = [Curve(f"{run}, keyframes", [(r.frames, r.keyframe_mb) for r in rows]) for run, rows in by_run]
    within += [Curve(f"{run}, others", [(r.frames, r.frame_mb) for r in rows]) for run, rows in by_run]
    kept = [Curve(run, [(r.frames, r.kept_mb) for r in rows]) for run, rows in by_run]
    names = {
        "add_ms": "add",
        "recall_ms": "recall",
        "place_query_ms": "place query",
        "correction_ms": "correct all",
        "all_edges_ms": "all edges",
        "pose_graph_ms": "pose graph",
    }
    return [
        Column(f"keypoints, {USUAL_SIZE} px", "core-ms", budgets, budget_mb),
        Column(f"megapixels, {DEFAULT_BUDGET} keypoints", "core-ms", pixels, pixel_mb),
        Column("frames of a run", "MB, given back after the frame", within, kept),
        Column(
            "keyframes of the archive",
            "core-ms",
            [
                Curve(label, [(r.keyframes, getattr(r, name)) for r in archives])
                for name, label in names.items()
            ],
            [Curve("whole process", [(r.keyframes, r.resident_mb) for r in archives])],
            is_logarithmic=True,
        ),
    ]


def _megapixels(row: ExtractionCost) -> float:
    width, _, height = row.size.partition("x")
    return int(width) * int(height) / 1e6
