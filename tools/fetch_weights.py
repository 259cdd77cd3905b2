"""Download official ALIKED and ALIKE weights, checked against their SHA-256.

    python tools/fetch_weights.py                      # aliked-t16, the default of run_vo.py
    python tools/fetch_weights.py aliked-n16 alike-t   # others
    python tools/fetch_weights.py --all --into DIR     # for another machine: copy DIR, use --weights-dir

Without --into the files go to the user cache, where run_vo.py finds them by itself.
"""

import argparse
import sys
from pathlib import Path

from vo_frontend.errors import WeightsError
from vo_frontend.features.weights import WEIGHTS, cache_dir, download, read_verified, weights_file

BAR_WIDTH = 30


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    official = [name for name, file in WEIGHTS.items() if file.url]
    parser.add_argument("names", nargs="*", metavar="NAME", choices=official, help=", ".join(official))
    parser.add_argument("--all", action="store_true", help="all of them, 15 MB")
    parser.add_argument("--into", type=Path, metavar="DIR", help="folder to fill (default: the user cache)")
    options = parser.parse_args(arguments)
    names = official if options.all else options.names or ["aliked-t16"]
    try:
        for name in names:
            fetch(name, options.into or cache_dir())
    except WeightsError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def fetch(name: str, folder: Path) -> None:
    """Download one file unless it is already there and intact."""
    file = weights_file(name)
    path = folder / file.filename
    if path.is_file():
        read_verified(path, file)
        print(f"{path}: already there, intact")
        return
    download(file, folder, show_progress)
    print(f"{path}: fetched, {file.num_bytes / 1e6:.1f} MB")


def show_progress(filename: str, received: int, expected: int) -> None:
    """Redraw a progress bar on a terminal."""
    if sys.stderr.isatty():
        share = min(received / expected, 1.0)
        bar = ("#" * round(share * BAR_WIDTH)).ljust(BAR_WIDTH)
        end = "\n" if received >= expected else ""
        print(f"\r{filename} [{bar}] {100 * share:3.0f} %", end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
