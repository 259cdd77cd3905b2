"""What the options of several commands have in common. Imports nothing heavy."""

import argparse
import os
from pathlib import Path

# Read once by the libraries that compute, so they must be set before the first of them is imported.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
)


def command_parser(command: str, description: str, examples: str) -> argparse.ArgumentParser:
    """Make the parser of a command; ``examples`` stand below its options as they are."""
    return argparse.ArgumentParser(
        prog=f"vo-frontend {command}",
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_data_root(group: "argparse._ArgumentGroup", what: str) -> None:
    """Add ``--data-root``, by default ``$VO_DATA_ROOT``."""
    group.add_argument(
        "--data-root",
        metavar="DIR",
        type=Path,
        default=folder_from("VO_DATA_ROOT"),
        help=f"{what} (default: $VO_DATA_ROOT)",
    )


def add_weights_dir(group: "argparse._ArgumentGroup") -> None:
    """Add ``--weights-dir``; where it is not given, the weights are looked for when they are loaded."""
    group.add_argument(
        "--weights-dir",
        metavar="DIR",
        type=Path,
        help="folder of official weights (default: $VO_WEIGHTS_DIR, the user cache, else download)",
    )


def add_count(group: "argparse._ArgumentGroup", option: str, default: int, what: str) -> None:
    """Add an option that takes a whole number above 0."""
    group.add_argument(
        option, metavar="N", type=positive, default=default, help=f"{what} (default {default})"
    )


def add_threads(group: "argparse._ArgumentGroup", what: str) -> None:
    """Add ``--threads``, by default 2."""
    add_count(group, "--threads", min(2, os.cpu_count() or 1), what)


def add_out(group: "argparse._ArgumentGroup", default: str, what: str) -> None:
    """Add ``--out``, the folder of the results."""
    group.add_argument(
        "--out", metavar="DIR", type=Path, default=Path(default), help=f"{what} (default {default})"
    )


def add_markdown(group: "argparse._ArgumentGroup", example: str) -> None:
    """Add ``--markdown``, a document for the tables."""
    group.add_argument("--markdown", metavar="FILE", type=Path, help=f"write the tables, e.g. {example}")


def add_debug(group: "argparse._ActionsContainer") -> None:
    """Add ``--debug``."""
    group.add_argument("--debug", action="store_true", help="show the traceback of errors")


def names(text: str) -> list[str]:
    """Split at commas; at least one name."""
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise argparse.ArgumentTypeError(f"got '{text}', expected names with commas between them")
    return found


def positive(text: str) -> int:
    """Parse a whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got '{text}', expected a whole number above 0")
    return int(text)


def share(text: str) -> float:
    """Parse a number from 0 up to, but not, 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"got '{text}', expected a number from 0 to below 1")
    return value


def image_size(text: str) -> tuple[int, int]:
    """Parse ``WIDTHxHEIGHT`` in px."""
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) > 0 and int(height) > 0):
        raise argparse.ArgumentTypeError(f"got '{text}', expected WIDTHxHEIGHT in px, for example 640x480")
    return int(width), int(height)


def positives(text: str) -> list[int]:
    """Parse whole numbers above 0 with commas between them."""
    return [positive(part) for part in names(text)]


def folder_from(variable: str) -> Path | None:
    """Read the folder that a variable of the environment names, if it is set."""
    value = os.environ.get(variable)
    return Path(value) if value else None


def use_threads(num_threads: int) -> None:
    """Tell the libraries that compute how many threads to start; call it before they are imported."""
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(num_threads)))
