"""``vo-frontend calibrate``: a camera file from pictures of a board."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vo_frontend.cli.exit_code import exit_code_of
from vo_frontend.cli.options import add_debug, command_parser

if TYPE_CHECKING:
    from vo_frontend.calibration.boards import Board
    from vo_frontend.calibration.calibrate import Calibration
    from vo_frontend.calibration.views import PictureCollector
    from vo_frontend.sensors.rig import CameraRig
    from vo_frontend.types import Image

EXAMPLES = """examples:
  vo-frontend calibrate --board chessboard:9x6:0.025 --print-board board.pdf      print it at 100 %
  vo-frontend calibrate --board chessboard:9x6:0.025 --webcam 0                   show the board, q ends
  vo-frontend calibrate --board chessboard:9x6:0.025 --images pictures/ --out cam.yaml
  vo-frontend calibrate --board charuco:5x7:0.03 --video board.mp4
  vo-frontend calibrate --board chessboard:9x6:0.025 --images left/ --images-right right/ --out pair.yaml

A chessboard is counted by its inner corners (a board of 10x7 squares is 9x6), a charuco board by its squares;
the last number is the side of a square in metres. Take 10 to 20 sharp pictures, with the board near every
border of the image, near and far, tilted by 30 to 45 degrees; switch autofocus and zoom off. The result is a
file for run --camera, of a pair a Kalibr camchain; beside it stands a picture before and after.
"""
VIDEO_STEP_NS = 200_000_000  # between frames of a video in which the board is looked for
WEBCAM_PICTURES, WEBCAM_COVERAGE, WEBCAM_TILT_DEG = 20, 0.7, 25.0  # enough, then collecting ends


def build_parser() -> argparse.ArgumentParser:
    """Build the command line; imports nothing heavy."""
    parser = command_parser("calibrate", "A camera file from pictures of a board.", EXAMPLES)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--images", metavar="DIR", type=Path, help="folder of pictures")
    source.add_argument("--video", metavar="FILE", type=Path, help="video in which the board is moved")
    source.add_argument("--webcam", metavar="DEVICE", help="index, device path or stream URL")
    parser.add_argument(
        "--images-right", metavar="DIR", type=Path, help="of the right camera of a pair, beside --images"
    )
    parser.add_argument(
        "--board", metavar="KIND:CxR:M", required=True, help="chessboard:9x6:0.025 or charuco:5x7:0.03"
    )
    parser.add_argument("--print-board", metavar="PDF", type=Path, help="write the board on an A4 page")
    parser.add_argument(
        "--out", metavar="YAML", type=Path, default=Path("cam.yaml"), help="to write (default cam.yaml)"
    )
    add_debug(parser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: 0, or 2 for an error that the user can fix."""
    args = build_parser().parse_args(argv)
    return exit_code_of(lambda: _run(args), debug=args.debug)


def _run(args: argparse.Namespace) -> None:
    from vo_frontend.calibration.boards import parse_board
    from vo_frontend.calibration.printing import print_board
    from vo_frontend.errors import ConfigError

    board = parse_board(args.board)
    if args.images_right is not None and args.images is None:
        raise ConfigError(f"--images-right {args.images_right}: needs --images with the left pictures")
    if args.print_board is not None:
        print_board(board, args.print_board)
        print(f"{args.print_board}: {board.name} on A4; print it at 100 % and check its ruler")
    if args.images_right is not None:
        _calibrate_pair(board, args.images, args.images_right, args.out)
    elif args.images is not None or args.video is not None or args.webcam is not None:
        _calibrate_one(_collect(args, board), board, args.out)
    elif args.print_board is None:
        raise ConfigError("calibrate: no pictures; add --images DIR, --video FILE or --webcam DEVICE")


def _collect(args: argparse.Namespace, board: "Board") -> "PictureCollector":
    if args.images is not None:
        return _collect_images(args.images, board)
    if args.video is not None:
        return _collect_video(args.video, board)
    return _collect_webcam(args.webcam, board)


def _collect_images(folder: Path, board: "Board") -> "PictureCollector":
    from vo_frontend.calibration.views import PictureCollector, explain_no_board, read_pictures
    from vo_frontend.errors import CameraError
    from vo_frontend.sources.image_files import list_images

    collector, first = PictureCollector(board, all_that_show_it=True), list["Image"]()
    for name, image in read_pictures(list_images(folder)):
        first = first if len(first) == 3 else [*first, image]
        collector.offer(name, image)
    if not collector.pictures:
        count = len(collector.without_board)
        raise CameraError(f"{folder}: no {board.name} in {count} pictures; {explain_no_board(board, first)}")
    print(f"{folder}: the board is in {len(collector.pictures)} of {_total(collector)} pictures")
    if collector.without_board:
        print(f"  not in {', '.join(collector.without_board)}")
    return collector


def _total(collector: "PictureCollector") -> int:
    return len(collector.pictures) + len(collector.without_board)


