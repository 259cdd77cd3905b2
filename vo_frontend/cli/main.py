"""``vo-frontend COMMAND ...``: every command by its name. Imports a command only once it is chosen."""

import importlib
import sys
from collections.abc import Sequence
from typing import NoReturn

from vo_frontend import __version__
from vo_frontend.cli.program import end_with
from vo_frontend.errors import did_you_mean

PROGRAM = "vo-frontend"
DEFAULT = "run"
# Name -> the module with its parser and its main(argv), and what it does.
COMMANDS = {
    "run": ("vo_frontend.cli.run", "estimate the path of a camera from a sequence, folder, video or webcam"),
    "calibrate": ("vo_frontend.cli.calibrate", "make a camera file from pictures of a board"),
    "convert-camera": (
        "vo_frontend.cli.convert_camera",
        "write a calibration in the format of another program",
    ),
    "evaluate": ("vo_frontend.cli.evaluate", "compare a trajectory file with ground truth"),
    "compare": ("vo_frontend.cli.compare", "put the figures of several runs side by side"),
    "map": ("vo_frontend.cli.map", "look into map files, thin and merge them, write them for other programs"),
    "localize": ("vo_frontend.cli.localize", "say where images were taken in a map"),
    "bench": ("vo_frontend.cli.benchmark", "time extraction, matching, bundle adjustment and whole runs"),
    "ablate": ("vo_frontend.cli.ablation", "measure accuracy, and what each part of the odometry is worth"),
    "fetch-weights": ("vo_frontend.cli.fetch_weights", "fetch and check the official weights of features"),
    "train": ("vo_frontend.cli.train", "train the network of the features"),
    "evaluate-features": ("vo_frontend.cli.evaluate_features", "compare features with each other"),
    "fuzz": ("vo_frontend.cli.fuzz", "feed the readers of files with damaged ones"),
    "evaluate-places": ("vo_frontend.cli.evaluate_places", "compare ways to recognise places"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that the first argument names; options alone mean ``run``. Returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    first = arguments[0] if arguments else ""
    if first in ("-h", "--help"):
        print(format_help())
        return 0
    if first == "--version":
        print(f"vo_frontend {__version__}")
        return 0
    if not first or first.startswith("-"):
        arguments.insert(0, DEFAULT)
    name, *rest = arguments
    if name not in COMMANDS:
        print(f"error: unknown command '{name}', {did_you_mean(name, COMMANDS)}", file=sys.stderr)
        return 2
    module, _ = COMMANDS[name]
    exit_code: int = importlib.import_module(module).main(rest)
    return exit_code


def format_help() -> str:
    """Describe every command in one line."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {what}" for name, (_, what) in COMMANDS.items()]
    return "\n".join(
        [
            f"usage: {PROGRAM} [COMMAND] [OPTIONS]",
            "",
            "Visual odometry, and what measures it.",
            "",
            "commands:",
            *lines,
            "",
            f"Options alone mean '{DEFAULT}': {PROGRAM} --seq NAME is {PROGRAM} {DEFAULT} --seq NAME.",
            f"{PROGRAM} COMMAND --help shows the options of a command, with examples; --version our version.",
        ]
    )


def program() -> NoReturn:
    """Be the program ``vo-frontend``."""
    end_with(main)


if __name__ == "__main__":
    program()
