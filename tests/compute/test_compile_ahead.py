"""Kernels compiled ahead of their first call, and the files that they are kept in."""

import logging
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from vo_frontend.atlas.sighting_kernels import append_lists
from vo_frontend.compute.compilation import Types, called_with, exact_kernel, part, types_of
from vo_frontend.compute.compile_ahead import Compilation, Readiness, declared_kernels
from vo_frontend.compute.kernel_files import FOLDER_VARIABLE, kernel_folder

COMPILE = """
from vo_frontend.atlas.sighting_kernels import append_lists
from vo_frontend.compute.compile_ahead import Compilation
compilation = Compilation([(append_lists, append_lists.called_with)], 1)
compilation.wait()
print(compilation.readiness())
"""

LOAD = """
import sys
from vo_frontend.tracking.matching_kernels import rank_near
rank_near.compile(rank_near.called_with)
print("numba.np.arraymath" in sys.modules)
"""

TRIANGULATE = """
import sys
import numpy as np
from vo_frontend.compute.compile_ahead import Compilation
from vo_frontend.geometry.triangulation import _intersect, triangulate
if sys.argv[1] == "by another process":
    Compilation([(_intersect, _intersect.called_with)], 1).wait()
T = np.eye(4)
T[:3, 3] = 1.0, 0.1, 0.2
rays = np.random.default_rng(0).normal(0.0, 0.3, (2, 1000, 2))
points, parallax = triangulate(T, *rays)
print(np.isfinite(points).sum() > 300, points.tobytes().hex(), parallax.tobytes().hex())
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    kernel_folder.cache_clear()
    yield tmp_path
    kernel_folder.cache_clear()


def declared() -> Types:
    assert append_lists.called_with is not None
    return append_lists.called_with


def compile_elsewhere(folder: Path, **environment: str) -> "subprocess.Popen[str]":
    everything = {**os.environ, FOLDER_VARIABLE: str(folder), **environment}
    return subprocess.Popen(
        [sys.executable, "-c", COMPILE], env=everything, stdout=subprocess.PIPE, text=True
    )


def test_a_missing_kernel_is_compiled_by_another_process_and_found_afterwards(folder: Path) -> None:
    assert not append_lists.is_on_disk(declared())
    compilation = Compilation([(append_lists, declared())], 2)
    assert compilation.readiness().num_missing == 1
    compilation.wait()
    assert compilation.readiness() == Readiness(num_missing=1, num_ready=1)
    assert append_lists.is_on_disk(declared())
    assert Compilation([(append_lists, declared())], 2).readiness() == Readiness(0, 0)


def test_a_kernel_from_the_disk_needs_nothing_that_only_compiling_needs(folder: Path) -> None:
    needed = [
        subprocess.run(
            [sys.executable, "-c", LOAD],
            env={**os.environ, FOLDER_VARIABLE: str(folder)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout.strip()
        for _ in range(2)
    ]
    assert needed == ["True", "False"]  # compiled, then loaded


def test_a_kernel_gives_the_same_bytes_whoever_compiled_it(folder: Path) -> None:
    given = {
        subprocess.run(
            [sys.executable, "-c", TRIANGULATE, how],
            env={**os.environ, FOLDER_VARIABLE: str(folder / how)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        for how in ("by another process", "here")
    }
    assert len(given) == 1
    assert given.pop().startswith("True ")


def test_processes_that_compile_at_once_leave_one_whole_file(folder: Path) -> None:
    processes = [compile_elsewhere(folder) for _ in range(2)]
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    assert len(list(folder.iterdir())) == 1
    assert append_lists.is_on_disk(declared())


def test_another_processor_has_files_of_its_own(folder: Path) -> None:
    Compilation([(append_lists, declared())], 1).wait()
    (ours,) = folder.iterdir()
    content = ours.read_bytes()
    said, _ = compile_elsewhere(folder, NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="").communicate()
    assert said.strip() == str(Readiness(1, 1))
    assert len(list(folder.iterdir())) == 2
    assert ours.read_bytes() == content


def test_a_file_that_was_cut_short_is_replaced(folder: Path) -> None:
    Compilation([(append_lists, declared())], 1).wait()
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    exact_kernel_again = type(append_lists)(append_lists.py_func, targetoptions=append_lists.targetoptions)
    exact_kernel_again.enable_caching()
    exact_kernel_again.compile(declared())
    assert len(path.read_bytes()) > 100


def test_where_nothing_can_be_written_kernels_lie_in_a_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv(FOLDER_VARIABLE, str(blocked / "kernels"))
    kernel_folder.cache_clear()
    with caplog.at_level(logging.WARNING):
        compilation = Compilation([(append_lists, declared())], 1)
    compilation.wait()
    assert append_lists.is_on_disk(declared())
    assert str(blocked / "kernels") in caplog.text
    assert blocked.is_file()
    kernel_folder.cache_clear()


def test_without_a_home_kernels_lie_in_a_private_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    for variable in (FOLDER_VARIABLE, "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as where nobody knows the user
    kernel_folder.cache_clear()
    with caplog.at_level(logging.WARNING):
        folder = kernel_folder()
    assert "no home is known" in caplog.text
    assert folder.is_absolute()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert list(tmp_path.iterdir()) == []
    kernel_folder.cache_clear()


def test_whoever_watches_can_ask_for_more_processes(folder: Path) -> None:
    seen: list[Readiness] = []

    def watch(compilation: Compilation) -> bool:
        seen.append(compilation.readiness())
        compilation.use(1)
        return True

    Compilation([(append_lists, declared())], 0, watch).wait()
    assert seen[0] == Readiness(num_missing=1, num_ready=0)
    assert append_lists.is_on_disk(declared())


def test_whoever_watches_can_give_up_what_is_compiled(folder: Path) -> None:
    compilation = Compilation([(append_lists, declared())], 1, lambda compilation: False)
    compilation.wait()
    assert compilation.is_given_up
    compilation.use(2)
    compilation.wait()
    assert compilation.readiness() == Readiness(num_missing=1, num_ready=0)
    assert not append_lists.is_on_disk(declared())


def test_without_processes_of_its_own_nothing_is_lost(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(folder / "no-such-python"))
    compilation = Compilation([(append_lists, declared())], 1)
    compilation.wait()
    assert compilation.readiness() == Readiness(num_missing=1, num_ready=0)


def test_a_part_is_compiled_once_for_all_constants() -> None:
    @part
    def twice(x: int) -> int:
        return 2 * x

    @exact_kernel
    def sum_of_constants() -> int:
        return twice(1) + twice(2) + twice(x=3)

    assert sum_of_constants() == 12
    assert len(twice.signatures) == 1


def test_a_declared_call_is_what_python_calls_a_kernel_with() -> None:
    @called_with("(f4[:,::1], i8)")
    @exact_kernel
    def first_row(table: "np.ndarray[tuple[int, int], np.dtype[np.float32]]", column: int) -> float:
        return float(table[0, column])

    assert first_row.called_with == types_of((np.zeros((2, 3), np.float32), 1))


def test_kernels_without_a_declared_call_are_not_listed() -> None:
    listed = [function for function, _ in declared_kernels(["vo_frontend.atlas.sighting_kernels"])]
    assert append_lists in listed
    assert len(declared_kernels(["vo_frontend.compute.matmul"])) == 0
