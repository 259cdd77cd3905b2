"""``vo-frontend convert-camera``: a calibration in the format of another program."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from vo_frontend.cli.exit_code import exit_code_of
from vo_frontend.cli.options import add_debug, command_parser, image_size

EXAMPLES = """examples:
  vo-frontend convert-camera camchain.yaml cam.yaml                       Kalibr's chain of one camera
  vo-frontend convert-camera cam.yaml cameras.txt --to colmap
  vo-frontend convert-camera calib.txt pair.yaml --to kalibr --size 1226x370   KITTI's file states no size

Reads EuRoC's sensor.yaml (and ours), a Kalibr camchain, ROS camera_info, OpenCV YAML, KITTI's calib.txt and
COLMAP's cameras.txt, by what stands in them. Every one of them is a file for run --camera, too.
"""
FORMATS = ("euroc", "kalibr", "ros", "opencv", "kitti", "colmap")


def build_parser() -> argparse.ArgumentParser:
    """Build the command line; imports nothing heavy."""
    parser = command_parser("convert-camera", "A calibration in the format of another program.", EXAMPLES)
    parser.add_argument("source", metavar="IN", type=Path, help="calibration, in any format that we know")
    parser.add_argument("target", metavar="OUT", type=Path, help="file to write")
    parser.add_argument(
        "--to", choices=FORMATS, default="euroc", help="format to write (default euroc, which is ours)"
    )
    parser.add_argument(
        "--size", metavar="WxH", type=image_size, help="of the images in px, where IN does not state it"
    )
    add_debug(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: 0, or 2 for an error that the user can fix."""
    args = build_parser().parse_args(argv)
    return exit_code_of(lambda: _run(args), debug=args.debug)


def _run(args: argparse.Namespace) -> None:
    from vo_frontend.formats.atomic import write_atomically
    from vo_frontend.sensors.camera_files import format_camera_file, read_camera_file

    rig = read_camera_file(args.source, None if args.size is None else lambda: args.size)
    text = format_camera_file(rig, args.to)
    write_atomically(args.target, text.encode())
    cameras = "one camera" if rig.right is None else "a stereo pair"
    print(f"{args.target}: {cameras} as {args.to}")


if __name__ == "__main__":
    sys.exit(main())
