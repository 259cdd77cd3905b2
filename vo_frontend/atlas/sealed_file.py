"""Files of named arrays that notice when a single bit of them changes.

An uncompressed ``.npz``, which ``numpy.load`` reads as it is. Its zip comment, the last 64 bytes of the file,
is the SHA-256 of all bytes before it, in hexadecimal digits.
"""

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import MapFileError
from vo_frontend.formats.atomic import open_atomically
from vo_frontend.formats.npz import DAMAGED_NPZ

AnyArray = NDArray[Any]

SEAL_BYTES = 64
BLOCK_BYTES = 1 << 20

_LOCAL_HEADER, _LOCAL_HEADER_BYTES = b"PK\x03\x04", 30  # of a zip member; its name follows


class _SealedWriter:
    """Passes bytes on to a file and hashes them, all but the last SEAL_BYTES, which the seal replaces.

    It has no ``tell`` and no ``seek``: zipfile then writes from front to back.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._held = b""

    def write(self, data: bytes) -> int:
        joined = self._held + bytes(data)
        passed, self._held = joined[:-SEAL_BYTES], joined[-SEAL_BYTES:]
        self._hash.update(passed)
        self._file.write(passed)
        return len(data)

    def flush(self) -> None:
        self._file.flush()

    def seal(self) -> None:
        self._file.write(self._hash.hexdigest().encode())


def write_sealed(path: Path, arrays: Mapping[str, AnyArray]) -> None:
    """Write named arrays in their order; an older file is replaced as a whole. Same arrays, same bytes.

    Raises:
        OutputError: the file cannot be written; an older one stays as it was.
    """
    with open_atomically(path) as file:
        writer = _SealedWriter(file)
        with zipfile.ZipFile(cast(IO[bytes], writer), "w", zipfile.ZIP_STORED) as archive:
            for name, array in arrays.items():
                member = zipfile.ZipInfo(f"{name}.npy")  # stamped with the year 1980
                with archive.open(member, "w", force_zip64=True) as stream:
                    np.lib.format.write_array(stream, np.asanyarray(array), allow_pickle=False)
            archive.comment = b"0" * SEAL_BYTES
        writer.seal()


def read_sealed(path: Path, first: str) -> dict[str, AnyArray]:
    """Read all arrays of a file that :func:`write_sealed` wrote.

    Args:
        path: of the file.
        first: name of the first array, which tells files of this kind from others.

    Raises:
        MapFileError: the file cannot be read, is something else, or is not as it was written.
    """
    try:
        with path.open("rb") as file:
            if not _begins_with(file, f"{first}.npy"):
                raise MapFileError(f"{path}: is no map file; give a file that --save-map wrote")
            if not _is_whole(file):
                raise MapFileError(
                    f"{path}: the map file is cut off or was altered since it was written; take a whole copy"
                )
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
    except OSError as error:
        raise MapFileError(
            f"{path}: the map file cannot be read ({error.strerror or error}); check its name"
        ) from None
    except DAMAGED_NPZ as error:
        raise MapFileError(f"{path}: the map file is malformed ({error}); make it anew") from None


def _begins_with(file: BinaryIO, member: str) -> bool:
    start = file.read(_LOCAL_HEADER_BYTES + len(member))
    return start.startswith(_LOCAL_HEADER) and start[_LOCAL_HEADER_BYTES:] == member.encode()


def _is_whole(file: BinaryIO) -> bool:
    rest = file.seek(0, 2) - SEAL_BYTES
    file.seek(0)
    digest = hashlib.sha256()
    while rest > 0:
        block = file.read(min(rest, BLOCK_BYTES))
        digest.update(block)
        rest -= len(block)
        if not block:  # someone cuts it off just now
            return False
    return file.read() == digest.hexdigest().encode()
