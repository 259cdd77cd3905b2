"""Errors that a user can fix. Everything else is a bug and keeps its traceback.

A message has four parts: where, what was found, what was expected (with unit), what to do.
"""

import difflib
import reprlib
from collections.abc import Iterable

MAX_NAMES = 20  # in a message; of a longer list one example says more
MAX_NAME = 100  # characters of a name that is looked up among known ones, which takes time
MAX_MESSAGE = 2000  # characters; a name in it may be as long as whoever made the file liked
MAX_SHOWN = 400  # characters of a value in it
_SHOWN = reprlib.Repr()
_SHOWN.maxlevel, _SHOWN.maxstring, _SHOWN.maxlong, _SHOWN.maxother = 3, 80, 40, 80
_SHOWN.maxlist = _SHOWN.maxtuple = 16  # as many as a pose has


class VoError(Exception):
    """Root of every error that the command line shows as one line (exit code 2)."""

    def __str__(self) -> str:
        """Return the message, of a very long one its two ends."""
        text = super().__str__()
        if len(text) <= MAX_MESSAGE:
            return text
        return f"{text[: MAX_MESSAGE // 2]} ... {text[-MAX_MESSAGE // 2 :]}"


class ConfigError(VoError):
    """A configuration value or key is wrong."""


class CameraError(VoError):
    """A calibration is missing, malformed or impossible for the images it came with."""


class SourceError(VoError):
    """Frames cannot be read: a sequence, folder, video or device is missing or malformed."""


class FrameError(VoError):
    """An image, a depth image or a time stamp that was handed over is of the wrong kind or size."""


class WeightsError(VoError):
    """Network weights are missing, altered or cannot be fetched."""


class TrainingError(VoError):
    """Training cannot start or go on: diverged, or a checkpoint that does not fit."""


class TrajectoryError(VoError):
    """A trajectory file is malformed or cannot be compared with another."""


class PlaceError(VoError):
    """A place index, a vocabulary or a retrieval benchmark is missing, malformed or of another kind."""


class MapFileError(VoError):
    """A map file is missing, damaged, of a newer version, or does not fit the run."""


class OutputError(VoError):
    """Results cannot be written."""


class ViewerError(VoError):
    """The viewer cannot start, usually because system libraries are missing."""


def shown(value: object) -> str:
    """Return a value as Python does, shortened where it is long: nobody reads a million numbers."""
    text = _SHOWN.repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def did_you_mean(name: str, known: Iterable[str], at_most: int = 1) -> str:
    """Return the end of a message about an unknown name: the nearest known ones, else what there is."""
    names = list(known)
    if len(name) <= MAX_NAME and (close := difflib.get_close_matches(name, names, n=at_most)):
        return f"did you mean {' or '.join(map(repr, close))}?"
    if len(names) > MAX_NAMES:
        return f"expected a name such as '{names[0]}'"
    return f"expected one of {', '.join(names)}"
