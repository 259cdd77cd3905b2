"""``vo-frontend fuzz``: damaged files for every reader, for as long as one likes."""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from vo_frontend.cli.exit_code import exit_code_of
from vo_frontend.cli.options import add_debug, command_parser, names

EXAMPLES = """examples:
  vo-frontend fuzz --minutes 10
  vo-frontend fuzz --minutes 1 --only camera,config --seed 7 --out findings

A file that is neither read nor refused by one short line is kept in --out, with what happened beside it.
"""
ROUND_FILES = 200  # of one reader, before the next one


def build_parser() -> argparse.ArgumentParser:
    """Build the command line; imports nothing heavy."""
    parser = command_parser("fuzz", "Feed every reader of files with damaged ones.", EXAMPLES)
    parser.add_argument("--minutes", metavar="N", type=_minutes, default=1.0, help="how long (default 1)")
    parser.add_argument(
        "--only", metavar="NAMES", type=names, help="readers, e.g. image,camera (default: all)"
    )
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the damage (default 0)")
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        default=Path("findings"),
        help="for what is found (default findings)",
    )
    add_debug(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: 0, 1 where something was found, 2 for a wrong option."""
    args = build_parser().parse_args(argv)
    found: list[int] = []
    exit_code = exit_code_of(lambda: found.append(_fuzz(args)), debug=args.debug)
    return exit_code or (1 if sum(found) else 0)


def _fuzz(args: argparse.Namespace) -> int:
    """Try files until the time is up; returns how many findings there are."""
    import numpy as np

    from vo_frontend.errors import ConfigError
    from vo_frontend.experiments.fuzzing.readers import readers
    from vo_frontend.experiments.fuzzing.search import fuzz_reader

    end_s, num_found = time.monotonic() + 60 * args.minutes, 0
    with tempfile.TemporaryDirectory() as folder:
        chosen = [each for each in readers(Path(folder)) if args.only is None or each.name in args.only]
        if not chosen:
            known = ", ".join(each.name for each in readers(Path(folder)))
            raise ConfigError(f"--only {','.join(args.only)}: no such reader, expected {known}")
        counts = {each.name: [0, 0, 0] for each in chosen}
        rng = np.random.default_rng(args.seed)
        while time.monotonic() < end_s:
            for number, reader in enumerate(chosen):
                own = Path(folder, str(number))
                own.mkdir(exist_ok=True)
                tally, findings = fuzz_reader(
                    reader, own, rng, lambda n: n < ROUND_FILES and time.monotonic() < end_s
                )
                for finding in findings:
                    _keep(args.out, f"{reader.name}-{num_found:04d}", finding.data, finding.what)
                    num_found += 1
                for place, more in enumerate((tally.num_read, tally.num_refused, len(findings))):
                    counts[reader.name][place] += more
    print(f"{'reader':<12} {'read':>9} {'refused':>9} {'findings':>9}")
    for name, (num_read, num_refused, num_findings) in counts.items():
        print(f"{name:<12} {num_read:>9} {num_refused:>9} {num_findings:>9}")
    if num_found:
        print(f"{num_found} findings in {args.out}/")
    return num_found


def _keep(folder: Path, name: str, data: bytes, what: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    (folder / f"{name}.txt").write_text(what, encoding="utf-8", errors="backslashreplace")


def _minutes(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 100_000:
        raise argparse.ArgumentTypeError(f"got {text[:40]}, expected minutes, above 0")
    return value


if __name__ == "__main__":
    sys.exit(main())
