"""The line that the terminal shows while something is downloaded."""

import sys


def download_line(name: str, received: int, expected: int) -> str:
    """Say how many bytes of a file have arrived."""
    done = 30 * received // max(expected, 1)
    return f"downloading {name} [{'#' * done:<30}] {received / 1e6:.1f}/{expected / 1e6:.1f} MB"


def show_download(name: str, received: int, expected: int) -> None:
    """Show how many bytes of a file have arrived."""
    bar = download_line(name, received, expected)
    sys.stderr.write(f"\r{bar}" + ("\n" if received >= expected else ""))
    sys.stderr.flush()
