"""``python -m vo_frontend.cli.evaluate``: errors of one trajectory file against another."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vo_frontend.cli.exit_code import exit_code_of
from vo_frontend.errors import TrajectoryError

if TYPE_CHECKING:
    from vo_frontend.evaluation import Evaluation
    from vo_frontend.formats.trajectories import PoseFile
    from vo_frontend.types import Trajectory

log = logging.getLogger(__name__)

NOMINAL_RATE_HZ = 10.0  # pairs frame numbers with frame numbers where neither file has stamps

EXAMPLES = """examples:
  python -m vo_frontend.cli.evaluate runs/kitti/06/latest/trajectory_kitti.txt data/kitti/poses/06.txt
  python -m vo_frontend.cli.evaluate runs/x/trajectory_tum.txt data/kitti/poses/06.txt --times \\
      data/kitti/sequences/06/times.txt
  python -m vo_frontend.cli.evaluate runs/y/trajectory_tum.txt groundtruth.txt --align se3 --plot errors.png

Formats are told from the content. KITTI rows have no stamps: their frame number is that of the row, or
of NAME_frames.txt beside NAME.txt; --times turns it into a stamp. Both must describe the same camera.
"""


def build_parser() -> argparse.ArgumentParser:
    """The command line; imports nothing heavy."""
    parser = argparse.ArgumentParser(
        prog="python -m vo_frontend.cli.evaluate",
        description="Errors of an estimated trajectory against ground truth: any two of TUM, KITTI, EuRoC.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("estimate", metavar="ESTIMATE", type=Path)
    parser.add_argument("ground_truth", metavar="GROUND_TRUTH", type=Path)
    parser.add_argument(
        "--align",
        choices=("sim3", "se3"),
        default="sim3",
        help="sim3 also aligns the scale, for mono (default); se3 does not, for stereo and RGB-D",
    )
    parser.add_argument(
        "--max-difference",
        type=_positive_seconds,
        default=0.02,
        metavar="SECONDS",
        help="poses further apart in time do not belong together (default 0.02)",
    )
    parser.add_argument("--times", type=Path, metavar="FILE", help="times.txt of a KITTI sequence")
    parser.add_argument(
        "--segment", type=int, metavar="K", help="which segment of the estimate (default: the longest)"
    )
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw top view and errors over time")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers")
    parser.add_argument("--debug", action="store_true", help="show the traceback of errors")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. Returns the exit code: 0, or 2 for an error that the user can fix."""
    args = build_parser().parse_args(argv)
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    return exit_code_of(lambda: _run(args), debug=args.debug)


def _run(args: argparse.Namespace) -> None:
    from vo_frontend.evaluation import evaluate
    from vo_frontend.reports.run_metrics import format_table, write_json

    estimate_file, ground_truth_file = _read(args.estimate, args.ground_truth, args.times)
    ground_truth = ground_truth_file.trajectory
    evaluation = evaluate(
        _segment(estimate_file, args.segment),
        ground_truth,
        sensor_has_scale=args.align == "se3",
        max_difference_s=args.max_difference,
    )
    print(format_table(evaluation.rows()))
    if args.json:
        write_json(args.json, evaluation.to_mapping())
    if args.plot:
        _plot(args.plot, f"{args.estimate.name}, {evaluation.alignment}", evaluation, ground_truth)


def _read(estimate: Path, ground_truth: Path, times: Path | None) -> "tuple[PoseFile, PoseFile]":
    """Both files, with stamps on one clock."""
    import numpy as np

    from vo_frontend.evaluation.ground_truth import frame_times_ns
    from vo_frontend.formats.trajectories import frames_path, read_poses, read_times

    files = read_poses(estimate), read_poses(ground_truth)
    for file in files:
        if not len(file):
            raise TrajectoryError(f"{file.path}: holds no poses, expected at least one")
    without_stamps = [file for file in files if file.timestamps_ns is None]
    if not without_stamps:
        return files
    if times is not None:
        times_ns = read_times(times)
    elif len(without_stamps) == 2:
        num_frames = 1 + max(int(file.frame_indices[-1]) for file in files if file.frame_indices is not None)
        times_ns = frame_times_ns(np.arange(num_frames), NOMINAL_RATE_HZ)
        if len(files[0]) != len(files[1]) and not any(frames_path(file.path).is_file() for file in files):
            log.warning("%d and %d rows are both taken as frames 0, 1, 2, ...", len(files[0]), len(files[1]))
    else:
        raise TrajectoryError(
            f"{without_stamps[0].path}: KITTI rows carry no stamps, the other file has stamps; "
            "give the sequence's times.txt with --times"
        )
    stamped = files[0].with_times(times_ns), files[1].with_times(times_ns)
    num_untimed = len(files[0]) - len(stamped[0])
    if num_untimed:
        log.warning("%s: %d poses are left out, their frames have no time", estimate, num_untimed)
    return stamped


def _segment(file: "PoseFile", segment_id: int | None) -> "Trajectory":
    """The chosen segment, or the longest: segments do not share a world."""
    segments = dict(zip(dict.fromkeys(file.segment_ids.tolist()), file.segments(), strict=True))
    if segment_id is None:
        segment_id = max(segments, key=lambda key: len(segments[key]))
        if len(segments) > 1:
            log.warning(
                "%s: has %d segments with a world of their own; comparing segment %d with %d of %d poses",
                file.path, len(segments), segment_id, len(segments[segment_id]), len(file),
            )  # fmt: skip
    if segment_id not in segments:
        known = ", ".join(map(str, segments))
        raise TrajectoryError(f"{file.path}: has no segment {segment_id}, expected one of {known}")
    return segments[segment_id]


def _plot(path: Path, title: str, evaluation: "Evaluation", ground_truth: "Trajectory") -> None:
    import numpy as np

    from vo_frontend.reports.plots import PlottedSegment, plot_trajectory

    series = evaluation.series
    if series is None or series.position_errors_m is None:
        log.warning("%s: not drawn, there is no alignment", path)
        return
    segment = PlottedSegment(
        positions_world=series.T_world_cam[:, :3, 3],
        times_s=np.asarray(series.timestamps_ns * 1e-9),
        position_errors_m=series.position_errors_m,
        rotation_errors_deg=series.rotation_errors_deg,
    )
    is_inside = (ground_truth.timestamps_ns >= series.timestamps_ns[0]) & (
        ground_truth.timestamps_ns <= series.timestamps_ns[-1]
    )
    plot_trajectory(
        path,
        title,
        [segment],
        positions_gt=ground_truth.positions_world[is_inside],
        T_world_view=series.T_world_cam_gt[0],
        unit="m",
    )


def _positive_seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"got {text}, expected seconds >= 0")
    return value


if __name__ == "__main__":
    sys.exit(main())
