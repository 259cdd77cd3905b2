"""Memory that is free, but not yet the system's again."""

import ctypes


def return_free_memory() -> None:
    """Return freed memory to the system; where the C library is not glibc, do nothing.

    glibc alone gives back only what lies above all that is in use: over a long run, the pages in between add
    up to a tenth of the process. It takes some ms.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library; Windows names none
        return
    trim(0)
