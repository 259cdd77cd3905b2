"""Fault by sensor by sequence, as tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vo_frontend.config import Config
from vo_frontend.experiments.ablation.sequences import SensorSequence
from vo_frontend.experiments.reliability.inputs import open_inputs
from vo_frontend.experiments.reliability.measurement import Cell, measure_sequence
from vo_frontend.experiments.reliability.rows import ROWS
from vo_frontend.experiments.tables import Section
from vo_frontend.simulation import STREET
from vo_frontend.types import Sensor

SEQUENCES = (
    SensorSequence("kitti/06", Sensor.MONO),
    SensorSequence("kitti/06", Sensor.STEREO),
    SensorSequence("tum/fr1_rpy", Sensor.RGBD),
    SensorSequence("7scenes/redkitchen", Sensor.MONO),
    SensorSequence(STREET, Sensor.MONO),
    SensorSequence(STREET, Sensor.STEREO),
)
MAX_FRAMES = 100  # of a sequence: enough for two strikes and what follows


@dataclass(frozen=True, slots=True)
class _Promise:
    fault: str
    strikes: str
    promise: str


@dataclass(frozen=True, slots=True)
class _Total:
    """What the goal is held against."""

    cells: int
    with_wrong_poses: int
    wrong_poses: int
    least_usable_tracked_percent: float
    longest_recovery_s: float
    not_recovered: int


def measure(
    sequences: Sequence[SensorSequence],
    features: str,
    data_root: Path | None,
    weights_dir: Path | None,
    max_frames: int | None,
    report: Callable[[str], None],
) -> tuple[list[Section], bool]:
    """Measure every fault on every sequence; ``report`` gets a line for each.

    Ctrl-C ends it early: the cells that are finished are kept. If none is, it is raised.

    Returns:
        The tables, and whether every cell is in them.

    Raises:
        VoError: a sequence, its ground truth or the weights are missing or malformed.
    """
    num_frames = min(max_frames or MAX_FRAMES, MAX_FRAMES)
    opened, extractor = open_inputs(sequences, features, data_root, weights_dir, num_frames)
    num_cells = sum(sequence.sensor in row.sensors for sequence in sequences for row in ROWS)
    cells: list[Cell] = []
    try:
        for sequence, each in zip(sequences, opened, strict=True):
            report(f"{sequence.label}: extracting")
            for cell in measure_sequence(each, extractor, Config()):
                tracked = f"{cell.usable_tracked_percent:.0f} % tracked"
                report(f"  {cell.fault}: {cell.wrong_poses} wrong, {tracked}")
                cells.append(cell)
    except KeyboardInterrupt:
        if not cells:
            raise
        report(f"stopped after {len(cells)} of {num_cells} cells")
    return _sections(cells), len(cells) == num_cells


def _sections(cells: Sequence[Cell]) -> list[Section]:
    """Make tables: the promises, what was found, and the sum of it."""
    recoveries = [cell.recovery_s for cell in cells if cell.recovery_s is not None]
    total = _Total(
        len(cells),
        sum(cell.wrong_poses > 0 for cell in cells),
        sum(cell.wrong_poses for cell in cells),
        min(cell.usable_tracked_percent for cell in cells),
        max(recoveries, default=0.0),
        len(cells) - len(recoveries),
    )
    struck = {cell.fault for cell in cells}
    promises = [
        _Promise(
            row.name,
            "1 of 4 frames, twice" if row.num_frames is None else f"2 x {row.num_frames}",
            row.promise,
        )
        for row in ROWS
        if row.name in struck
    ]
    return [
        Section("promises", "What is promised", promises),
        Section("total", "All cells", [total]),
        Section(
            "cells", "Fault by fault", [cell for row in ROWS for cell in cells if cell.fault == row.name]
        ),
    ]
