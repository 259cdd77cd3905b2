"""Keeps two runs from writing into one folder at the same time."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vo_frontend.errors import OutputError

log = logging.getLogger(__name__)


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder while the context lasts; it is made where it is missing.

    The system holds the lock on the folder itself: nothing is left behind, and a run that is killed frees it.
    Where a system or file system knows no such locks, nothing is kept out.

    Raises:
        OutputError: another run is writing there, or there can be no such folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_create(folder, error) from None
    descriptor = _lock(folder)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def cannot_create(folder: Path, error: OSError, what: str = "run folder") -> OutputError:
    """Explain why there can be no run folder."""
    return OutputError(
        f"{folder}: cannot create the {what} ({error.strerror}); choose a writable place with --out"
    )


def _lock(folder: Path) -> int | None:
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    descriptor = None
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if descriptor is not None:
            os.close(descriptor)
        raise OutputError(
            f"{folder}: another run is writing there; wait for its end, or choose another place with --out"
        ) from None
    except OSError as error:  # NFS, for one
        log.debug("%s: cannot be locked (%s)", folder, error.strerror)
    return descriptor
