"""Checkpoints that survive a process killed at any moment.

A file appears under its name only when it is complete. The last two are kept, so that even a newest file that
the disk has damaged costs one interval only.
"""

import io
import logging
import pickle
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vo_frontend.errors import TrainingError
from vo_frontend.formats.atomic import write_atomically

log = logging.getLogger(__name__)

NUM_KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """What the next steps depend on, beside the configuration and the data."""

    next_step: int
    network: dict[str, Tensor]  # state dict
    average: dict[str, Tensor]  # moving average of it; empty where the run keeps none
    optimizer: dict[str, Any]  # its state dict


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write ``checkpoint_<next_step>.pt``; delete all but the newest two, and what a killed process left.

    Raises:
        OutputError: the disk is full or the folder is not writable; older checkpoints are kept.
    """
    path = folder / f"checkpoint_{checkpoint.next_step:08d}.pt"
    save_file(path, {field.name: getattr(checkpoint, field.name) for field in fields(Checkpoint)})
    paths = _newest_first(folder)
    kept = [other for other in paths if other <= path][:NUM_KEPT]  # later ones could not be read
    for old in {*paths, *folder.glob(".checkpoint_*")} - {*kept}:
        old.unlink(missing_ok=True)


def load_newest(folder: Path) -> Checkpoint | None:
    """Read the newest checkpoint that can be read, onto the CPU; None where there is no file at all.

    Raises:
        TrainingError: there are checkpoints, but none can be read.
    """
    paths = _newest_first(folder)
    for path in paths:
        try:
            return Checkpoint(**load_file(path))
        except (TrainingError, TypeError) as error:
            log.warning("%s; going back to the checkpoint before", error)
    if paths:
        raise TrainingError(
            f"{folder}: none of its {len(paths)} checkpoints can be read; start in a new folder"
        )
    return None


def load_file(path: Path) -> dict[str, Any]:
    """Read ``torch.save`` output onto the CPU.

    Raises:
        TrainingError: the file is missing, truncated or holds something else than a dictionary.
    """
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, LookupError, ValueError, pickle.UnpicklingError) as error:
        reason = str(error).partition("\n")[0]
        raise TrainingError(f"{path}: cannot be read ({reason})") from None
    if not isinstance(values, dict):
        raise TrainingError(f"{path}: holds a {type(values).__name__}, expected a dictionary")
    return values


def save_file(path: Path, values: dict[str, Any]) -> None:
    """Write ``torch.save`` output: complete under its name, or not at all.

    Raises:
        OutputError: the disk is full or the folder is not writable.
    """
    content = io.BytesIO()
    torch.save(values, content)
    write_atomically(path, content.getvalue())


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("checkpoint_*.pt"), reverse=True)
