"""``vo-frontend ablate``: how accurate the odometry is, and what each of its parts is worth."""

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vo_frontend.cli.exit_code import exit_code_of
from vo_frontend.cli.options import (
    add_data_root,
    add_debug,
    add_markdown,
    add_out,
    add_weights_dir,
    command_parser,
    names,
    positive,
    positives,
)
from vo_frontend.session.cores import share_the_cores

EXAMPLES = """examples:
  vo-frontend ablate --data-root ~/datasets --markdown docs/accuracy.md       everything
  vo-frontend ablate --only features,budget --sequences kitti/06,kitti/00     two tables, two sequences
  vo-frontend ablate --only accuracy --sequences kitti/07,kitti/07:stereo     any other sequence
  vo-frontend ablate --sequences street --features orb --frames 100           needs no data, no weights
  vo-frontend ablate --only faults --markdown docs/reliability.md             what each fault does
  vo-frontend ablate --only cuts --markdown docs/reliability.md               what a jump in the film does

Tables: accuracy, features, budget, resolution, adjustment, estimator, presets; faults and cuts stand alone.
With presets, a picture shows what accuracy costs. The built-in street goes by the names street (1000 frames),
street-short (300) and street-faults (300). What is measured is said in docs/accuracy.md, docs/presets.md and
docs/reliability.md.
"""

FAULTS, CUTS = "faults", "cuts"
STOPPED_EARLY = "stopped early: rows are missing"


def build_parser() -> argparse.ArgumentParser:
    """Build the command line; imports nothing heavy."""
    description = "Accuracy on sequences with ground truth, and what each part of the odometry is worth."
    parser = command_parser("ablate", description, EXAMPLES)
    what = parser.add_argument_group("what is run")
    what.add_argument("--only", metavar="A,B,C", type=names, help="these tables (default all)")
    what.add_argument(
        "--sequences",
        metavar="A,B:SENSOR",
        type=names,
        help="in all tables (default: those with a bound for accuracy, nine for presets, else four)",
    )
    what.add_argument(
        "--features", metavar="A,B,C", type=names, help="to compare; the other tables use the first"
    )
    what.add_argument("--budgets", metavar="N,N,N", type=positives, help="keypoints per image")
    what.add_argument("--frames", metavar="N", type=positive, help="only the first N of each sequence")
    what.add_argument(
        "--seeds",
        metavar="A:B",
        type=_seeds,
        default=range(5),
        help="of every random draw (default 0:5); all tables but accuracy take only the first one or three",
    )
    what.add_argument(
        "--redraw", metavar="JSON", type=Path, help="run nothing: only the pictures, from an ablation.json"
    )
    where = parser.add_argument_group("where things are")
    add_data_root(where, "the sequences")
    add_weights_dir(where)
    output = parser.add_argument_group("output, beside the terminal")
    add_out(output, "runs/ablation", "ablation.json with every run, and the picture")
    add_markdown(output, "docs/accuracy.md")
    add_debug(output)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: 0, or 2 for an error that the user can fix."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = build_parser().parse_args(arguments)
    share_the_cores()
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.ERROR)
    run = _redraw if args.redraw else _run_alone if args.only in ([FAULTS], [CUTS]) else _run
    return exit_code_of(lambda: run(args, arguments), debug=args.debug)


