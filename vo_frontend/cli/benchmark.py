"""``python -m vo_frontend.cli.benchmark``: how fast the parts are, beside other implementations."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from vo_frontend.cli.exit_code import exit_code_of
from vo_frontend.cli.options import folder_from, positive

FEATURES = ("aliked-t16", "aliked-n16")
SIZES = ("640x480", "1241x376")
BUDGETS = (500, 1000, 2000)
REPEATS = 20
PEERS = ("kornia", "opencv", "ceres")
NUM_MEMORY_FRAMES = 2000
PREFERRED = ""  # sequence: kitti/06 where present, else the built-in street
# Read once by the libraries that compute, so they must be set before the first of them is imported.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
)

EXAMPLES = """examples:
  python -m vo_frontend.cli.benchmark                              extraction, matching, bundle adjustment
  python -m vo_frontend.cli.benchmark --peer kornia --peer opencv  the same beside others, in turns
  python -m vo_frontend.cli.benchmark --only --seq kitti/06        a whole run, nothing else
  python -m vo_frontend.cli.benchmark --all --peer kornia --peer opencv \\
      --curves docs/cost_curves.png --markdown docs/benchmarks.md

--only drops the parts that nobody asked for; --peer kornia needs: pip install --no-deps kornia kornia_rs,
--peer ceres needs: pip install pyceres
"""


def build_parser() -> argparse.ArgumentParser:
    """The command line; imports nothing heavy."""
    parser = argparse.ArgumentParser(
        prog="python -m vo_frontend.cli.benchmark",
        description="Times of extraction, matching, bundle adjustment and whole runs on this machine.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_settings(parser.add_argument_group("what is measured, in all combinations"))
    parts = parser.add_argument_group("parts, beside extraction, matching and bundle adjustment")
    parts.add_argument("--only", action="store_true", help="only the parts named by the following options")
    parts.add_argument("--all", action="store_true", help="--seq, --first-call, --memory and --profile")
    parts.add_argument(
        "--seq",
        metavar="NAME",
        nargs="?",
        const=PREFERRED,
        help="a whole run without pictures (default: kitti/06 where present, else the built-in street)",
    )
    parts.add_argument("--frames", metavar="A:B[:STEP]", help="which frames of --seq, as in Python")
    parts.add_argument(
        "--sensors",
        metavar="NAME",
        nargs="+",
        choices=("mono", "stereo", "rgbd"),
        default=["mono"],
        help="one run of --seq each (default mono)",
    )
    parts.add_argument("--first-call", action="store_true", help="seconds from process start to features")
    parts.add_argument(
        "--memory",
        metavar="FRAMES",
        nargs="?",
        type=positive,
        const=NUM_MEMORY_FRAMES,
        help=f"peak of one extraction, growth over so many frames (default {NUM_MEMORY_FRAMES})",
    )
    parts.add_argument("--profile", action="store_true", help="where the time of an extraction goes")
    parts.add_argument("--gpu", action="store_true", help="extraction on CUDA, with upload and download")
    parts.add_argument("--curves", metavar="PNG", type=Path, help="time against budget and against pixels")
    output = parser.add_argument_group("output, beside the terminal")
    output.add_argument("--json", metavar="FILE", type=Path, help="write all figures")
    output.add_argument(
        "--markdown", metavar="FILE", type=Path, help="write the tables, e.g. docs/benchmarks.md"
    )
    output.add_argument("--debug", action="store_true", help="show the traceback of errors")
    return parser


def _add_settings(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--features",
        metavar="NAME",
        nargs="+",
        action="extend",
        help=f"extractors (default {' '.join(FEATURES)})",
    )
    group.add_argument(
        "--sizes",
        metavar="WxH",
        nargs="+",
        action="extend",
        type=_size,
        help=f"of the images, px (default {' '.join(SIZES)})",
    )
    group.add_argument(
        "--keypoints",
        metavar="N",
        nargs="+",
        action="extend",
        type=positive,
        help=f"budgets per image (default {' '.join(map(str, BUDGETS))})",
    )
    group.add_argument(
        "--peer", choices=PEERS, action="append", default=[], help="compare with; may be repeated"
    )
    group.add_argument("--repeats", metavar="N", type=positive, default=REPEATS, help=f"default {REPEATS}")
    group.add_argument(
        "--threads",
        metavar="N",
        type=positive,
        default=min(2, os.cpu_count() or 1),
        help="CPU threads of all contestants (default 2)",
    )
    for option, what in (("--data-root", "photographs to work on"), ("--weights-dir", "official weights")):
        variable = "VO_" + option.strip("-").replace("-", "_").upper()
        group.add_argument(
            option,
            metavar="DIR",
            type=Path,
            default=folder_from(variable),
            help=f"{what} (default: ${variable})",
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: 0, or 2 for an error that the user can fix."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = build_parser().parse_args(arguments)
    # Not as argparse defaults, because "extend" would add to those.
    args.features = args.features or FEATURES
    args.sizes = args.sizes or [_size(text) for text in SIZES]
    args.keypoints = args.keypoints or BUDGETS
    if args.all:
        args.first_call = args.profile = True
        args.seq = PREFERRED if args.seq is None else args.seq
        args.memory = args.memory or NUM_MEMORY_FRAMES
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    logging.getLogger("vo_frontend").setLevel(logging.INFO)  # it says when something compiles for long
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(args.threads)))
    return exit_code_of(lambda: _run(args, arguments), debug=args.debug)


def _run(args: argparse.Namespace, arguments: Sequence[str]) -> None:
    from vo_frontend.experiments.speed.sections import check, describe_setting, sections
    from vo_frontend.experiments.tables import (
        as_mapping,
        check_folder,
        format_section,
        format_setting,
        split_at_marks,
        write_markdown,
    )
    from vo_frontend.reports.run_metrics import write_json

    setting = describe_setting(args.threads, arguments)  # first, so that the load is not our own
    for path in filter(None, (args.json, args.curves)):
        check_folder(path)
    if args.markdown:
        split_at_marks(args.markdown)
    check(args)
    print(format_setting(setting), flush=True)
    measured = []
    for section in sections(args):
        print(f"\n{format_section(section)}", flush=True)
        measured.append(section)
    if args.json:
        write_json(args.json, as_mapping(setting, measured))
    if args.markdown:
        write_markdown(args.markdown, setting, measured)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    try:
        return positive(width), positive(height)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"got '{text}', expected WIDTHxHEIGHT in px, e.g. 640x480") from None


if __name__ == "__main__":
    sys.exit(main())
