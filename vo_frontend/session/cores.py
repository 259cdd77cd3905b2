"""How the libraries of one process share few cores."""

import os
import sys

SWITCH_INTERVAL_S = 5e-4  # a tenth of Python's default


def share_the_cores() -> None:
    """Keep helpers of other libraries from taking the cores that extraction needs.

    OpenBLAS threads spin for tens of milliseconds after each small product of tracking, which doubles
    the time of extraction on two cores; the variable works only before NumPy is first imported. And an
    extraction that runs ahead asks for the interpreter lock often, for a moment each.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.setswitchinterval(SWITCH_INTERVAL_S)


def threads_ahead(*, runs_on_gpu: bool, max_calls: int) -> int:
    """Count the threads that extract the next frames while one is tracked, for recorded frames; 0: none.

    Even where two cores have to do both: tracking leaves one of them idle, and threads that share an image
    wait for each other. In turns on such a machine, two threads instead of one give kitti/06 12 % more frames
    in the same time, in stereo 17 %, ``--config realtime`` on kitti/00 35 %; one instead of none gave 12 %.
    A single frame takes longer, which nobody waits for.

    Args:
        runs_on_gpu: extraction leaves the cores free.
        max_calls: of the extractor that are worth making at once.
    """
    from vo_frontend.reports.machine import num_cores

    return max_calls if runs_on_gpu or num_cores() > 1 else 0
