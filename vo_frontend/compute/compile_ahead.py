"""Compiling kernels in processes of their own, before they are first called.

numba compiles in one thread. Processes that each take the next module with missing kernels use all cores, and
leave what they compile on disk (``kernel_files.py``). This module run as a program is such a process.
"""

import gc
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from vo_frontend.compute.compilation import Kernel, Types, types_of
from vo_frontend.compute.kernel_files import FOLDER_VARIABLE, kernel_folder
from vo_frontend.compute.linked_parts import link_what_numba_brings
from vo_frontend.compute.threads import ThreadTeam

log = logging.getLogger(__name__)

Call = tuple[Kernel, Types]
Job = list[tuple[str, str, Types]]  # module, name and types, of kernels that have parts in common
DONE = b"done\n"
POLL_S = 0.05  # between two questions to whoever watches
KERNEL_S = 0.5  # what one takes on average, where two cores of an EPYC compile


@dataclass(frozen=True)
class Readiness:
    """How far the kernels that were missing are."""

    num_missing: int  # when it began
    num_ready: int  # of these


class Rehearsal(ThreadTeam):
    """A team that notes which kernels it is to run with what, and runs none."""

    def __init__(self) -> None:
        super().__init__(size=1)
        self.calls: list[Call] = []

    def run(self, kernel: Callable[..., Any], *arguments: Any) -> None:
        """Note a call that ``ThreadTeam.run`` would make."""
        assert isinstance(kernel, Kernel)
        self.calls.append((kernel, types_of((0, self.size, *arguments))))


class Compilation:
    """Kernels on their way to the disk.

    Attributes:
        is_given_up: whether some are missing because the watch did not want to wait for them.
    """

    def __init__(
        self,
        calls: Iterable[Call],
        num_processes: int,
        watch: "Callable[[Compilation], bool] | None" = None,
    ) -> None:
        """Begin with what is not on disk yet, and return at once.

        Args:
            calls: kernels, each with the types of its arguments.
            num_processes: that may compile at the same time.
            watch: asked again and again while somebody waits for missing kernels, whether to go on.
        """
        self.is_given_up = False
        self._num_processes = num_processes
        self._watch = watch
        self._processes: list[subprocess.Popen[bytes]] = []
        self._num_missing = self._num_announced = self._num_ready = self._num_feeding = 0
        self._jobs: list[Job] = []
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self.add(calls)

    def add(self, calls: Iterable[Call]) -> None:
        """Go on with other kernels, in the same processes, and return at once."""
        missing = dict.fromkeys(call for call in calls if not call[0].is_on_disk(call[1]))
        by_module: dict[str, Job] = defaultdict(list)
        for function, argument_types in missing:
            python = function.py_func
            by_module[python.__module__].append((python.__module__, python.__name__, argument_types))
        with self._lock:
            self._num_missing += len(missing)
            self._jobs = sorted([*self._jobs, *by_module.values()], key=len)  # the last is taken first
        self.use(self._num_processes)

    def use(self, num_processes: int) -> None:
        """Let so many processes compile at the same time, if there is work for them, and return at once."""
        with self._lock:
            self._num_processes = num_processes
            num_new = max(0, min(num_processes - self._num_feeding, len(self._jobs)))
            self._num_feeding += num_new
        for _ in range(num_new):
            thread = threading.Thread(target=self._feed_a_process, name="compiler", daemon=True)
            self._threads.append(thread)
            thread.start()

    def readiness(self) -> Readiness:
        """Tell how many kernels were missing, and how many of these are there by now."""
        return Readiness(self._num_missing, self._num_ready)

    def wait(self) -> None:
        """Wait for all, or until the watch gives it up.

        What no process could compile is compiled where it is first called.
        """
        if self._num_missing > self._num_announced:
            self._num_announced = self._num_missing
            took_s = KERNEL_S * self._num_missing
            log.info("compiling %d kernels, once on this machine, for some %.0f s", self._num_missing, took_s)
        while self._num_missing and not self.is_given_up:
            if self._watch is not None and not self._watch(self):
                self.give_up()
            running = [thread for thread in self._threads if thread.is_alive()]
            if not running:
                return
            running[0].join(POLL_S)

    def give_up(self) -> None:
        """End the processes, whatever they are at."""
        with self._lock:
            self.is_given_up = True
            self._jobs.clear()
            processes = list(self._processes)
        for process in processes:
            process.kill()

    def _feed_a_process(self) -> None:
        command = [sys.executable, "-m", __spec__.name]
        environment = {**os.environ, FOLDER_VARIABLE: str(kernel_folder())}
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
        except OSError:
            return
        with self._lock:
            self._processes.append(process)
        with process:
            assert process.stdin is not None
            assert process.stdout is not None
            while job := self._next_job():
                try:
                    pickle.dump(job, process.stdin)
                    process.stdin.flush()
                except OSError:
                    return
                for _ in job:
                    if process.stdout.readline() != DONE:
                        return
                    with self._lock:
                        self._num_ready += 1

    def _next_job(self) -> Job | None:
        with self._lock:
            if self._jobs:
                return self._jobs.pop()
            self._num_feeding -= 1  # the thread that asks ends
            return None


def declared_kernels(modules: Sequence[str]) -> list[Call]:
    """List the kernels of some modules that declare what they are called with."""
    found = [value for name in modules for value in vars(import_module(name)).values()]
    return [(k, k.called_with) for k in found if isinstance(k, Kernel) and k.called_with is not None]


def compile_from(jobs: Any, answers: Any) -> None:
    """Compile what arrives in one stream, and say so in the other, until the first ends."""
    gc.disable()  # compiling leaves cycles, and a tenth of the time would go into looking at them
    while True:
        try:
            job: Job = pickle.load(jobs)
        except EOFError:
            return
        for module, name, argument_types in job:
            getattr(import_module(module), name).compile(argument_types)
            answers.write(DONE)
            answers.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of a terminal; whoever asked us decides
    link_what_numba_brings()
    compile_from(sys.stdin.buffer, sys.stdout.buffer)
