"""Measure what each kernel costs to compile, as a Markdown table.

    python tools/measure_compilation.py
    python tools/measure_compilation.py --features aliked-n16

One process compiles the kernels of a run one after the other into an empty folder, and counts its own
processor time. What several kernels are made of is compiled for the first of them and counts for it. A first
run shares the modules among processes instead, one per core.
"""

import argparse
import gc
import os
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from vo_frontend.compute.compile_ahead import Call, declared_kernels
from vo_frontend.compute.kernel_files import FOLDER_VARIABLE
from vo_frontend.experiments.tables import format_rows
from vo_frontend.features.cpu.network import CpuAliked
from vo_frontend.features.image import MIN_SIZE_PX
from vo_frontend.features.loading import make_network
from vo_frontend.features.networks.aliked.network import AlikedNetwork
from vo_frontend.features.networks.aliked.variants import ALIKED_VARIANTS
from vo_frontend.session.kernels import MODULES


@dataclass(frozen=True, slots=True)
class CompilationRow:
    """One kernel."""

    kernel: str
    processor_s: float


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Measure what each kernel costs to compile.")
    parser.add_argument("--features", choices=sorted(ALIKED_VARIANTS), default="aliked-t16")
    name = parser.parse_args().features
    network = make_network(name)
    assert isinstance(network, AlikedNetwork)
    noise = np.zeros((MIN_SIZE_PX, MIN_SIZE_PX, 1), np.uint8)
    calls = CpuAliked(network.config, network.arrays(), num_threads=1).kernel_calls(noise)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[FOLDER_VARIABLE] = folder
        rows = measure([*calls, *declared_kernels(MODULES)])
    total = CompilationRow("all", sum(row.processor_s for row in rows))
    print(format_rows([*sorted(rows, key=lambda row: -row.processor_s), total]))


def measure(calls: Iterable[Call]) -> list[CompilationRow]:
    """Compile kernels that are compiled nowhere yet, and time each."""
    gc.disable()  # as the processes of a first run do
    rows = []
    for kernel, types in dict.fromkeys(calls):
        start_s = time.process_time()
        kernel.compile(types)
        elapsed_s = time.process_time() - start_s
        module = kernel.py_func.__module__.removeprefix("vo_frontend.")
        rows.append(CompilationRow(f"{module}.{kernel.py_func.__name__}", elapsed_s))
    return rows


if __name__ == "__main__":
    main()
