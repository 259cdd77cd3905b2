"""Arrays of HDF5 files, read through h5py."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import ConfigError, SourceError

SUFFIXES = (".h5", ".hdf5")


def read_hdf5(path: Path, names: Sequence[str]) -> list[NDArray[Any]]:
    """Read the named arrays of a file.

    Raises:
        ConfigError: h5py is not installed.
        SourceError: the file cannot be read, or lacks an array.
    """
    try:
        import h5py
    except ImportError:
        raise ConfigError(
            f"{path}: HDF5 is read through h5py, which is not installed: pip install 'vo_frontend[training]'"
        ) from None
    try:
        with h5py.File(path, "r") as file:
            return [np.asarray(file[name]) for name in names]
    except KeyError:
        raise SourceError(f"{path}: expected the arrays {', '.join(names)} in it") from None
    except (OSError, RuntimeError) as error:
        raise SourceError(f"{path}: cannot be read as HDF5 ({error})") from None
