"""Weights as arrays, read from what ``torch.save`` made of a state dict, without torch.

Importing torch takes longer than all else before the first frame on a CPU. The file is a zip archive: a
pickle that says which tensor is which part of which storage, and one entry per storage
(https://docs.pytorch.org/docs/stable/notes/serialization.html).
"""

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

StateDict = Mapping[str, NDArray[Any]]  # name of a parameter -> its values


def parse_state_dict(content: bytes) -> StateDict:
    """Read the arrays of a state dict; nothing but arrays is made of what the file says.

    Args:
        content: of a file that holds a state dict of float32 and int64 tensors.

    Raises:
        pickle.UnpicklingError: it holds something else.
        zipfile.BadZipFile: it is no such file.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (entry,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
        state: StateDict = _Reader(archive, entry.removesuffix(".pkl")).load()
    return state


class _Reader(pickle.Unpickler):
    """Makes an array where torch would make a tensor."""

    def __init__(self, archive: zipfile.ZipFile, storages: str) -> None:
        super().__init__(io.BytesIO(archive.read(f"{storages}.pkl")))
        self._archive, self._storages = archive, storages

    def find_class(self, module: str, name: str) -> Any:
        known = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _array,
            ("torch", "FloatStorage"): np.dtype("<f4"),
            ("torch", "LongStorage"): np.dtype("<i8"),
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"got {module}.{name}, expected a state dict")
        return known[module, name]

    def persistent_load(self, pid: Any) -> NDArray[Any]:
        _, dtype, key, _, _ = pid  # "storage", type, entry, device, number of values
        return np.frombuffer(self._archive.read(f"{self._storages}/{key}"), dtype)


def _array(
    storage: NDArray[Any], offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> NDArray[Any]:
    """Cut an array out of a storage; offset and stride count values."""
    steps = [step * storage.itemsize for step in stride]
    return np.ascontiguousarray(as_strided(storage[offset:], shape, steps)).reshape(shape)
