"""``vo-frontend compare``: several runs side by side, as a table, a picture and a page."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from vo_frontend.cli.exit_code import exit_code_of
from vo_frontend.cli.options import add_debug, command_parser

PAGE_NAME, PICTURE_NAME = "comparison.html", "comparison.png"
EXAMPLES = """examples:
  vo-frontend compare runs/kitti/06/20260101-101500 runs/kitti/06/latest    before and after a change
  vo-frontend compare runs/kitti/06/*                                       all runs of a sequence

Errors are those of the longest segment against ground truth; runs of one sequence are also compared frame
by frame. Versions are shown where they differ.
"""


def build_parser() -> argparse.ArgumentParser:
    """Build the command line; imports nothing heavy."""
    parser = command_parser(
        "compare",
        "Figures of several runs, a column for each, beside a picture and a page of them.",
        EXAMPLES,
    )
    parser.add_argument("runs", metavar="RUN", type=Path, nargs="+", help="run folder, or its latest link")
    parser.add_argument(
        "--out", metavar="DIR", type=Path, help="where picture and page go (default runs/comparisons/TIME)"
    )
    add_debug(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: 0, or 2 for an error that the user can fix."""
    args = build_parser().parse_args(argv)
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    return exit_code_of(lambda: _run(args), debug=args.debug)


def _run(args: argparse.Namespace) -> None:
    from vo_frontend.reports.comparison import comparison_rows, differing_sequences, format_rows, read_runs
    from vo_frontend.reports.figures.canvas import save_png
    from vo_frontend.reports.figures.comparison import comparison_figure
    from vo_frontend.reports.page.comparison_page import write_comparison_page
    from vo_frontend.reports.paired_errors import pair_errors
    from vo_frontend.reports.run_folder import create_run_folder, open_folder

    runs = read_runs(args.runs)
    paired = pair_errors(runs)
    rows = [*comparison_rows(runs), *(paired.rows() if paired else [])]
    print(format_rows(rows))
    if sequences := differing_sequences(runs):
        print(f"\nThe runs are of different sequences ({', '.join(sequences)}): their errors do not compare.")
    folder = open_folder(args.out) if args.out else create_run_folder(Path("runs"), "comparisons")
    save_png(comparison_figure(runs, paired), folder / PICTURE_NAME)
    write_comparison_page(folder / PAGE_NAME, runs, rows, paired)
    print(f"written to {folder / PAGE_NAME} and {PICTURE_NAME}")


if __name__ == "__main__":
    sys.exit(main())
