"""The command line of ``vo-frontend run``. Imports nothing heavy, so that ``--help`` is immediate."""

import argparse
from pathlib import Path

from vo_frontend import __version__

EXAMPLES = """\
examples:
  vo-frontend run                                        built-in street, with ground truth
  vo-frontend run --seq kitti/06 --data-root ~/datasets  a named sequence; --list shows all names
  vo-frontend run --seq kitti/06 --sensor stereo         metric; also: --sensor rgbd, and the built-in street
  vo-frontend run --seq kitti/06 --frames 0:40:2 --keypoints 500 --features aliked-n16 --out runs/x
  vo-frontend run --images DIR --camera cam.yaml         any folder of images
  vo-frontend run --video drive.mp4 --camera cam.yaml
  vo-frontend run --webcam 0 --camera cam.yaml           index, device path or stream URL; stop with q
  vo-frontend run --images L --images-right R --camera pair.yaml      stereo: metric
  vo-frontend run --images DIR --depth DIR --depth-scale 5000 --camera cam.yaml
  vo-frontend run --bag drive.mcap --topic /left/image --topic-right /right/image
  vo-frontend run --bag desk.bag --topic /camera/rgb/image_color --topic-depth /camera/depth/image
  vo-frontend run --bag drive.bag --topic /cam0/image_raw --topic-imu /imu0 --camera camchain-imucam.yaml
  vo-frontend run --video drive.mp4 --camera guess:65    a first look without a calibration
  vo-frontend run --save-map street.vomap                also after Ctrl-C; for --map and localize
  vo-frontend run --map street.vomap --frames 300:600    goes on with it; see --localize-only

cam.yaml is made by vo-frontend calibrate. Also read: a Kalibr camchain, ROS camera_info, OpenCV YAML, KITTI's
calib.txt, COLMAP's cameras.txt. By hand, in pixels (EuRoC's names; distortion is optional):
  intrinsics: [fx, fy, cx, cy]
  resolution: [width, height]
  distortion_model: radial-tangential                     or equidistant
  distortion_coefficients: [k1, k2, p1, p2]
"""


