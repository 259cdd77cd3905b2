"""Bring the files of a finished run from map units to metres, one factor per segment."""

import os
from collections.abc import Mapping
from pathlib import Path

from vo_frontend.errors import OutputError
from vo_frontend.outputs.trajectory_files import EUROC_NAME, KITTI_NAME, TUM_NAME
from vo_frontend.trajectory_io import read_poses

# Columns of the translation, and what separates columns.
_TRANSLATION = {TUM_NAME: ((1, 2, 3), " "), KITTI_NAME: ((3, 7, 11), " "), EUROC_NAME: ((1, 2, 3), ",")}


def rescale_trajectories(folder: Path, scale_of_segment: Mapping[int, float]) -> None:
    """Multiply the translations in all trajectory files; stamps and rotations keep their bytes.

    Segments without a factor stay as they are. Each file is replaced as a whole.

    Raises:
        OutputError: a file cannot be written; those before it are rescaled.
    """
    segment_ids = read_poses(folder / TUM_NAME).segment_ids.tolist()
    factors = [scale_of_segment.get(segment_id, 1.0) for segment_id in segment_ids]
    for name, (columns, separator) in _TRANSLATION.items():
        path, remaining = folder / name, iter(factors)
        lines = path.read_text(encoding="utf-8").splitlines()
        rows = [
            line if line.startswith("#") else _scaled(line, columns, separator, next(remaining))
            for line in lines
        ]
        _replace(path, "".join(f"{row}\n" for row in rows))


def _scaled(row: str, columns: tuple[int, ...], separator: str, factor: float) -> str:
    fields = row.split(separator)
    for column in columns:
        fields[column] = repr(float(fields[column]) * factor)
    return separator.join(fields)


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.new")
    try:
        new.write_text(text, encoding="utf-8")
        os.replace(new, path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise OutputError(
            f"{path}: cannot write the metric trajectory ({error.strerror}); it is kept in map units; "
            "free some space, then run again"
        ) from None
