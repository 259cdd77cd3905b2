"""``vo-frontend localize``: where images were taken in a map."""

import argparse
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vo_frontend.cli.exit_code import exit_code_of
from vo_frontend.cli.options import add_data_root, add_debug, add_weights_dir, command_parser
from vo_frontend.session.cores import share_the_cores

if TYPE_CHECKING:
    from vo_frontend.formats.localization_files import LocalizedImage
    from vo_frontend.session.localize import MapLocalizer, RawImage

EXAMPLES = """examples:
  vo-frontend localize --map street.vomap --images photos --csv poses.csv
  vo-frontend localize --map street.vomap --images photos --camera phone.yaml --truth groundtruth.txt
  vo-frontend localize --map kitchen.vomap --seq 7scenes/redkitchen --frames 200:300 --json poses.json
  vo-frontend localize --map aachen.vomap --images DIR --queries day_queries.txt --submission day.txt

Every image is placed by itself. Poses are those of the camera in the map's world. The truth is a file of TUM,
EuRoC or KITTI poses or a folder of 7-Scenes, in metres; images are found in it by their stamps, else by the
last number in their names, and the map is aligned with it by its own keyframes. Without --camera, images are
from the map's camera, undistorted.
"""


def build_parser() -> argparse.ArgumentParser:
    """Build the command line; imports nothing heavy."""
    parser = command_parser("localize", "Say where images were taken in a map.", EXAMPLES)
    parser.add_argument(
        "--map", metavar="FILE", type=Path, required=True, help="map file, which stays as it is"
    )
    images = parser.add_argument_group("images")
    images.add_argument("--images", metavar="DIR", type=Path, help="folder of images")
    images.add_argument(
        "--camera", metavar="YAML", type=Path, help="their calibration (default: the map's camera)"
    )
    images.add_argument(
        "--queries", metavar="FILE", type=Path, help="list of images in DIR with cameras, as Aachen's"
    )
    images.add_argument("--seq", metavar="NAME", help="frames of a named sequence instead, e.g. kitti/06")
    images.add_argument("--frames", metavar="A:B[:STEP]", help="positions in the sequence, as in Python")
    add_data_root(images, "where the datasets are")
    estimate = parser.add_argument_group("estimate")
    estimate.add_argument("--keypoints", metavar="N", type=int, help="budget per image (default 1000)")
    estimate.add_argument("--device", metavar="DEVICE", help="auto (default), cpu, cuda, cuda:1")
    add_weights_dir(estimate)
    estimate.add_argument("--config", metavar="YAML", type=Path, help="differences from the defaults")
    estimate.add_argument(
        "--set",
        metavar="SECTION.FIELD=VALUE",
        action="append",
        default=[],
        help="change one value; may be repeated",
    )
    output = parser.add_argument_group("output")
    output.add_argument(
        "--truth", metavar="PATH", type=Path, help="true poses: say how many images are how near"
    )
    output.add_argument("--json", metavar="FILE", type=Path, help="write poses with their covariances")
    output.add_argument("--csv", metavar="FILE", type=Path, help="write poses with their standard deviations")
    output.add_argument(
        "--submission", metavar="FILE", type=Path, help="write poses for visuallocalization.net"
    )
    add_debug(output)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: 0, or 2 for an error that the user can fix."""
    parser = build_parser()
    args = parser.parse_args(argv)
    if (args.images is None) == (args.seq is None):
        parser.error("localize: give --images DIR or --seq NAME, one of them")
    if args.queries is not None and (args.images is None or args.camera is not None):
        parser.error("localize: --queries needs --images DIR, and brings the cameras itself")
    share_the_cores()
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    return exit_code_of(lambda: _run(args), debug=args.debug)


def _run(args: argparse.Namespace) -> None:
    from vo_frontend.formats.localization_files import write_csv, write_json, write_submission
    from vo_frontend.session.localize import MapLocalizer

    localizer = MapLocalizer(
        args.map,
        weights_dir=args.weights_dir,
        keypoints=args.keypoints,
        device=args.device,
        config=args.config,
        settings=args.set,
    )
    found = []
    for image in localizer.localize_all(_images(args, localizer)):
        print(_line(image))
        found.append(image)
    num_placed = sum(image.T_world_cam is not None for image in found)
    print(f"{num_placed} of {len(found)} images are in {args.map}")
    for path, write in ((args.json, write_json), (args.csv, write_csv), (args.submission, write_submission)):
        if path is not None:
            write(path, found)
    if args.truth is not None:
        _compare(args.truth, localizer, found)


def _images(args: argparse.Namespace, localizer: "MapLocalizer") -> Iterator["RawImage"]:
    from vo_frontend.sensors.calibration import Camera
    from vo_frontend.session.localize import images_of_folder, images_of_list, images_of_sequence

    if args.seq is not None:
        return images_of_sequence(args.seq, args.frames, args.data_root)
    if args.queries is not None:
        return images_of_list(args.queries, args.images)
    camera = localizer.camera if args.camera is None else Camera.from_yaml(args.camera)
    return images_of_folder(args.images, camera)


def _line(image: "LocalizedImage") -> str:
    if image.T_world_cam is None or image.covariance is None:
        return f"{image.name}: not in this map"
    import numpy as np

    x, y, z = image.T_world_cam[:3, 3]
    variances = np.diag(image.covariance)
    sigma, sigma_deg = np.sqrt(variances[:3].sum()), np.rad2deg(np.sqrt(variances[3:].sum()))
    return (
        f"{image.name}: position {x:.3f} {y:.3f} {z:.3f} (+- {sigma:.3f}, {sigma_deg:.2f} deg), "
        f"segment {image.segment_id}, {image.num_inliers} inliers"
    )


def _compare(truth_path: Path, localizer: "MapLocalizer", found: "list[LocalizedImage]") -> None:
    from vo_frontend.evaluation.localization import (
        LIMITS,
        align_to_truth,
        localization_errors,
        read_true_poses,
    )
    from vo_frontend.types import Sensor

    truth, saved = read_true_poses(truth_path), localizer.saved
    keys = saved.frame_indices if truth.by_frame else saved.timestamps_ns
    with_scale = saved.origin.sensor is Sensor.MONO
    alignments = align_to_truth(keys, saved.segment_ids, saved.T_world_cam, truth, with_scale=with_scale)
    errors = localization_errors(found, truth, alignments)
    print(f"of {len(errors.names)} images with a true pose:")
    for limit_m, limit_deg in LIMITS:
        share = errors.share_within(limit_m, limit_deg)
        print(f"  within {limit_m:g} m and {limit_deg:g} deg: {100 * share:.1f} %")


if __name__ == "__main__":
    sys.exit(main())
