"""Compare two trajectory files, whatever their formats."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vo_frontend.errors import OutputError, TrajectoryError
from vo_frontend.evaluation.associate import DEFAULT_MAX_DIFFERENCE_S, associate
from vo_frontend.evaluation.evaluate import evaluate
from vo_frontend.evaluation.ground_truth import frame_times_ns
from vo_frontend.evaluation.result import Evaluation
from vo_frontend.formats.atomic import write_atomically
from vo_frontend.formats.trajectories import PoseFile, frames_path, kitti_rows, read_poses, read_times
from vo_frontend.types import Trajectory

log = logging.getLogger(__name__)

PAIR_NAMES = ("estimate_kitti.txt", "truth_kitti.txt")
NOMINAL_RATE_HZ = 10.0  # pairs frame numbers with frame numbers where neither file has stamps


@dataclass(frozen=True, slots=True, eq=False)
class FileComparison:
    """Errors of one segment of an estimate, and the poses that were compared."""

    evaluation: Evaluation
    ground_truth: Trajectory
    pairs: tuple[Trajectory, Trajectory]  # estimate and ground truth, pose by pose

    def save_pairs(self, folder: Path) -> None:
        """Write the pairs as two KITTI files of the same length, as ``evo_ape kitti`` pairs them: row by row.

        Raises:
            OutputError: the folder cannot be created, or is not writable.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder}: cannot create the folder ({error.strerror})") from None
        for name, trajectory in zip(PAIR_NAMES, self.pairs, strict=True):
            write_atomically(folder / name, "".join(kitti_rows(trajectory.T_world_cam)).encode())


def compare_files(
    estimate: Path,
    ground_truth: Path,
    *,
    with_scale: bool,
    times: Path | None = None,
    segment_id: int | None = None,
    max_difference_s: float = DEFAULT_MAX_DIFFERENCE_S,
) -> FileComparison:
    """Compare a segment of an estimate with ground truth of the same camera.

    Args:
        estimate: TUM, KITTI or EuRoC; told from the content.
        ground_truth: likewise.
        with_scale: the scale is aligned as well (mono); False: the estimate is in metres.
        times: times.txt of a KITTI sequence, which turns frame numbers into stamps.
        segment_id: of the estimate; None: the longest.
        max_difference_s: poses further apart in time do not belong together.

    Raises:
        TrajectoryError: a file is missing or malformed, or the two do not belong together.
    """
    estimate_file, ground_truth_file = read_on_one_clock(estimate, ground_truth, times)
    segment, truth = choose_segment(estimate_file, segment_id), ground_truth_file.trajectory
    evaluation = evaluate(segment, truth, sensor_has_scale=not with_scale, max_difference_s=max_difference_s)
    index, index_gt = associate(segment.timestamps_ns, truth.timestamps_ns, max_difference_s)
    pairs = (
        Trajectory(segment.timestamps_ns[index], segment.T_world_cam[index]),
        Trajectory(truth.timestamps_ns[index_gt], truth.T_world_cam[index_gt]),
    )
    return FileComparison(evaluation, truth, pairs)


def read_on_one_clock(estimate: Path, ground_truth: Path, times: Path | None) -> tuple[PoseFile, PoseFile]:
    """Read both files, with stamps that can be compared.

    Raises:
        TrajectoryError: a file is missing, malformed or empty, or only one of them has stamps.
    """
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


def choose_segment(file: PoseFile, segment_id: int | None) -> Trajectory:
    """Choose the named segment, or the longest: segments do not share a world.

    Raises:
        TrajectoryError: there is no such segment.
    """
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
