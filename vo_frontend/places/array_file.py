"""Files of named arrays with a kind and a version: ``.npz`` without pickles."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import PlaceError
from vo_frontend.formats.atomic import open_atomically
from vo_frontend.formats.npz import DAMAGED_NPZ

AnyArray = NDArray[Any]

_HEADER = "header"  # kind and version, as text


def write_arrays(path: Path, kind: str, version: int, arrays: Mapping[str, AnyArray]) -> None:
    """Write named arrays of any shape; an older file is replaced as a whole. Same arrays, same bytes.

    Raises:
        OutputError: the file cannot be written; an older one stays as it was.
    """
    with open_atomically(path) as file:
        np.savez(file, allow_pickle=False, **{_HEADER: np.array(f"{kind} {version}"), **arrays})


def read_arrays(path: Path, kind: str, version: int, shapes: Mapping[str, int]) -> dict[str, AnyArray]:
    """Read the named arrays of a file that :func:`write_arrays` wrote.

    Args:
        path: of the file.
        kind: and ``version`` that the file must state.
        version: see above.
        shapes: the names that must be there, each with its number of dimensions.

    Raises:
        PlaceError: the file cannot be read, is damaged, or is of another kind or version.
    """
    expected = f"expected a file of kind '{kind}', version {version}"
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile) or _HEADER not in file:
            raise PlaceError(f"{path}: is something else, {expected}")
        with file:
            header = str(file[_HEADER])
            if header != f"{kind} {version}":
                raise PlaceError(f"{path}: is of kind and version '{header[:60]}', {expected}; make it anew")
            arrays = {name: file[name] for name in shapes}
    except OSError as error:
        raise PlaceError(f"{path}: cannot be read ({error.strerror or error}); {expected}") from None
    except DAMAGED_NPZ:
        raise PlaceError(f"{path}: is damaged or something else, {expected}; make it anew") from None
    for name, num_dimensions in shapes.items():
        if arrays[name].ndim != num_dimensions:
            raise PlaceError(
                f"{path}: '{name}' has {arrays[name].ndim} dimensions, not {num_dimensions}; make it anew"
            )
    return arrays
