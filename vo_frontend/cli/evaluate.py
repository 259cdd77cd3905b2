"""``vo-frontend evaluate``: errors of one trajectory file against another."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from vo_frontend.cli.exit_code import exit_code_of
from vo_frontend.cli.options import add_debug, command_parser
from vo_frontend.errors import shown

MAX_DIFFERENCE_S = 1e6
EXAMPLES = """examples:
  vo-frontend evaluate runs/kitti/06/latest/trajectory_kitti.txt data/kitti/poses/06.txt
  vo-frontend evaluate runs/x/trajectory_tum.txt data/kitti/poses/06.txt --times \\
      data/kitti/sequences/06/times.txt
  vo-frontend evaluate runs/y/trajectory_tum.txt groundtruth.txt --align se3 --plot errors.png
  vo-frontend evaluate runs/z/trajectory_kitti.txt data/kitti/poses/06.txt --pairs pairs
      and then: evo_ape kitti pairs/truth_kitti.txt pairs/estimate_kitti.txt --align --correct_scale

Formats are told from the content. KITTI rows have no stamps: their frame number is that of the row, or
of NAME_frames.txt beside NAME.txt; --times turns it into a stamp. Both must describe the same camera.
"""


def build_parser() -> argparse.ArgumentParser:
    """Build the command line; imports nothing heavy."""
    description = "Errors of an estimated trajectory against ground truth: any two of TUM, KITTI, EuRoC."
    parser = command_parser("evaluate", description, EXAMPLES)
    parser.add_argument("estimate", metavar="ESTIMATE", type=Path)
    parser.add_argument("ground_truth", metavar="GROUND_TRUTH", type=Path)
    parser.add_argument(
        "--align",
        choices=("sim3", "se3"),
        default="sim3",
        help="sim3 also aligns the scale, for mono (default); se3 does not, for stereo and RGB-D",
    )
    parser.add_argument(
        "--max-difference",
        type=_positive_seconds,
        default=0.02,
        metavar="SECONDS",
        help="poses further apart in time do not belong together (default 0.02)",
    )
    parser.add_argument("--times", type=Path, metavar="FILE", help="times.txt of a KITTI sequence")
    parser.add_argument(
        "--segment", type=int, metavar="K", help="which segment of the estimate (default: the longest)"
    )
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw top view and errors over time")
    parser.add_argument(
        "--pairs",
        type=Path,
        metavar="DIR",
        help="write both as KITTI files, row for row, for evo's kitti mode",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers")
    add_debug(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: 0, or 2 for an error that the user can fix."""
    args = build_parser().parse_args(argv)
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    return exit_code_of(lambda: _run(args), debug=args.debug)


def _run(args: argparse.Namespace) -> None:
    from vo_frontend.evaluation.files import compare_files
    from vo_frontend.reports.run_metrics import format_table, write_json

    found = compare_files(
        args.estimate,
        args.ground_truth,
        with_scale=args.align == "sim3",
        times=args.times,
        segment_id=args.segment,
        max_difference_s=args.max_difference,
    )
    evaluation = found.evaluation
    print(format_table(evaluation.rows()))
    if args.pairs:
        found.save_pairs(args.pairs)
    if args.json:
        write_json(args.json, evaluation.to_mapping())
    if args.plot:
        from vo_frontend.experiments.error_plot import plot_errors

        title = f"{args.estimate.name}, {evaluation.alignment}"
        plot_errors(args.plot, title, evaluation, found.ground_truth)


def _positive_seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= MAX_DIFFERENCE_S:
        raise argparse.ArgumentTypeError(f"got {shown(text)}, expected 0 to {MAX_DIFFERENCE_S:g} seconds")
    return value


if __name__ == "__main__":
    sys.exit(main())
