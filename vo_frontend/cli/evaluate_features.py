"""``python -m vo_frontend.cli.evaluate_features``: how good features are, at equal budgets."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vo_frontend.cli.benchmark import THREAD_VARIABLES
from vo_frontend.cli.exit_code import exit_code_of
from vo_frontend.cli.options import folder_from, make_folder, names, positive
from vo_frontend.errors import ConfigError

if TYPE_CHECKING:
    from vo_frontend.experiments.feature_quality.contestants import Contestant
    from vo_frontend.experiments.feature_quality.report import FeatureReport

KEYPOINTS = 1000
GAPS = (2, 5, 10, 20)
NUM_STARTS = 20
NUM_PHOTO_PAIRS = 60
LOSSES_OF = "aliked-t16"

EXAMPLES = """examples:
  python -m vo_frontend.cli.evaluate_features --features orb,sift        on the built-in street
  python -m vo_frontend.cli.evaluate_features --hpatches ~/hpatches-sequences-release \\
      --sequences kitti/06,tum/fr2_desk,7scenes/redkitchen,builtin --data-root ~/datasets
  python -m vo_frontend.cli.evaluate_features --features aliked-t16,orb \\
      --extra mine=aliked-t16:runs/train/t16/weights.pth --photos ~/photographs --losses

