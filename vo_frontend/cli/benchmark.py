"""``vo-frontend bench``: how fast the parts are, beside other implementations."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vo_frontend.cli.exit_code import exit_code_of
from vo_frontend.cli.options import (
    add_count,
    add_data_root,
    add_debug,
    add_markdown,
    add_threads,
    add_weights_dir,
    command_parser,
    positive,
    use_threads,
)

if TYPE_CHECKING:
    from vo_frontend.experiments.speed.plan import BenchmarkPlan

FEATURES = ("aliked-t16", "aliked-n16")
SIZES = ("640x480", "1241x376")
BUDGETS = (500, 1000, 2000)
REPEATS = 20
BASELINES = ("kornia", "opencv", "ceres")
NUM_MEMORY_FRAMES = 2000
PREFERRED = ""  # sequence: kitti/06 where present, else the built-in street

EXAMPLES = """examples:
  vo-frontend bench                                      extraction, matching, bundle adjustment
  vo-frontend bench --peer kornia --peer opencv          the same beside others, in turns
  vo-frontend bench --only --seq kitti/06                a whole run, nothing else
  vo-frontend bench --all --peer kornia --peer opencv --markdown docs/benchmarks.md
  vo-frontend bench --only --curves docs/cost_curves.png --markdown docs/cost_curves.md

--only drops the parts that nobody asked for; --peer kornia needs: pip install --no-deps kornia kornia_rs,
--peer ceres needs: pip install pyceres
"""


def build_parser() -> argparse.ArgumentParser:
    """Build the command line; imports nothing heavy."""
    description = "Times of extraction, matching, bundle adjustment and whole runs on this machine."
    parser = command_parser("bench", description, EXAMPLES)
    _add_settings(parser.add_argument_group("what is measured, in all combinations"))
    _add_parts(parser.add_argument_group("parts, beside extraction, matching and bundle adjustment"))
    output = parser.add_argument_group("output, beside the terminal")
    output.add_argument("--json", metavar="FILE", type=Path, help="write all figures")
    add_markdown(output, "docs/benchmarks.md")
    add_debug(output)
    return parser


def _add_settings(group: "argparse._ArgumentGroup") -> None:
    def add_list(name: str, metavar: str, parse: Callable[[str], object], what: str) -> None:
        group.add_argument(name, metavar=metavar, nargs="+", action="extend", type=parse, help=what)

    add_list("--features", "NAME", str, f"extractors (default {' '.join(FEATURES)})")
    add_list("--sizes", "WxH", _size, f"of the images, px (default {' '.join(SIZES)})")
    add_list("--keypoints", "N", positive, f"budgets per image (default {' '.join(map(str, BUDGETS))})")
    group.add_argument(
        "--peer", choices=BASELINES, action="append", default=[], help="compare with; may be repeated"
    )
    add_count(group, "--repeats", REPEATS, "of every measurement")
    add_threads(group, "CPU threads of all contestants")
    add_data_root(group, "photographs to work on")
    add_weights_dir(group)


def _add_parts(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--only", action="store_true", help="only the parts named by the following options")
    group.add_argument(
        "--all",
        action="store_true",
        help="--seq, --first-call, --memory, --profile, --layers and --whole-map",
    )
    group.add_argument(
        "--seq",
        metavar="NAME",
        nargs="?",
        const=PREFERRED,
        help="a whole run without pictures (default: kitti/06 where present, else the built-in street)",
    )
    group.add_argument("--frames", metavar="A:B[:STEP]", help="which frames of --seq, as in Python")
    group.add_argument(
        "--sensors",
        metavar="NAME",
        nargs="+",
        choices=("mono", "stereo", "rgbd"),
        default=["mono"],
        help="one run of --seq each (default mono)",
    )
    group.add_argument("--first-call", action="store_true", help="seconds from process start to features")
    group.add_argument(
        "--memory",
        metavar="FRAMES",
        nargs="?",
        type=positive,
        const=NUM_MEMORY_FRAMES,
        help=f"peak of one extraction, growth over so many frames (default {NUM_MEMORY_FRAMES})",
    )
    group.add_argument("--profile", action="store_true", help="where the time of an extraction goes")
    group.add_argument(
        "--layers", action="store_true", help="kernels of ALIKED on the CPU beside their floor"
    )
    group.add_argument("--whole-map", action="store_true", help="bundle adjustment of 500 keyframes")
    group.add_argument("--gpu", action="store_true", help="extraction on CUDA, with upload and download")
    group.add_argument(
        "--curves", metavar="PNG", type=Path, help="time and memory against budget, pixels, length and map"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: 0, or 2 for an error that the user can fix."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = build_parser().parse_args(arguments)
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    logging.getLogger("vo_frontend").setLevel(logging.INFO)  # it says when something compiles for long
    use_threads(args.threads)
    return exit_code_of(lambda: _run(args, arguments), debug=args.debug)


def _run(args: argparse.Namespace, arguments: Sequence[str]) -> None:
    from vo_frontend.experiments.output_files import check_folder, split_at_marks, write_markdown
    from vo_frontend.experiments.speed.plan import checked, describe
    from vo_frontend.experiments.speed.sections import sections
    from vo_frontend.experiments.tables import as_mapping, format_section, format_setting
    from vo_frontend.reports.run_metrics import write_json

    setting = describe(args.threads, arguments)  # first, so that the load is not our own
    for path in filter(None, (args.json, args.curves)):
        check_folder(path)
    if args.markdown:
        split_at_marks(args.markdown)
    plan = checked(_plan(args))
    print(format_setting(setting), flush=True)
    measured = []
    for section in sections(plan):
        print(f"\n{format_section(section)}", flush=True)
        measured.append(section)
    if args.json:
        write_json(args.json, as_mapping(setting, measured))
    if args.markdown:
        write_markdown(args.markdown, setting, measured)


def _plan(args: argparse.Namespace) -> "BenchmarkPlan":
    from vo_frontend.experiments.speed.images import Size
    from vo_frontend.experiments.speed.plan import BenchmarkPlan, preferred_sequence

    sequence = PREFERRED if args.all and args.seq is None else args.seq
    return BenchmarkPlan(
        # Not as argparse defaults, because "extend" would add to those.
        features=args.features or FEATURES,
        sizes=[Size(*pair) for pair in args.sizes or map(_size, SIZES)],
        budgets=args.keypoints or BUDGETS,
        baselines=args.peer,
        repeats=args.repeats,
        threads=args.threads,
        data_root=args.data_root,
        weights_dir=args.weights_dir,
        with_basic_parts=not args.only,
        sequence=preferred_sequence(args.data_root) if sequence == PREFERRED else sequence,
        frames=args.frames,
        sensors=args.sensors,
        first_call=args.first_call or args.all,
        memory_frames=args.memory or (NUM_MEMORY_FRAMES if args.all else None),
        profile=args.profile or args.all,
        layers=args.layers or args.all,
        whole_map=args.whole_map or args.all,
        gpu=args.gpu,
        curves=args.curves,
    )


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    try:
        return positive(width), positive(height)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"got '{text}', expected WIDTHxHEIGHT in px, e.g. 640x480") from None


if __name__ == "__main__":
    sys.exit(main())
