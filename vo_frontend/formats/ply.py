"""Point clouds as binary PLY files."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.formats.atomic import write_atomically

VERTEX = np.dtype([("xyz", "<f4", 3), ("rgb", "u1", 3)])
COUNT_DIGITS = 10  # fixed width, so that a growing file can replace the count in place
BEFORE_COUNT = (
    b"ply\nformat binary_little_endian 1.0\n"
    b"comment landmarks in the world of their segment; segments do not share a world\n"
    b"element vertex "
)
_AFTER_COUNT = (
    b"\nproperty float x\nproperty float y\nproperty float z\n"
    b"property uchar red\nproperty uchar green\nproperty uchar blue\nend_header\n"
)


def vertices_of(points_world: NDArray[np.floating[Any]], colors: NDArray[np.uint8]) -> NDArray[np.void]:
    """Pack points (N, 3) and colours (N, 3) RGB as ``VERTEX`` records; leave out what is not finite."""
    is_finite = np.isfinite(points_world).all(axis=1)
    vertices = np.empty(int(is_finite.sum()), dtype=VERTEX)
    vertices["xyz"], vertices["rgb"] = points_world[is_finite], colors[is_finite]
    return vertices


def count_field(num_vertices: int) -> bytes:
    """Format the number of vertices as it stands in the header, behind ``BEFORE_COUNT``."""
    return f"{num_vertices:0{COUNT_DIGITS}d}".encode()


def header(num_vertices: int) -> bytes:
    """Format the whole header."""
    return BEFORE_COUNT + count_field(num_vertices) + _AFTER_COUNT


def write_ply(path: Path, vertices: NDArray[np.void]) -> None:
    """Write a cloud of ``VERTEX`` records (N,); an older file is replaced as a whole.

    Raises:
        OutputError: the file cannot be written; an older one stays as it was.
    """
    write_atomically(path, header(len(vertices)) + vertices.tobytes())