def _collect_video(path: Path, board: "Board") -> "PictureCollector":
    import threading

    from vo_frontend.calibration.views import PictureCollector, explain_no_board
    from vo_frontend.errors import CameraError
    from vo_frontend.sources.video_file import VideoFile

    collector, looked_ns, last = PictureCollector(board), -VIDEO_STEP_NS, list["Image"]()
    for read in VideoFile(path).read(threading.Event()):
        if read.image is None or read.timestamp_ns - looked_ns < VIDEO_STEP_NS:
            continue
        looked_ns, last = read.timestamp_ns, [read.image]
        if collector.offer(f"frame {read.index}", read.image):
            _show_coverage(collector)
    print(file=sys.stderr)
    if not collector.pictures:
        raise CameraError(f"{path}: no {board.name} in this video; {explain_no_board(board, last)}")
    return collector


def _collect_webcam(device: str, board: "Board") -> "PictureCollector":
    """Collect until the pictures cover enough, or until q or Ctrl-C."""
    from vo_frontend.calibration.views import PictureCollector

    collector = PictureCollector(board)
    print("show the board near every border of the image, near and far, tilted; q ends", file=sys.stderr)
    for index, image in _live_images(device):
        if collector.offer(f"picture {index}", image):
            _show_coverage(collector)
        coverage = collector.coverage()
        covers = coverage.share >= WEBCAM_COVERAGE and coverage.max_tilt_deg >= WEBCAM_TILT_DEG
        if covers and len(collector.pictures) >= WEBCAM_PICTURES:
            break
    print(file=sys.stderr)
    return collector


def _live_images(device: str) -> Iterator[tuple[int, "Image"]]:
    from vo_frontend.cli.keyboard import stop_switch
    from vo_frontend.sources.image_files import rgb_from_bgr
    from vo_frontend.sources.live_camera import LiveCamera

    camera = LiveCamera(device)
    try:
        with stop_switch() as switch:
            while not switch.is_on and (captured := camera.take()) is not None:
                yield captured.index, rgb_from_bgr(captured.image_bgr)
    finally:
        camera.close()


def _show_coverage(collector: "PictureCollector") -> None:
    coverage = collector.coverage()
    line = (
        f"{len(collector.pictures)} pictures, {coverage.share:.0%} of the image covered, "
        f"tilt up to {coverage.max_tilt_deg:.0f} deg"
    )
    sys.stderr.write(f"\r{line:<78}" if sys.stderr.isatty() else f"{line}\n")
    sys.stderr.flush()


def _calibrate_one(collector: "PictureCollector", board: "Board", out: Path) -> None:
    from vo_frontend.calibration.calibrate import calibrate
    from vo_frontend.calibration.picture import before_and_after, most_telling
    from vo_frontend.sensors.rig import CameraRig, MountedCamera

    found = calibrate(collector.pictures)
    _report(found)
    camera = found.solution.camera
    picture = before_and_after(camera, most_telling(camera, found.used))
    comment = f"vo-frontend calibrate, {board.name}: {found.verdict()[1]}"
    _write(out, CameraRig(MountedCamera(camera)), "euroc", comment, picture)
    print(found.verdict()[1])


def _calibrate_pair(board: "Board", left: Path, right: Path, out: Path) -> None:
    from vo_frontend.calibration.calibrate import calibrate
    from vo_frontend.calibration.picture import rectified_pair
    from vo_frontend.calibration.stereo import calibrate_stereo, choose_common_lens, paired

    collected = [_collect_images(folder, board).pictures for folder in (left, right)]
    lens = choose_common_lens(collected[0], collected[1])
    cameras = [calibrate(pictures, [lens]) for pictures in collected]
    for side, camera in zip(("left", "right"), cameras, strict=True):
        print(f"\n{side} camera")
        _report(camera)
        print(f"  {camera.verdict()[1]}")
    pairs = paired(cameras[0].used, cameras[1].used)
    found = calibrate_stereo(cameras[0], cameras[1], pairs)
    comment = f"vo-frontend calibrate, {board.name}: {found.verdict()[1]}"
    picture = rectified_pair(found.pair, *found.pictures)
    print()
    _write(out, found.rig, "kalibr", comment, picture)
    print(found.verdict()[1])


def _report(found: "Calibration") -> None:
    errors = zip(found.used, found.solution.errors_px, strict=True)
    print("  error in px: " + ", ".join(f"{picture.name} {error:.2f}" for picture, error in errors))
    for picture, error in found.dropped:
        print(f"  dropped {picture.name}: {error:.2f} px, it does not fit the others")
    held_out = (f"{name} {error:.3f}" for name, error in found.held_out_px.items() if error < float("inf"))
    print(f"  lens: {found.lens.name}, by the error on pictures left out in turn ({', '.join(held_out)} px)")
    camera, sigma_px = found.solution.camera, found.focal_sigma_px
    print(f"  focal length {camera.fx:.2f}, {camera.fy:.2f} px (+- {sigma_px:.2f})", end="")
    print(f", principal point {camera.cx:.2f}, {camera.cy:.2f} px")
    print(
        f"  {found.coverage.share:.0%} of the image covered, tilt up to {found.coverage.max_tilt_deg:.0f} deg"
    )


def _write(out: Path, rig: "CameraRig", file_format: str, comment: str, picture: "Image") -> None:
    import cv2

    from vo_frontend.formats.atomic import write_atomically
    from vo_frontend.sensors.camera_files import format_camera_file

    write_atomically(out, format_camera_file(rig, file_format, comment).encode())
    shown = out.with_suffix(".png")
    write_atomically(shown, cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes())
    print(f"written {out}, and {shown} to look at")


if __name__ == "__main__":
    sys.exit(main())
