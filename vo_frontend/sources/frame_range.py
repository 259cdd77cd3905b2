"""The part of a recorded sequence that is used: ``--frames start:stop:step``."""

from collections.abc import Sequence
from typing import TypeVar

from vo_frontend.errors import ConfigError, SourceError

T = TypeVar("T")


def parse_frames(text: str) -> slice:
    """Read ``start:stop[:step]``: positions in the sequence as it lies on disk, as in Python slicing.

    Raises:
        ConfigError: not of that form, or the step is not positive.
    """
    parts = text.split(":")
    try:
        numbers = [int(part) if part.strip() else None for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3):
        raise ConfigError(
            f"--frames {text}: expected start:stop or start:stop:step, whole numbers, for example 0:40:2"
        )
    frames = slice(*numbers)
    if frames.step is not None and frames.step < 1:
        raise ConfigError(f"--frames {text}: the step is {frames.step}, expected at least 1")
    return frames


def format_frames(frames: slice) -> str:
    """Write the text that :func:`parse_frames` reads."""
    parts = [frames.start, frames.stop] + ([] if frames.step is None else [frames.step])
    return ":".join("" if part is None else str(part) for part in parts)


def select(items: Sequence[T], frames: slice | None, where: str) -> list[T]:
    """Take the items that ``frames`` selects; None selects all.

    Raises:
        SourceError: nothing is selected.
    """
    chosen = list(items[frames] if frames is not None else items)
    if not chosen and frames is not None:
        raise SourceError(
            f"{where}: --frames {format_frames(frames)} selects nothing, the sequence has {len(items)} frames"
        )
    return chosen
