"""The parts of the cost curves, as a process of its own is asked for them."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vo_frontend.experiments.speed.costs.archive import measure_archive
from vo_frontend.experiments.speed.costs.driving import measure_frames, measure_long_run
from vo_frontend.experiments.speed.costs.extraction import measure_extraction
from vo_frontend.experiments.speed.images import Size

EXTRACTION, FRAMES, LONG_RUN, ARCHIVE = "extraction", "frames", "long run", "archive"


def measure_part(part: str, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Measure one part here, and return its rows as plain values.

    Args:
        part: one of the names above.
        arguments: of its function, as JSON has them.

    Raises:
        VoError: data, weights or packages are missing.
    """
    given = dict(arguments)
    for name in ("data_root", "weights_dir"):
        if given.get(name) is not None:
            given[name] = Path(given[name])
    if "size" in given:
        given["size"] = Size(*given["size"])
    if part == EXTRACTION:
        return [asdict(measure_extraction(**given))]
    if part == FRAMES:
        return [asdict(measure_frames(**given))]
    if part == LONG_RUN:
        return [asdict(row) for row in measure_long_run(**given)]
    return [asdict(row) for row in measure_archive(**given)]