What every figure means is said in docs/features.md. --photos takes the folders that the weights were trained
on, in the same order: only the photographs that training holds out are used.
"""


def build_parser() -> argparse.ArgumentParser:
    """The command line; imports nothing heavy."""
    parser = argparse.ArgumentParser(
        prog="python -m vo_frontend.cli.evaluate_features",
        description="Repeatability, matching and pose accuracy of features, beside what they cost.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_features(parser.add_argument_group("features"))
    _add_data(parser.add_argument_group("data (none: the built-in street)"))
    output = parser.add_argument_group("output, beside the terminal")
    output.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        default=Path("runs/features"),
        help="features.json and pictures (default runs/features)",
    )
    output.add_argument(
        "--markdown", metavar="FILE", type=Path, help="write the tables, e.g. docs/features.md"
    )
    output.add_argument("--debug", action="store_true", help="show the traceback of errors")
    return parser


def _add_features(group: "argparse._ArgumentGroup") -> None:
    group.add_argument(
        "--features",
        metavar="A,B,C",
        type=names,
        help="of all ALIKED and ALIKE variants, orb and sift (default all)",
    )
    group.add_argument(
        "--extra",
        metavar="NAME=ARCHITECTURE:PATH",
        action="append",
        default=[],
        help="also weights in a file, e.g. mine=aliked-t16:runs/train/t16/weights.pth; may be repeated",
    )
    group.add_argument(
        "--keypoints", metavar="N", type=positive, default=KEYPOINTS, help=f"per image (default {KEYPOINTS})"
    )
    group.add_argument(
        "--threads",
        metavar="N",
        type=positive,
        default=min(2, os.cpu_count() or 1),
        help="CPU threads (default 2)",
    )
    group.add_argument(
        "--weights-dir",
        metavar="DIR",
        type=Path,
        help="folder of official weights (default: $VO_WEIGHTS_DIR, the user cache, else download)",
    )


def _add_data(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--hpatches", metavar="DIR", type=Path, help="folder of scenes v_* and i_*")
    group.add_argument(
        "--photos",
        metavar="DIR",
        type=Path,
        action="append",
        default=[],
        help="folder of photographs, warped by random homographies; may be repeated",
    )
    group.add_argument(
        "--photo-pairs",
        metavar="N",
        type=positive,
        default=NUM_PHOTO_PAIRS,
        help=f"made of the held-out photographs (default {NUM_PHOTO_PAIRS})",
    )
    group.add_argument(
        "--sequences",
        metavar="A,B,C",
        type=names,
        default=[],
        help="with poses; builtin: the built-in street",
    )
    group.add_argument(
        "--gaps",
        metavar="N,N,N",
        type=_gaps,
        default=GAPS,
        help=f"frames between the two of a pair (default {','.join(map(str, GAPS))})",
    )
    group.add_argument(
        "--starts",
        metavar="N",
        type=positive,
        default=NUM_STARTS,
        help=f"first frames of pairs, spread over each sequence (default {NUM_STARTS})",
    )
    group.add_argument(
        "--data-root",
        metavar="DIR",
        type=Path,
        default=folder_from("VO_DATA_ROOT"),
        help="where the sequences are (default: $VO_DATA_ROOT)",
    )
    group.add_argument(
        "--losses",
        metavar="A,B,C",
        nargs="?",
        type=names,
        const=[LOSSES_OF],
        default=[],
        help=f"training losses of these networks beside random weights, on --photos (default {LOSSES_OF})",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: 0, or 2 for an error that the user can fix."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = build_parser().parse_args(arguments)
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(args.threads)))
    return exit_code_of(lambda: _run(args, arguments), debug=args.debug)


def _run(args: argparse.Namespace, arguments: Sequence[str]) -> None:
    from vo_frontend.experiments.feature_quality.contestants import ALL, choose_contestants
    from vo_frontend.experiments.feature_quality.report import as_mapping, describe, sections
    from vo_frontend.experiments.tables import format_section, split_at_marks, write_markdown
    from vo_frontend.reports.run_metrics import write_json

    setting = describe(args.threads, arguments)  # first, so that the load is not our own
    if args.features is None:
        args.features = ALL
    if not (args.hpatches or args.photos or args.sequences):
        args.sequences = ["builtin"]
    if args.losses and not args.photos:
        raise ConfigError("--losses needs pairs to evaluate them on, add --photos DIR")
    contestants = choose_contestants(args.features, args.extra)
    if args.markdown:
        split_at_marks(args.markdown)
    make_folder(args.out)
    report = _measure(args, contestants)
    tables = sections(report, args.out)
    for table in tables:
        print(f"\n{format_section(table)}", flush=True)
    write_json(args.out / "features.json", as_mapping(setting, report))
    if args.markdown:
        write_markdown(args.markdown, setting, tables)
    print(f"\nwritten to {args.out}/")


def _measure(args: argparse.Namespace, contestants: "Sequence[Contestant]") -> "FeatureReport":
    from vo_frontend.experiments.feature_quality.costs import measure_costs
    from vo_frontend.experiments.feature_quality.hpatches import read_hpatches
    from vo_frontend.experiments.feature_quality.losses import compare_losses, loss_pairs
    from vo_frontend.experiments.feature_quality.pairs import (
        held_out_photo_pairs,
        hpatches_scenes,
        open_posed_sequence,
        photo_scenes,
    )
    from vo_frontend.experiments.feature_quality.report import FeatureReport
    from vo_frontend.experiments.feature_quality.scores import score_homographies, score_poses

    hpatches = read_hpatches(args.hpatches) if args.hpatches else []
    pairs = held_out_photo_pairs(args.photos, args.photo_pairs) if args.photos else []
    sequences = [open_posed_sequence(name, args.data_root, args.gaps, args.starts) for name in args.sequences]
    losses_on = loss_pairs(args.photos, args.photo_pairs) if args.losses else []
    losses = compare_losses(args.losses, contestants, losses_on, args.weights_dir)
    costs = measure_costs(contestants, args.keypoints, args.weights_dir, args.data_root)
    homographies, poses = [], []
    for contestant in contestants:
        print(f"{contestant.name} ...", file=sys.stderr, flush=True)
        extractor = contestant.load(args.keypoints, args.weights_dir)
        homographies += score_homographies(contestant.name, extractor, hpatches_scenes(hpatches))
        homographies += score_homographies(contestant.name, extractor, photo_scenes(pairs))
        poses += [score_poses(contestant.name, extractor, sequence) for sequence in sequences]
    return FeatureReport(costs, homographies, poses, losses)


def _gaps(text: str) -> tuple[int, ...]:
    return tuple(positive(part) for part in names(text))


if __name__ == "__main__":
    sys.exit(main())
