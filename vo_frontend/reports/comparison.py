"""Put the figures of several runs side by side, from what their folders hold."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vo_frontend.errors import VoError
from vo_frontend.reports.figures.path import METRES
from vo_frontend.reports.run_folder import METRICS_NAME
from vo_frontend.reports.run_metrics import format_value

NUMBER = (int, float)


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """The figures that ``metrics.json`` holds of a run; None where the run has no such figure."""

    label: str  # its folder, as short as the others allow
    folder: Path
    outcome: str | None  # of its verdict
    sequence: str
    sensor: str
    features: str
    is_complete: bool
    num_frames: int
    num_poses: int
    num_lost: int
    num_segments: int
    path_length_m: float | None
    alignment: str | None  # Sim(3) or SE(3)
    ate_rmse_m: float | None
    rotation_per_frame_deg: float | None  # mean error
    scale_drift: float | None  # end over start
    scale_error_percent: float | None
    frames_per_second: float | None
    frame_p50_ms: float | None
    frame_p95_ms: float | None
    num_dropped: int | None  # None of a recording that was not played in real time
    latency_p95_ms: float | None  # from capture to pose
    peak_memory_mb: float | None
    versions: Mapping[str, str | None]


# Quantity, how to get it, unit; in the order in which they are shown.
_ROWS: tuple[tuple[str, Callable[[RecordedRun], str | int | float | None], str], ...] = (
    ("sequence", lambda run: run.sequence, ""),
    ("verdict", lambda run: run.outcome, ""),
    ("sensor", lambda run: run.sensor, ""),
    ("features", lambda run: run.features, ""),
    ("frames", lambda run: run.num_frames, ""),
    ("poses", lambda run: run.num_poses, ""),
    ("lost", lambda run: run.num_lost, "frames"),
    ("segments", lambda run: run.num_segments, ""),
    ("path length", lambda run: run.path_length_m, "m"),
    ("aligned with", lambda run: run.alignment, ""),
    ("ATE rmse", lambda run: run.ate_rmse_m, "m"),
    ("rotation error per frame, mean", lambda run: run.rotation_per_frame_deg, "deg"),
    ("scale drift, end over start", lambda run: run.scale_drift, ""),
    ("scale error", lambda run: run.scale_error_percent, "%"),
    ("speed", lambda run: run.frames_per_second, "frames/s"),
    ("frame, p50", lambda run: run.frame_p50_ms, "ms"),
    ("frame, p95", lambda run: run.frame_p95_ms, "ms"),
    ("peak memory", lambda run: run.peak_memory_mb, "MB"),
)


def read_runs(folders: Sequence[Path]) -> list[RecordedRun]:
    """Read the figures of runs, each once; a ``latest`` link is the run that it points at.

    Raises:
        VoError: a folder is missing or holds no run, or its ``metrics.json`` is cut off or foreign.
    """
    given = {folder.resolve(): folder for folder in reversed(folders)}
    runs = list(dict.fromkeys(folder.resolve() for folder in folders))
    return [_read_run(given[run], label) for run, label in zip(runs, _labels(runs), strict=True)]


def comparison_rows(runs: Sequence[RecordedRun]) -> list[list[str]]:
    """List rows of quantity, a value for each run, and unit; versions where they differ."""
    rows = [["", *(run.label for run in runs), ""]]
    for quantity, value_of, unit in _ROWS:
        rows.append([quantity, *(format_value(value_of(run)) for run in runs), unit])
    if any(run.num_dropped is not None for run in runs):
        rows.append(["dropped", *(format_value(run.num_dropped) for run in runs), "frames"])
        rows.append(["capture to pose, p95", *(format_value(run.latency_p95_ms) for run in runs), "ms"])
    if not all(run.is_complete for run in runs):
        rows.append(["complete", *("yes" if run.is_complete else "no" for run in runs), ""])
    packages = dict.fromkeys(name for run in runs for name in run.versions)
    for package in packages:
        versions = [run.versions.get(package) for run in runs]
        if len(set(versions)) > 1:
            rows.append([package, *(version or "n/a" for version in versions), ""])
    return rows


def format_rows(rows: Sequence[Sequence[str]]) -> str:
    """Align the rows of a comparison in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def differing_sequences(runs: Sequence[RecordedRun]) -> list[str]:
    """List the sequences of the runs where there are several, else nothing."""
    sequences = list(dict.fromkeys(run.sequence for run in runs))
    return sequences if len(sequences) > 1 else []


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    quantity, *values, unit = (
        cell.ljust(width) if number in (0, len(cells) - 1) else cell.rjust(width)
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join([quantity, *values, unit]).rstrip()


def _labels(folders: Sequence[Path]) -> list[str]:
    """Shorten paths to what distinguishes them."""
    if len(folders) == 1:
        return [folder.name for folder in folders]
    common = os.path.commonpath(folders)
    return [os.path.relpath(folder, common) for folder in folders]


def _read_run(folder: Path, label: str) -> RecordedRun:
    figures = _Figures(folder / METRICS_NAME, _read_json(folder))
    errors, frame_ms, versions, verdict = map(figures.section, ("errors", "frame_ms", "versions", "verdict"))
    latency_ms = figures.section("latency_ms")
    return RecordedRun(
        label=label,
        folder=folder,
        outcome=verdict.text("outcome") if verdict.values else None,
        sequence=figures.text("sequence"),
        sensor=figures.text("sensor"),
        features=figures.text("features"),
        is_complete=figures.values.get("complete") is not False,
        num_frames=figures.count("frames"),
        num_poses=figures.count("poses"),
        num_lost=figures.count("lost"),
        num_segments=figures.count("num_segments"),
        path_length_m=_path_length_m(figures, errors),
        alignment=errors.text("alignment") if errors.values else None,
        ate_rmse_m=errors.section("ate_m").number("rmse"),
        rotation_per_frame_deg=errors.section("rpe_rotation_deg").number("mean"),
        scale_drift=errors.number("scale_drift"),
        scale_error_percent=errors.number("scale_error_percent"),
        frames_per_second=figures.number("fps"),
        frame_p50_ms=frame_ms.number("p50"),
        frame_p95_ms=frame_ms.number("p95"),
        num_dropped=figures.count("dropped") if latency_ms.values else None,
        latency_p95_ms=latency_ms.number("p95"),
        peak_memory_mb=figures.number("peak_memory_mb"),
        versions={name: version and str(version) for name, version in versions.values.items()},
    )


def _path_length_m(figures: "_Figures", errors: "_Figures") -> float | None:
    """Return the length of the true path, or of the estimate where that is in metres."""
    if errors.values or figures.values.get("path_unit") != METRES:
        return errors.number("path_length_m")
    return figures.number("path_length")


def _read_json(folder: Path) -> Mapping[str, Any]:
    path = folder / METRICS_NAME
    if not folder.is_dir():
        raise VoError(f"{folder}: no such folder, expected a run folder such as runs/kitti/06/latest")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise VoError(
            f"{folder}: holds no {METRICS_NAME}, expected the folder of a run that has ended, "
            "e.g. runs/kitti/06/latest"
        ) from None
    except OSError as error:
        raise VoError(f"{path}: cannot read the file ({error.strerror})") from None
    except ValueError as error:
        raise VoError(f"{path}: is no JSON or is cut off ({error}); run it again") from None
    if not isinstance(values, dict):
        raise VoError(f"{path}: holds no figures of a run, expected what vo-frontend run writes")
    return values


@dataclass(frozen=True, slots=True)
class _Figures:
    """Values of ``metrics.json``, or of a section of it, checked as they are asked for."""

    path: Path
    values: Mapping[str, Any]

    def section(self, name: str) -> "_Figures":
        """Return a section; an empty one where the run has none."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, Mapping):
            raise self._wrong(name, value, "a section")
        return _Figures(self.path, value or {})

    def text(self, name: str) -> str:
        value = self.values.get(name)
        if not isinstance(value, str):
            raise self._wrong(name, value, "a text")
        return value

    def count(self, name: str) -> int:
        value = self.values.get(name)
        if not isinstance(value, int):
            raise self._wrong(name, value, "a whole number")
        return value

    def number(self, name: str) -> float | None:
        value = self.values.get(name)
        if value is not None and not isinstance(value, NUMBER):
            raise self._wrong(name, value, "a number")
        return value

    def _wrong(self, name: str, value: object, expected: str) -> VoError:
        found = "nothing" if value is None else f"'{value}'"
        return VoError(
            f"{self.path}: {name}: got {found}, expected {expected}; is it the {METRICS_NAME} of a run?"
        )
