"""``vo-frontend map``: what is in map files, smaller ones, larger ones, and other formats."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from vo_frontend.cli.exit_code import exit_code_of
from vo_frontend.cli.options import add_debug, command_parser

EXAMPLES = """examples:
  vo-frontend map info street.vomap kitchen.vomap
  vo-frontend map thin street.vomap --out small.vomap
  vo-frontend map merge monday.vomap tuesday.vomap --out both.vomap
  vo-frontend map export street.vomap --ply street.ply --colmap models

docs/maps.md describes the files. Segments do not share a world: each is a COLMAP model of its own, models/0,
models/1, ...
"""


def build_parser() -> argparse.ArgumentParser:
    """Build the command line; imports nothing heavy."""
    parser = command_parser("map", "Look into map files, thin and merge them, export them.", EXAMPLES)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    info = actions.add_parser("info", help="say what map files hold")
    info.add_argument("maps", metavar="FILE", type=Path, nargs="+")
    thin = actions.add_parser("thin", help="leave out keyframes whose landmarks three others see")
    thin.add_argument("map", metavar="FILE", type=Path)
    thin.add_argument("--out", metavar="FILE", type=Path, required=True, help="map file to write")
    merge = actions.add_parser("merge", help="make one map of two that show a place in common")
    merge.add_argument("first", metavar="A", type=Path)
    merge.add_argument("second", metavar="B", type=Path)
    merge.add_argument("--out", metavar="FILE", type=Path, required=True, help="map file to write")
    export = actions.add_parser("export", help="write a point cloud or COLMAP text models")
    export.add_argument("map", metavar="FILE", type=Path)
    export.add_argument("--ply", metavar="FILE", type=Path, help="all landmarks with colours")
    export.add_argument("--colmap", metavar="DIR", type=Path, help="a folder in it for each segment")
    for action in (info, thin, merge, export):
        add_debug(action)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: 0, or 2 for an error that the user can fix."""
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.action == "export" and not (args.ply or args.colmap):
        parser.error("map export: give --ply FILE or --colmap DIR")
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    run = {"info": _info, "thin": _thin, "merge": _merge, "export": _export}[args.action]
    return exit_code_of(lambda: run(args), debug=args.debug)


def _info(args: argparse.Namespace) -> None:
    from vo_frontend.atlas.map_file import read_map
    from vo_frontend.reports.map_summary import map_rows
    from vo_frontend.reports.run_metrics import format_table

    for number, path in enumerate(args.maps):
        rows = map_rows(read_map(path))
        print(("\n" if number else "") + f"{path}, {path.stat().st_size / 1e6:.1f} MB")
        print(format_table(rows))


def _thin(args: argparse.Namespace) -> None:
    from vo_frontend.atlas.map_file import read_map, write_map
    from vo_frontend.atlas.thinning import thinned
    from vo_frontend.config import AtlasConfig

    before = read_map(args.map)
    after = thinned(before, AtlasConfig())
    write_map(args.out, after)
    print(
        f"{args.out}: {len(after.frame_indices)} of {len(before.frame_indices)} keyframes, "
        f"{len(after.points_world)} of {len(before.points_world)} landmarks, "
        f"{args.out.stat().st_size / 1e6:.1f} MB"
    )


def _merge(args: argparse.Namespace) -> None:
    from vo_frontend.config import Config
    from vo_frontend.session.merge_maps import merge_map_files

    whole, joints = merge_map_files(args.first, args.second, args.out, Config())
    for joint in joints:
        print(
            f"segment {joint.segment_id} of {args.second} joins segment {joint.into_segment_id} of "
            f"{args.first}: {joint.num_keyframes} keyframes agree, {len(joint.kept_ids)} common landmarks, "
            f"scale {joint.similarity.scale:.4f}"
        )
    print(
        f"{args.out}: {len(whole.frame_indices)} keyframes, {len(whole.points_world)} landmarks, "
        f"{args.out.stat().st_size / 1e6:.1f} MB"
    )


def _export(args: argparse.Namespace) -> None:
    from vo_frontend.atlas.exports import export_colmap, export_ply
    from vo_frontend.atlas.map_file import read_map

    saved = read_map(args.map)
    if args.ply:
        export_ply(args.ply, saved)
        print(f"{args.ply}: {len(saved.points_world)} landmarks")
    if args.colmap:
        for folder in export_colmap(args.colmap, saved):
            print(f"{folder}: COLMAP text model")


if __name__ == "__main__":
    sys.exit(main())
