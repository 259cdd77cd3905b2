"""What reading a damaged ``.npz`` file may raise."""

import zipfile
import zlib

DAMAGED_NPZ = (
    ValueError,
    LookupError,
    EOFError,
    MemoryError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)
