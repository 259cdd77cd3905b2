"""The resident memory of this process, by Linux's /proc."""

from collections.abc import Callable
from pathlib import Path

from vo_frontend.errors import VoError

STATUS = Path("/proc/self/status")
CLEAR_REFS = Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # man 5 proc_pid_clear_refs


def resident_mb() -> float:
    """Return how much memory is resident now.

    Raises:
        VoError: this is not Linux.
    """
    return _status_mb("VmRSS")


def peak_mb(call: Callable[[], object]) -> float:
    """Measure the largest resident size during a call.

    Raises:
        VoError: this is not Linux.
    """
    try:
        CLEAR_REFS.write_text(RESET_PEAK)
    except OSError as error:
        raise VoError(
            f"{CLEAR_REFS}: cannot reset the peak of memory ({error.strerror}), Linux only"
        ) from None
    call()
    return _status_mb("VmHWM")


def _status_mb(field: str) -> float:
    try:
        lines = STATUS.read_text().splitlines()
    except OSError as error:
        raise VoError(f"{STATUS}: cannot read the size of memory ({error.strerror}), Linux only") from None
    return next(1024 * int(line.split()[1]) / 1e6 for line in lines if line.startswith(f"{field}:"))
