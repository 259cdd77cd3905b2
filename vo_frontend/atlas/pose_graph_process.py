"""Solves pose graphs in a process of its own, so that tracking goes on meanwhile.

GTSAM keeps Python's lock while it iterates, and takes a quarter of a second to import.
"""

import io
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict
from typing import Any
from zipfile import BadZipFile

import numpy as np

from vo_frontend.atlas.pose_graph import PoseGraph
from vo_frontend.atlas.pose_graph_solver import PoseGraphSolution, optimize_consistent, require_gtsam

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # the other cores track
MAX_SECONDS = 60.0  # for 2000 keyframes it takes 1; a host program that is no Python may never end


class PoseGraphProcess:
    """Solves one pose graph after the other, each in a process that may have been started ahead."""

    def __init__(self) -> None:
        self._waiting: subprocess.Popen[bytes] | None = None

    def start_ahead(self) -> None:
        """Let a process start and import GTSAM, which takes as long as a graph of 1000 keyframes."""
        if self._waiting is None:
            self._waiting = _start()

    def optimize(self, graph: PoseGraph) -> PoseGraphSolution:
        """Do the same as :func:`optimize_consistent` in the process, or here where none can be had.

        Raises:
            VoError: GTSAM cannot be imported.
        """
        process, self._waiting = self._waiting or _start(), None
        if process is not None:
            with suppress(EOFError, TypeError, ValueError, BadZipFile):
                return PoseGraphSolution(**_unpacked(_answer(process, _packed(graph))))
        return optimize_consistent(graph)  # it could not start, was killed, or is no Python: a host program

    def close(self) -> None:
        """End the process that waits, if there is one. It also ends when this one does."""
        process, self._waiting = self._waiting, None
        if process is not None:
            with process:
                process.kill()


def _answer(process: "subprocess.Popen[bytes]", question: bytes) -> bytes:
    """Return what a process writes until it ends, or is ended because it takes too long."""
    with process:
        try:
            return process.communicate(question, timeout=MAX_SECONDS)[0]
        except subprocess.TimeoutExpired:
            process.kill()
            return b""


def _start() -> "subprocess.Popen[bytes] | None":
    """Start the process of :func:`main`; where that cannot be, return None."""
    command = [sys.executable or "", "-m", __spec__.name]
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
    except OSError:
        return None


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
    """Solve the graph that comes by standard input, if any, and write the solution to standard output."""
    require_gtsam()  # takes its time before there is a graph
    data = sys.stdin.buffer.read()
    if data:
        solution = optimize_consistent(PoseGraph(**_unpacked(data)))
        sys.stdout.buffer.write(_packed(solution))


if __name__ == "__main__":
    main()
