"""``vo-frontend fetch-weights``: the official networks onto this machine, before there is no network."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from vo_frontend.cli.downloads import show_download
from vo_frontend.cli.exit_code import exit_code_of
from vo_frontend.cli.options import add_debug, command_parser

DEFAULT_NAME = "aliked-t16"
EXAMPLES = """examples:
  vo-frontend fetch-weights                          those of the default features, aliked-t16
  vo-frontend fetch-weights aliked-n16 alike-t
  vo-frontend fetch-weights --all --out weights/     into a folder, to carry to a machine without a network

Files that are there already are checked by their SHA-256 and not fetched again. A folder is used by run
--weights-dir DIR, or by the variable VO_WEIGHTS_DIR; the user cache, the default, is found by itself.
"""


def build_parser() -> argparse.ArgumentParser:
    """Build the command line; imports nothing heavy."""
    parser = command_parser("fetch-weights", "Fetch and check the official weights of features.", EXAMPLES)
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"of features (default {DEFAULT_NAME})")
    parser.add_argument("--all", action="store_true", help="every network that we know")
    parser.add_argument(
        "--out", metavar="DIR", type=Path, help="folder to put them (default: the user cache)"
    )
    add_debug(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: 0, or 2 for an error that the user can fix."""
    args = build_parser().parse_args(argv)
    return exit_code_of(lambda: _run(args), debug=args.debug)


def _run(args: argparse.Namespace) -> None:
    from vo_frontend.features.weights import WEIGHTS, cache_dir, download, read_verified, weights_file

    official = [name for name, file in WEIGHTS.items() if file.url]
    files = [weights_file(name) for name in (official if args.all else args.names or [DEFAULT_NAME])]
    folder = args.out or cache_dir()
    for file in files:
        path = folder / file.filename
        if not file.url:
            print(f"{file.name}: comes with the package, nothing to fetch")
            continue
        if path.is_file():
            read_verified(path, file)
            print(f"{path}: already there, checked")
            continue
        download(file, folder, show_download)
        print(f"{path}: {file.num_bytes / 1e6:.1f} MB, checked")


if __name__ == "__main__":
    sys.exit(main())
