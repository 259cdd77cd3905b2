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
