"""``vo-frontend evaluate-features``: how good features are, at equal budgets."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vo_frontend.cli.exit_code import exit_code_of
from vo_frontend.cli.options import (
    add_count,
    add_data_root,
    add_debug,
    add_markdown,
    add_out,
    add_threads,
    add_weights_dir,
    command_parser,
    names,
    positives,
    share,
    use_threads,
)
from vo_frontend.errors import ConfigError

if TYPE_CHECKING:
    from vo_frontend.experiments.feature_quality.comparison import FeatureComparison

KEYPOINTS = 1000
GAPS = (2, 5, 10, 20)
NUM_STARTS = 20
NUM_PHOTO_PAIRS = 60
NUM_TOURISM_PAIRS = 500
BAG_SIZES = (5, 10, 25)
NUM_BAGS = 10
LOSSES_OF = "aliked-t16"

EXAMPLES = """examples:
  vo-frontend evaluate-features --features orb,sift        on the built-in street
  vo-frontend evaluate-features --hpatches ~/hpatches-sequences-release \\
      --sequences kitti/06,tum/fr2_desk,7scenes/redkitchen,street --data-root ~/datasets
  vo-frontend evaluate-features --features alike-n,alike-l --hpatches DIR --keypoints 5000 \\
      --score-threshold 0.2                            as in ALIKE, beside its published figures
  vo-frontend evaluate-features --features aliked-t16,orb --keypoints 2048 \\
      --phototourism DIR --multiview                   as in ALIKED, with reconstructions by COLMAP
  vo-frontend evaluate-features --features aliked-t16,orb \\
      --extra mine=aliked-t16:runs/train/t16/weights.pth --photos ~/photographs --losses

What every figure means is said in docs/features.md. --photos takes the folders that the weights were trained
on, in the same order: only the photographs that training holds out are used.
"""


def build_parser() -> argparse.ArgumentParser:
    """Build the command line; imports nothing heavy."""
    description = "Repeatability, matching and pose accuracy of features, beside what they cost."
    parser = command_parser("evaluate-features", description, EXAMPLES)
    _add_features(parser.add_argument_group("features"))
    _add_data(parser.add_argument_group("data (none: the built-in street)"))
    output = parser.add_argument_group("output, beside the terminal")
    add_out(output, "runs/features", "features.json and pictures")
    add_markdown(output, "docs/features.md")
    add_debug(output)
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
    add_count(group, "--keypoints", KEYPOINTS, "per image")
    group.add_argument(
        "--score-threshold",
        metavar="SHARE",
        type=share,
        default=0.0,
        help="of the networks: leave out keypoints that score less, 0 to 1 (default 0: the whole budget)",
    )
    group.add_argument(
        "--device",
        metavar="NAME",
        default="cpu",
        help="of the networks: auto, cpu, cuda, cuda:1 (default cpu)",
    )
    add_threads(group, "CPU threads")
    add_weights_dir(group)


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
        "--phototourism", metavar="DIR", type=Path, help="scenes of the Image Matching Workshop 2020"
    )
    add_count(group, "--phototourism-pairs", NUM_TOURISM_PAIRS, "of each of its scenes")
    _add_multiview(group)
    add_count(group, "--photo-pairs", NUM_PHOTO_PAIRS, "made of the held-out photographs")
    group.add_argument(
        "--sequences", metavar="A,B,C", type=names, default=[], help="with poses; street: the built-in one"
    )
    group.add_argument(
        "--gaps",
        metavar="N,N,N",
        type=positives,
        default=GAPS,
        help=f"frames between the two of a pair (default {','.join(map(str, GAPS))})",
    )
    add_count(group, "--starts", NUM_STARTS, "first frames of pairs, spread over each sequence")
    add_data_root(group, "where the sequences are")
    group.add_argument(
        "--losses",
        metavar="A,B,C",
        nargs="?",
        type=names,
        const=[LOSSES_OF],
        default=[],
        help=f"training losses of these networks beside random weights, on --photos (default {LOSSES_OF})",
    )


def _add_multiview(group: "argparse._ArgumentGroup") -> None:
    sizes = ",".join(map(str, BAG_SIZES))
    group.add_argument(
        "--multiview",
        metavar="N,N,N",
        nargs="?",
        type=positives,
        const=BAG_SIZES,
        default=(),
        help=f"reconstruct bags of N images of its scenes by COLMAP (default {sizes}; needs pycolmap)",
    )
    add_count(group, "--bags", NUM_BAGS, "of each size and scene, those it lists or else drawn ones")
    group.add_argument(
        "--colmap-out", metavar="DIR", type=Path, help="keep COLMAP's databases and models of the bags"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: 0, or 2 for an error that the user can fix."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    args = build_parser().parse_args(arguments)
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    use_threads(args.threads)
    return exit_code_of(lambda: _run(args, arguments), debug=args.debug)


def _run(args: argparse.Namespace, arguments: Sequence[str]) -> None:
    from vo_frontend.experiments.feature_quality.comparison import compare_features
    from vo_frontend.experiments.feature_quality.report import as_mapping, describe, sections
    from vo_frontend.experiments.output_files import make_folder, split_at_marks, write_markdown
    from vo_frontend.experiments.tables import format_section
    from vo_frontend.reports.run_metrics import write_json

    setting = describe(args.threads, arguments)  # first, so that the load is not our own
    comparison = _comparison(args)
    if args.markdown:
        split_at_marks(args.markdown)
    make_folder(args.out)
    report = compare_features(comparison, lambda line: print(line, file=sys.stderr, flush=True))
    tables = sections(report, args.out)
    for table in tables:
        print(f"\n{format_section(table)}", flush=True)
    write_json(args.out / "features.json", as_mapping(setting, report))
    if args.markdown:
        write_markdown(args.markdown, setting, tables)
    print(f"\nwritten to {args.out}/")


def _comparison(args: argparse.Namespace) -> "FeatureComparison":
    from vo_frontend.experiments.feature_quality.comparison import FeatureComparison
    from vo_frontend.experiments.feature_quality.contestants import ALL, Extraction, choose_contestants
    from vo_frontend.simulation import STREET

    _check(args)
    has_data = args.hpatches or args.photos or args.sequences or args.phototourism
    return FeatureComparison(
        contestants=choose_contestants(args.features or ALL, args.extra),
        extraction=Extraction(args.keypoints, args.weights_dir, args.device, args.score_threshold),
        data_root=args.data_root,
        hpatches=args.hpatches,
        phototourism=args.phototourism,
        num_phototourism_pairs=args.phototourism_pairs,
        bag_sizes=sorted(set(args.multiview)),
        num_bags=args.bags,
        colmap_out=args.colmap_out,
        photos=args.photos,
        num_photo_pairs=args.photo_pairs,
        sequences=args.sequences if has_data else [STREET],
        gaps=args.gaps,
        num_starts=args.starts,
        losses=args.losses,
    )


def _check(args: argparse.Namespace) -> None:
    """Make sure that every option has what it works on."""
    if args.losses and not args.photos:
        raise ConfigError("--losses needs pairs to evaluate them on, add --photos DIR")
    if args.multiview and not args.phototourism:
        raise ConfigError("--multiview needs scenes to reconstruct, add --phototourism DIR")
    if args.multiview and min(args.multiview) < 3:
        raise ConfigError(f"--multiview: got bags of {min(args.multiview)} images, expected 3 or more")
    if args.colmap_out and not args.multiview:
        raise ConfigError("--colmap-out keeps what --multiview reconstructs, add --multiview")


if __name__ == "__main__":
    sys.exit(main())
