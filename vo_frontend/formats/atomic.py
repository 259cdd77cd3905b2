"""Files that are complete under their name or not there at all, whatever crashes or fills up meanwhile."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from vo_frontend.errors import OutputError


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file; a reader sees the old content or the new one, never a part.

    Raises:
        OutputError: the folder is missing or not writable, or the disk is full; the old file is kept.
    """
    with open_atomically(path) as file:
        file.write(content)


@contextmanager
def open_atomically(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file in the folder of ``path``, and give it that name when the block succeeds.

    After an exception in the block the temporary file is gone and an older file stays as it was.

    Raises:
        OutputError: as :func:`write_atomically`.
    """
    # By process, so that two runs that write the same file do not write into one another's.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise OutputError(
            f"{path}: cannot write the file ({error.strerror}); "
            "make sure that its folder exists, is writable and has space"
        ) from None
    finally:
        with suppress(OSError):  # already renamed, or never created
            temporary.unlink()


def _sync_folder(folder: Path) -> None:
    """Bring the new name itself to the disk, where the system lets a folder be opened."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
