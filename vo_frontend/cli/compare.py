"""``vo-frontend compare``: the figures of several runs side by side."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from vo_frontend.cli.exit_code import exit_code_of
from vo_frontend.cli.options import add_debug, command_parser

EXAMPLES = """examples:
  vo-frontend compare runs/kitti/06/20260101-101500 runs/kitti/06/latest    before and after a change
  vo-frontend compare runs/kitti/06/*                                       all runs of a sequence

Errors are those of the longest segment against ground truth. Versions are shown where they differ.
"""


def build_parser() -> argparse.ArgumentParser:
    """Build the command line; imports nothing heavy."""
    parser = command_parser("compare", "Figures of several runs, a column for each.", EXAMPLES)
    parser.add_argument("runs", metavar="RUN", type=Path, nargs="+", help="run folder, or its latest link")
    add_debug(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: 0, or 2 for an error that the user can fix."""
    args = build_parser().parse_args(argv)
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    return exit_code_of(lambda: _run(args), debug=args.debug)


def _run(args: argparse.Namespace) -> None:
    from vo_frontend.reports.comparison import differing_sequences, format_comparison, read_runs

    runs = read_runs(args.runs)
    print(format_comparison(runs))
    if sequences := differing_sequences(runs):
        print(f"\nThe runs are of different sequences ({', '.join(sequences)}): their errors do not compare.")


if __name__ == "__main__":
    sys.exit(main())