def _run(args: argparse.Namespace, arguments: Sequence[str]) -> None:
    from vo_frontend.experiments.ablation.plan import (
        BUDGETS,
        FEATURES,
        TABLES,
        choose_sequences,
        choose_tables,
        seeds_of,
        with_cases,
    )
    from vo_frontend.experiments.ablation.report import as_mapping, describe, pictures, sections
    from vo_frontend.experiments.ablation.runs import measure
    from vo_frontend.experiments.output_files import make_folder, split_at_marks, write_markdown
    from vo_frontend.experiments.tables import format_section
    from vo_frontend.reports.run_metrics import write_json

    setting = describe(arguments, is_part=args.frames is not None)  # first, so that the load is not our own
    sequences = None if args.sequences is None else choose_sequences(args.sequences)
    tables = choose_tables(args.only or TABLES, sequences, args.features or FEATURES, args.budgets or BUDGETS)
    if args.markdown:
        split_at_marks(args.markdown)
    make_folder(args.out)
    wanted = seeds_of(tables, args.seeds)
    runs = measure(
        wanted,
        args.data_root,
        args.weights_dir,
        args.frames,
        lambda line: print(line, file=sys.stderr, flush=True),
    )
    if len(runs) < len(wanted):
        setting = replace(setting, warnings=(*setting.warnings, STOPPED_EARLY))
        tables = with_cases(tables, runs)
    picture = _picture(args)
    found, drawn = sections(tables, runs, picture), pictures(tables, runs)
    for section in found:
        print(f"\n{format_section(section)}", flush=True)
    write_json(args.out / "ablation.json", as_mapping(setting, found, drawn, runs))
    drawn.draw(picture)
    if args.markdown:
        write_markdown(args.markdown, setting, found)
    print(f"\nwritten to {args.out}/")


def _redraw(args: argparse.Namespace, arguments: Sequence[str]) -> None:
    from vo_frontend.experiments.ablation.pictures import read_pictures
    from vo_frontend.experiments.output_files import make_folder

    drawn = read_pictures(args.redraw)
    make_folder(args.out)
    for path in drawn.draw(_picture(args)):
        print(path)


def _picture(args: argparse.Namespace) -> Path:
    """Return where the picture goes: beside the Markdown file, which shows it, or into the folder."""
    return Path(args.markdown.with_suffix(".png") if args.markdown else args.out / "ablation.png")


def _run_alone(args: argparse.Namespace, arguments: Sequence[str]) -> None:
    """Measure faults or cuts: they share nothing with the other tables."""
    from vo_frontend.experiments.ablation.plan import FEATURES, choose_sequences
    from vo_frontend.experiments.ablation.report import describe
    from vo_frontend.experiments.output_files import TABLES, make_folder, split_at_marks, write_markdown
    from vo_frontend.experiments.reliability import cuts, matrix
    from vo_frontend.experiments.tables import as_mapping, format_section
    from vo_frontend.reports.run_metrics import write_json

    key = args.only[0]
    default, measure = (matrix.SEQUENCES, matrix.measure) if key == FAULTS else (cuts.SEQUENCES, cuts.measure)
    marks = TABLES if key == FAULTS else CUTS  # of the page, which both may write
    setting = describe(arguments, is_part=args.frames is not None)
    sequences = default if args.sequences is None else choose_sequences(args.sequences)
    if args.markdown:
        split_at_marks(args.markdown, marks)
    make_folder(args.out)
    found, is_whole = measure(
        sequences,
        (args.features or FEATURES)[0],
        args.data_root,
        args.weights_dir,
        args.frames,
        lambda line: print(line, file=sys.stderr, flush=True),
    )
    if not is_whole:
        setting = replace(setting, warnings=(*setting.warnings, STOPPED_EARLY))
    for section in found:
        print(f"\n{format_section(section)}", flush=True)
    write_json(args.out / f"{key}.json", as_mapping(setting, found))
    if args.markdown:
        write_markdown(args.markdown, setting, found, marks)
    print(f"\nwritten to {args.out}/")


def _seeds(text: str) -> range:
    first, colon, end = text.partition(":")
    is_range = colon and first.isdecimal() and end.isdecimal() and int(first) < int(end)
    if not (is_range or (text.isdecimal() and not colon)):
        raise argparse.ArgumentTypeError(f"got '{text}', expected A:B with A below B, or one seed")
    return range(int(first), int(end) if is_range else int(first) + 1)


if __name__ == "__main__":
    sys.exit(main())