def build_parser() -> argparse.ArgumentParser:
    """The options, in the groups in which ``--help`` shows them."""
    parser = argparse.ArgumentParser(
        prog="vo-frontend run",
        description="Visual odometry on a sequence, a folder, a video or a camera.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_frames(parser)
    _add_own_sensors(parser)
    _add_estimate(parser)
    _add_map(parser)
    output = parser.add_argument_group("output")
    output.add_argument("--out", metavar="DIR", type=Path, help="run folder (default runs/NAME/TIME)")
    output.add_argument(
        "--keep-all-points",
        action="store_true",
        help="in map.ply: also those that one frame alone found, and those far outside",
    )
    output.add_argument(
        "--view",
        nargs="?",
        const="window",
        choices=("window", "rerun"),
        help="watch the run: a window (default: where there is a display), or a recording for rerun, run.rrd",
    )
    output.add_argument("--no-view", action="store_const", const="none", dest="view", help="no window")
    output.add_argument("--quiet", action="store_true", help="show warnings and errors only")
    output.add_argument(
        "--json", action="store_true", help="print a line of JSON for every frame; all else goes to stderr"
    )
    output.add_argument("--version", action="version", version=f"vo_frontend {__version__}")
    output.add_argument("--debug", action="store_true", help="log more, show tracebacks")
    return parser


def _add_frames(parser: argparse.ArgumentParser) -> None:
    frames = parser.add_argument_group("frames (one of them; none: the built-in street)")
    source = frames.add_mutually_exclusive_group()
    source.add_argument("--seq", metavar="NAME", help="named sequence, e.g. kitti/06")
    source.add_argument("--images", metavar="DIR", type=Path, help="folder of images")
    source.add_argument("--video", metavar="FILE", type=Path, help="video file")
    source.add_argument("--webcam", metavar="DEVICE", help="index, device path or stream URL")
    source.add_argument("--bag", metavar="FILE", type=Path, help="recording of ROS 1, ROS 2 or MCAP")
    source.add_argument("--list", action="store_true", help="show what --seq accepts, and what is present")
    frames.add_argument(
        "--sensor",
        choices=("mono", "stereo", "rgbd"),
        help="what to use of --seq or the street: one camera (default, scale unknown), two, or depth images",
    )
    frames.add_argument(
        "--imu", action="store_true", help="of --seq (EuRoC): the gyroscope predicts how the camera turns"
    )
    frames.add_argument(
        "--camera", metavar="YAML", help="calibration, see below; guess:FOV_DEG or guess (of photographs)"
    )
    frames.add_argument("--frames", metavar="A:B[:STEP]", help="positions in the sequence, as in Python")
    frames.add_argument("--fps", metavar="HZ", type=float, help="frame rate of --images (default 10)")
    frames.add_argument(
        "--realtime",
        action="store_true",
        help="recorded frames come at their own pace, and late ones are dropped, as from a camera",
    )
    frames.add_argument(
        "--data-root",
        metavar="DIR",
        type=Path,
        help="where the datasets are (default: $VO_DATA_ROOT)",
    )
    frames.add_argument(
        "--camera-height",
        metavar="M",
        type=float,
        help="of one camera on a ground vehicle, above the road in metres: makes the result metric",
    )


def _add_own_sensors(parser: argparse.ArgumentParser) -> None:
    own = parser.add_argument_group("stereo, RGB-D and size of your own frames")
    own.add_argument("--images-right", metavar="DIR", type=Path, help="of the right camera, beside --images")
    own.add_argument("--depth", metavar="DIR", type=Path, help="16-bit depth images, beside --images")
    own.add_argument(
        "--depth-scale", metavar="N", type=float, help="units of a depth image per metre (default 1000)"
    )
    own.add_argument("--video-right", metavar="FILE", type=Path, help="of the right camera, beside --video")
    own.add_argument(
        "--side-by-side", action="store_true", help="--video shows left and right image in one frame"
    )
    own.add_argument("--webcam-right", metavar="DEVICE", help="of the right camera, beside --webcam")
    own.add_argument("--topic", metavar="NAME", help="images in --bag")
    own.add_argument("--topic-right", metavar="NAME", help="images of the right camera in --bag")
    own.add_argument("--topic-depth", metavar="NAME", help="depth images in --bag, registered to --topic")
    own.add_argument(
        "--topic-imu", metavar="NAME", help="IMU in --bag, for its gyroscope; --camera says T_cam_imu"
    )
    own.add_argument(
        "--camera-right", metavar="YAML", help="its calibration, where --camera is of the left camera alone"
    )
    own.add_argument(
        "--refine-focal",
        action="store_true",
        help="estimate the focal length from the first frames of one camera, if their motion determines it",
    )
    own.add_argument(
        "--resize",
        metavar="WxH|FACTOR",
        help="scale the images, and the calibration with them: 640x480 or 0.5",
    )


def _add_map(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("map")
    group.add_argument("--save-map", metavar="FILE", type=Path, help="write the whole map at the end")
    group.add_argument("--map", metavar="FILE", type=Path, help="go on with the map of an earlier run")
    group.add_argument(
        "--localize-only", action="store_true", help="place frames in that map, which stays as it is"
    )


def _add_estimate(parser: argparse.ArgumentParser) -> None:
    estimate = parser.add_argument_group("estimate")
    estimate.add_argument("--features", metavar="NAME", help="aliked-t16 (default), aliked-n16, ..., orb")
    estimate.add_argument("--keypoints", metavar="N", type=int, help="budget per image (default 1000)")
    estimate.add_argument("--device", metavar="DEVICE", help="auto (default), cpu, cuda, cuda:1")
    estimate.add_argument(
        "--weights-dir",
        metavar="DIR",
        type=Path,
        help="folder of official weights (default: $VO_WEIGHTS_DIR, the user cache, else download)",
    )
    estimate.add_argument("--seed", metavar="N", type=int, help="of every random draw (default 0)")
    estimate.add_argument(
        "--deterministic",
        action="store_true",
        help="extract and track in one thread; the result is the same, only slower",
    )
    estimate.add_argument(
        "--config",
        metavar="YAML",
        type=Path,
        help="differences from the defaults; of ours the name: realtime, accurate",
    )
    estimate.add_argument(
        "--set",
        metavar="SECTION.FIELD=VALUE",
        action="append",
        default=[],
        help="change one value; may be repeated",
    )
