"""Bring the files of a finished run from map units to metres, one factor per segment."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from vo_frontend.errors import OutputError
from vo_frontend.formats.trajectories import read_poses
from vo_frontend.reports.point_cloud import END_OF_HEADER, MAP_NAME, VERTEX
from vo_frontend.reports.trajectory_files import EUROC_NAME, KITTI_NAME, TUM_NAME

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
        _replace(path, "".join(f"{row}\n" for row in rows).encode())


def rescale_map(
    folder: Path, num_by_segment: Mapping[int, int], scale_of_segment: Mapping[int, float]
) -> None:
    """Multiply the vertices of ``map.ply``.

    Args:
        folder: of the run.
        num_by_segment: how many vertices each segment has, in the order of the file.
        scale_of_segment: factors; segments without one stay as they are.

    Raises:
        OutputError: the file cannot be written; it stays as it was.
    """
    path = folder / MAP_NAME
    content = path.read_bytes()
    size = content.index(END_OF_HEADER) + len(END_OF_HEADER)
    vertices = np.frombuffer(content, VERTEX, offset=size).copy()
    factors = [scale_of_segment.get(segment_id, 1.0) for segment_id in num_by_segment]
    per_vertex = np.repeat(np.array(factors), list(num_by_segment.values()))
    vertices["xyz"] = vertices["xyz"] * per_vertex[:, None]
    _replace(path, content[:size] + vertices.tobytes())


def _scaled(row: str, columns: tuple[int, ...], separator: str, factor: float) -> str:
    fields = row.split(separator)
    for column in columns:
        fields[column] = repr(float(fields[column]) * factor)
    return separator.join(fields)


def _replace(path: Path, content: bytes) -> None:
    new = path.with_name(f"{path.name}.new")
    try:
        new.write_bytes(content)
        os.replace(new, path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise OutputError(
            f"{path}: cannot write it in metres ({error.strerror}); it is kept in map units; "
            "free some space, then run again"
        ) from None
