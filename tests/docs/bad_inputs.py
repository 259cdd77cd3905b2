"""What people get wrong, as commands, and the page that says what they are told."""

import contextlib
import io
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from vo_frontend.cli.main import main

HEAD = """\
# What goes wrong, and what is said

Whatever a user can fix ends in one line on stderr and exit code 2: where, what was found, what was
expected, what to do. Anything else is a bug, and shows a traceback. This page is made by `make errors`, which
runs these commands; a test fails where it is out of date. `images` holds pictures of 320x240 px, `empty`
nothing, `text.*` is no file of its kind.
"""
CASES: Mapping[str, Sequence[str]] = {
    "Frames": (
        "run --seq kitti/06",
        "run --seq kitti/06 --data-root empty",
        "run --seq kiti/06 --data-root empty",
        "run --images nowhere --camera cam.yaml",
        "run --images empty --camera cam.yaml",
        "run --video nowhere.mp4 --camera cam.yaml",
        "run --video text.mp4 --camera cam.yaml",
        "run --bag nowhere.mcap",
        "run --images images --camera cam.yaml --frames 5",
        "run --images images --camera cam.yaml --frames 400:",
        "run --images images --camera cam.yaml --sensor stereo",
        "run --images images --images-right empty --camera cam.yaml",
        "run --images images --depth empty --camera cam.yaml",
        "run --images images --camera cam.yaml --resize 0",
        "run --images images --camera cam.yaml --topic-imu /imu0",
        "run --imu",
    ),
    "Camera": (
        "run --images images",
        "run --webcam 0",
        "run --images images --camera nowhere.yaml",
        "run --images images --camera text.yaml",
        "run --images images --camera other_size.yaml",
        "run --images images --camera normalised.yaml",
        "run --images images --camera guess:400",
        "run --seq kitti/06 --data-root empty --camera cam.yaml",
        "run --refine-focal",
        "calibrate --images images --board chess:9x6:0.025",
        "calibrate --images images --board chessboard:9x6:0.025",
        "calibrate --images nowhere --board chessboard:9x6:0.025",
    ),
    "Options": (
        "evalute estimate.txt truth.txt",
        "run --set features.max_keypoint=500",
        "run --set features.max_keypoints=many",
        "run --keypoints 3",
        "run --features alikd-t16",
        "run --features aliked-n16 --weights-dir empty",
        "run --config nowhere.yaml",
        "run --config text.yaml",
        "run --camera-height -1",
        "run --camera-height 1.65 --sensor stereo",
        "run --out occupied",
        "fetch-weights aliked",
    ),
    "Maps": (
        "run --map nowhere.vomap",
        "run --map text.vomap",
        "run --localize-only",
        "map info text.vomap",
        "localize --map nowhere.vomap --images images",
    ),
    "Trajectories": (
        "evaluate nowhere.txt truth.txt",
        "evaluate text.txt truth.txt",
        "evaluate truth.txt elsewhen.txt",
        "compare empty",
    ),
}


def write_inputs(folder: Path) -> None:
    """Write the files that the commands name."""
    for name in ("images", "empty", "occupied"):
        (folder / name).mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    for index in range(3):
        cv2.imwrite(str(folder / "images" / f"{index}.png"), noise)
    (folder / "occupied" / "thesis.tex").write_text("years of work")
    for suffix in ("mp4", "txt", "vomap"):
        (folder / f"text.{suffix}").write_text("no file of this kind\n")
    (folder / "text.yaml").write_text("a: [1, 2\n")
    for name, intrinsics, size in (
        ("cam", [250, 250, 160, 120], [320, 240]),
        ("other_size", [500, 500, 320, 240], [640, 480]),
        ("normalised", [0.8, 0.8, 0.5, 0.5], [320, 240]),
    ):
        (folder / f"{name}.yaml").write_text(f"intrinsics: {intrinsics}\nresolution: {size}\n")
    for name, start in (("truth", 0), ("elsewhen", 1000)):
        rows = [f"{start + index} {index} 0 0 0 0 0 1" for index in range(5)]
        (folder / f"{name}.txt").write_text("\n".join(rows) + "\n")


def page(folder: Path) -> str:
    """Run every command in the folder, which is the working directory, and write the page."""
    parts = [HEAD]
    for title, commands in CASES.items():
        rows = [f"| `vo-frontend {command}` | {_escaped(told(command, folder))} |" for command in commands]
        parts += [f"## {title}", "", "| command | what it says |", "|---|---|", *rows, ""]
    return "\n".join(parts)


def told(command: str, folder: Path) -> str:
    """Return the one line that a command ends in.

    Raises:
        AssertionError: it did something else.
    """
    err = io.StringIO()
    quiet = ["--no-view"] if command.startswith("run ") else []
    with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):
        exit_code = main([*shlex.split(command), *quiet])
    errors = [line for line in err.getvalue().splitlines() if line.startswith("error: ")]
    assert (exit_code, len(errors)) == (2, 1), f"{command}: {exit_code}, {err.getvalue()}"
    return errors[0].removeprefix("error: ").replace(f"{folder}/", "").replace(str(folder), ".")


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
