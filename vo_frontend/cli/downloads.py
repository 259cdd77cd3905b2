"""The line that the terminal shows while something is downloaded."""

import sys


def show_download(name: str, received: int, expected: int) -> None:
    """Show how many bytes of a file have arrived."""
    done = 30 * received // max(expected, 1)
    bar = f"\rdownloading {name} [{'#' * done:<30}] {received / 1e6:.1f}/{expected / 1e6:.1f} MB"
    sys.stderr.write(bar + ("\n" if received >= expected else ""))
    sys.stderr.flush()
