"""Solves pose graphs in a process of its own, so that tracking goes on meanwhile.

GTSAM keeps Python's lock while it iterates, and takes a quarter of a second to import.
"""

import io
import os
import subprocess
import sys
from dataclasses import asdict
from typing import Any
from zipfile import BadZipFile

import numpy as np

from vo_frontend.atlas.pose_graph import PoseGraph
from vo_frontend.atlas.pose_graph_solver import PoseGraphSolution, optimize_consistent

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # the other cores track


def optimize_beside(graph: PoseGraph) -> PoseGraphSolution:
    """Do the same as :func:`optimize_consistent` in another process, or here where none can be had.

    Raises:
        VoError: GTSAM cannot be imported.
    """
    command = [sys.executable or "", "-m", __spec__.name]
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        solved = subprocess.run(
            command,
            input=_packed(graph),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            check=True,
        )
        return PoseGraphSolution(**_unpacked(solved.stdout))
    except (OSError, EOFError, ValueError, BadZipFile, subprocess.CalledProcessError):
        return optimize_consistent(graph)  # it could not start, was killed, or is no Python: a host program


def _packed(record: PoseGraph | PoseGraphSolution) -> bytes:
    """Write the fields of a record that are not None as NumPy's arrays."""
    file = io.BytesIO()
    np.savez(file, **{name: value for name, value in asdict(record).items() if value is not None})
    return file.getvalue()


def _unpacked(data: bytes) -> dict[str, Any]:
    """Read what :func:`_packed` wrote; a field that was one number is one again."""
    with np.load(io.BytesIO(data), allow_pickle=False) as fields:
        return {name: value if value.ndim else value.item() for name, value in fields.items()}


def main() -> None:
    """Solve the graph that comes by standard input, and write the solution to standard output."""
    graph = PoseGraph(**_unpacked(sys.stdin.buffer.read()))
    sys.stdout.buffer.write(_packed(optimize_consistent(graph)))


if __name__ == "__main__":
    main()
