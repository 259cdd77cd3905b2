"""What options of several commands have in common: how they are read. Imports nothing heavy."""

import argparse
import os
from pathlib import Path

from vo_frontend.errors import OutputError


def names(text: str) -> list[str]:
    """Split at commas; at least one name."""
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise argparse.ArgumentTypeError(f"got '{text}', expected names with commas between them")
    return found


def positive(text: str) -> int:
    """A whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got '{text}', expected a whole number above 0")
    return int(text)


def folder_from(variable: str) -> Path | None:
    """Folder that a variable of the environment names, if it is set."""
    value = os.environ.get(variable)
    return Path(value) if value else None


def make_folder(folder: Path) -> None:
    """Make sure that an output folder exists.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot write there ({error.strerror}); choose another --out") from None
