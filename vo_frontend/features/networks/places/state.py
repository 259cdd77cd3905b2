"""State dicts of others: read without executing anything, renamed, and checked before they are loaded."""

import pickle
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vo_frontend.errors import WeightsError

State = Mapping[str, Tensor]
WRAPPERS = ("state_dict", "model_state")  # under which checkpoints keep the weights beside other things
COUNTER = "num_batches_tracked"  # of batch normalisation, which only training reads


@dataclass(frozen=True)
class Layout:
    """Says under which names, and in which order of axes, a project stores weights."""

    name: str  # for messages
    their_name: Callable[[str], str]  # of one of our tensors
    convert: Callable[[str, Tensor], Tensor] = lambda ours, tensor: tensor  # theirs to ours; ours: the name
    ignored: tuple[str, ...] = ()  # beginnings of names that we have no use for


def read_state(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a checkpoint, by name: what ``torch.save`` wrote, or NumPy's ``.npz``.

    Nothing but tensors and plain values is unpickled. The ``module.`` of parallel training is removed.

    Raises:
        WeightsError: the file cannot be read, or holds no tensors by name.
    """
    content = _read_npz(path) if path.suffix == ".npz" else _read_torch(path)
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise WeightsError(f"{path}: holds no tensors by name; expected a state dict")
    return {str(name).removeprefix("module."): value for name, value in content.items()}


def load_state(network: nn.Module, state: State, layout: Layout, source: str) -> None:
    """Load tensors of another layout into a network; all must be there, fit, and be used.

    Args:
        network: takes all its weights from ``state``.
        state: tensors by their names.
        layout: how their names follow from ours.
        source: where they come from, for messages.

    Raises:
        WeightsError: names the first tensor that is missing, of another shape, or unknown.
    """
    ours = {name: value for name, value in network.state_dict().items() if not name.endswith(COUNTER)}
    theirs = {name: layout.their_name(name) for name in ours}
    converted = {}
    for name, value in ours.items():
        their_name = theirs[name]
        if their_name not in state:
            raise WeightsError(f"{source}: no tensor '{their_name}', which {layout.name} holds")
        tensor = layout.convert(name, state[their_name])
        if tensor.shape != value.shape:
            raise WeightsError(
                f"{source}: '{their_name}' has shape {tuple(state[their_name].shape)}, which does not fit "
                f"{layout.name}: expected {tuple(value.shape)} for '{name}'"
            )
        converted[name] = tensor
    unused = (name for name in state if not name.startswith(layout.ignored) and not name.endswith(COUNTER))
    if unknown := next((name for name in unused if name not in set(theirs.values())), None):
        raise WeightsError(f"{source}: '{unknown}' is no tensor of {layout.name}")
    network.load_state_dict(converted, strict=False)  # but for the counters, all names were checked


def _read_torch(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise WeightsError(
            f"{path}: is no checkpoint, or holds more than tensors and plain values; expected a state dict"
        ) from None
    except (OSError, RuntimeError, EOFError, LookupError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise WeightsError(f"{path}: cannot be read ({reason}); expected a state dict") from None


def _read_npz(path: Path) -> dict[str, Tensor]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    except (OSError, ValueError, TypeError, zipfile.BadZipFile) as error:
        reason = str(error).partition("\n")[0]
        raise WeightsError(f"{path}: cannot be read ({reason}); expected arrays of numpy.savez") from None
