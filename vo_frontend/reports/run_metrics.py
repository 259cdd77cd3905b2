"""``metrics.json`` and the closing table."""

import contextlib
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vo_frontend.formats.atomic import write_atomically
from vo_frontend.reports.machine import this_machine
from vo_frontend.reports.statistics import Percentiles, Punctuality, RunStatistics
from vo_frontend.types import Reason, Sensor, Status

Row = tuple[str, str | int | float | None, str]  # metric, value, unit


@dataclass(frozen=True, slots=True)
class RunInfo:
    """Says what was run, for whoever wants to run it again."""

    sequence: str  # the source's name
    sensor: Sensor
    features: str  # the extractor's name
    weights_sha256: str | None  # None for hand-made features
    device: str  # as the extractor uses it, e.g. "cpu" or "cuda (NVIDIA H200)"
    seed: int
    command: Sequence[str]  # as typed; empty for a run from Python
    kernels_s: float = 0.0  # loading the network, compiling or loading kernels; in no other figure


def metrics_mapping(
    info: RunInfo, statistics: RunStatistics, evaluation: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Collect everything known about a run as plain nested values.

    ``evaluation`` is the evaluation of the trajectory as plain values, None without ground truth.
    """
    by_status, machine = statistics.num_by_status, this_machine()
    return {
        "sequence": info.sequence,
        "sensor": info.sensor.value,
        "features": info.features,
        "weights_sha256": info.weights_sha256,
        "seed": info.seed,
        "command": list(info.command),
        "frames": statistics.num_frames,
        "tracked": by_status.get(Status.TRACKING, 0),
        "repeated": statistics.num_repeated,
        "lost": by_status.get(Status.LOST, 0),
        "initializing": by_status.get(Status.INITIALIZING, 0),
        "bad_images": statistics.num_by_reason.get(Reason.BAD_IMAGE, 0),
        "without_right_image": statistics.num_single_images if info.sensor is Sensor.STEREO else None,
        "without_depth_image": statistics.num_single_images if info.sensor is Sensor.RGBD else None,
        "reasons": {reason.value: count for reason, count in statistics.num_by_reason.items()},
        "poses": statistics.num_poses,
        "keyframes": statistics.num_keyframes,
        "num_segments": statistics.num_segments,
        "loops_closed": statistics.num_loops,
        "places_recalled": statistics.num_recalls,
        "segments_joined": statistics.num_joins,
        "segments": [
            {
                "id": segment.segment_id,
                "first_frame": segment.first_frame,
                "last_frame": segment.last_frame,
                "poses": segment.num_poses,
            }
            for segment in statistics.segments
        ],
        "inliers_median": statistics.median_inliers,
        "fps": statistics.frames_per_second,
        "wall_time_s": statistics.wall_time_s,
        "kernels_s": info.kernels_s,
        **_punctuality(statistics.punctuality),
        "frame_ms": _percentiles(statistics.frame_ms),
        "stages_ms": {stage: _percentiles(value) for stage, value in statistics.stage_ms.items()},
        "peak_memory_mb": peak_memory_mb(),
        "errors": dict(evaluation) if evaluation is not None else None,
        "versions": machine.versions,
        "hardware": {"cpu": machine.cpu, "cores": machine.cores, "device": info.device},
    }


def write_json(path: Path, mapping: Mapping[str, Any]) -> None:
    """Write JSON atomically: readers see the old file or the new one. NaN and infinity become null.

    Raises:
        OutputError: the folder is not writable or the disk is full; an older file stays as it was.
    """
    text = json.dumps(_finite(mapping), indent=2, allow_nan=False) + "\n"
    write_atomically(path, text.encode())


def statistics_rows(statistics: RunStatistics) -> list[Row]:
    """List the rows of the closing table that need no ground truth."""
    by_status, by_reason = statistics.num_by_status, statistics.num_by_reason
    found_again = (
        ("loops closed", statistics.num_loops),
        ("places recalled", statistics.num_recalls),
        ("segments joined", statistics.num_joins),
    )
    rows: list[Row] = [
        ("frames", statistics.num_frames, ""),
        ("tracked", by_status.get(Status.TRACKING, 0), "frames"),
        *([("repeated", statistics.num_repeated, "frames")] if statistics.num_repeated else []),
        ("lost", by_status.get(Status.LOST, 0), "frames"),
        ("initializing", by_status.get(Status.INITIALIZING, 0), "frames"),
        ("bad images", by_reason.get(Reason.BAD_IMAGE, 0), "frames"),
        ("poses", statistics.num_poses, ""),
        ("segments", statistics.num_segments, ""),
        *[(name, count, "") for name, count in found_again if count],
        ("inliers, median", statistics.median_inliers, ""),
        ("speed", statistics.frames_per_second, "frames/s"),
    ]
    timed = {**statistics.stage_ms, **({"frame": statistics.frame_ms} if statistics.frame_ms else {})}
    rows += [(f"{name}, p50 / p95", f"{v.p50:.1f} / {v.p95:.1f}", "ms") for name, v in timed.items()]
    return [*rows, *_punctuality_rows(statistics), ("peak memory", peak_memory_mb(), "MB")]


def format_table(rows: Sequence[Row]) -> str:
    """Align rows of metric, value and unit in columns; a missing value reads ``n/a``."""
    texts = [(metric, format_value(value), unit) for metric, value, unit in rows]
    metric_width = max((len(metric) for metric, _, _ in texts), default=0)
    value_width = max((len(value) for _, value, _ in texts), default=0)
    return "\n".join(
        f"{metric:<{metric_width}}  {value:>{value_width}}  {unit}".rstrip() for metric, value, unit in texts
    )


def format_value(value: str | int | float | None) -> str:
    """Format one value of a table with four significant digits; a missing one reads ``n/a``."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "n/a"
    if not isinstance(value, float):
        return str(value)
    return f"{value:.1f}" if abs(value) >= 1000 else f"{value:.4g}"


def peak_memory_mb() -> float | None:
    """Measure the largest resident size of this process so far, MB; None on systems that do not tell."""
    with contextlib.suppress(OSError):  # not Linux
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            # Not getrusage: a program that another one started inherits the peak of its parent there.
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    try:
        import resource  # POSIX only
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, other systems kilobytes
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)


def _punctuality_rows(statistics: RunStatistics) -> list[Row]:
    """List how a run kept up with a live source; nothing of a recording."""
    found = statistics.punctuality
    if found is None:
        return []
    num_came = statistics.num_frames + found.num_dropped
    rows: list[Row] = [("dropped because we were late", found.num_dropped, f"of {num_came} frames")]
    if found.latency_ms is None or found.max_latency_ms is None:
        return rows
    latency = f"{found.latency_ms.p50:.0f} / {found.latency_ms.p95:.0f} / {found.max_latency_ms:.0f}"
    return [*rows, ("from capture to pose, p50 / p95 / max", latency, "ms")]


def _punctuality(found: Punctuality | None) -> dict[str, Any]:
    if found is None:
        return {"dropped": 0, "latency_ms": None}
    latency_ms = _percentiles(found.latency_ms)
    return {
        "dropped": found.num_dropped,
        "latency_ms": None if latency_ms is None else {**latency_ms, "max": found.max_latency_ms},
    }


def _percentiles(value: Percentiles | None) -> dict[str, float] | None:
    return {"p50": value.p50, "p95": value.p95} if value else None


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value
