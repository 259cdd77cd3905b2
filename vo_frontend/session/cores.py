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


def extraction_may_run_ahead(*, runs_on_gpu: bool) -> bool:
    """Decide whether extracting the next frame while this one is tracked is worth it, for recorded frames.

    Even where two cores have to do both: tracking leaves one of them idle. In turns on such a machine
    kitti/06 gains 12 % (38.2 against 33.9 ms a frame, medians of 10), fr1_rpy and the street, rendered
    meanwhile, 20 %, for the same processor time. A single frame takes longer, which nobody waits for.
    """
    from vo_frontend.reports.machine import num_cores

    return runs_on_gpu or num_cores() > 1
