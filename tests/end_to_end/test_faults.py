"""The built-in street with faults, against the same street without."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from vo_frontend.config import Config
from vo_frontend.evaluation import evaluate
from vo_frontend.features import load_extractor
from vo_frontend.features.extractor import FeatureExtractor
from vo_frontend.formats.trajectories import read_poses
from vo_frontend.mapping.trajectory import EstimatedTrajectory
from vo_frontend.reports.statistics import RunStatistics, StatisticsSink
from vo_frontend.reports.trajectory_files import TUM_NAME, TrajectorySink
from vo_frontend.session.opened_input import open_named
from vo_frontend.session.session import Session
from vo_frontend.simulation.faults import (
    BlackOut,
    Blur,
    Brighten,
    Drop,
    Fault,
    Flatten,
    Freeze,
    Occlude,
    SameView,
    StaleDepth,
    Truncate,
    When,
)
from vo_frontend.simulation.faulty import FaultySource
from vo_frontend.simulation.street import SyntheticSource, ground_truth
from vo_frontend.types import Frame, FrameResult, Reason, Sensor, Status

RATE_HZ = 10
BLACKOUTS = When.at(80, 160, 240, num_frames=RATE_HZ // 2)
SENSORS = [Sensor.MONO, Sensor.STEREO]


class UsableFrames:
    """Notes which frames show something, and which of them, and of the others, got a pose."""

    def __init__(self) -> None:
        self.usable: set[int] = set()
        self.tracked: set[int] = set()
        self.reason_of: dict[int, Reason] = {}

    def consume(self, frame: Frame, result: FrameResult) -> None:
        self.reason_of[frame.index] = result.reason
        if frame.image is not None and frame.image.any():
            self.usable.add(frame.index)
        if result.status is Status.TRACKING:
            self.tracked.update({result.frame_index, *(pose.frame_index for pose in result.backfilled)})

    def close(self) -> None:
        pass


def run(
    folder: Path,
    extractor: FeatureExtractor,
    sensor: Sensor,
    faults: Sequence[Fault],
    frames: slice | None = None,
) -> tuple[UsableFrames, RunStatistics, EstimatedTrajectory]:
    source = FaultySource(SyntheticSource(sensor=sensor, frames=frames), faults, seed=0)
    folder.mkdir()
    usable, statistics = UsableFrames(), StatisticsSink()
    session = Session.for_source(Config(), source, extractor)
    session.run(source, [TrajectorySink(folder, session.records.trajectory), usable, statistics])
    found = session.records.trajectory.trajectory()
    assert_array_equal(read_poses(folder / TUM_NAME).segment_ids, found.segment_ids)
    return usable, statistics.summary(), found


def ate_rmse_m(poses: EstimatedTrajectory, sensor: Sensor, num_frames: int) -> float:
    """Evaluate the longest segment."""
    longest = max(poses.segments().values(), key=len)
    has_scale = sensor is not Sensor.MONO
    found = evaluate(longest, ground_truth(), sensor_has_scale=has_scale, num_frames=num_frames)
    assert found.ate_m is not None
    return found.ate_m.rmse


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("sensor", SENSORS, ids=lambda sensor: sensor.value)
def test_a_street_with_many_faults_is_tracked_nearly_as_well_as_without(
    sensor: Sensor, weights_dir: Path, tmp_path: Path
) -> None:
    extractor = load_extractor("aliked-t16", max_keypoints=1000, weights_dir=weights_dir)
    faults: list[Fault] = [Drop(When.randomly(0.1)), Truncate(When.randomly(0.02)), BlackOut(BLACKOUTS)]
    _, clean_statistics, clean = run(tmp_path / "clean", extractor, sensor, [])
    frames, statistics, faulty = run(tmp_path / "faulty", extractor, sensor, faults)

    assert len(frames.usable & frames.tracked) >= 0.9 * len(frames.usable)
    assert frames.tracked <= frames.usable, "a frame that shows nothing has no pose"
    assert len(np.unique(faulty.segment_ids)) == statistics.num_segments
    assert sum(segment.num_poses for segment in statistics.segments) == statistics.num_poses == len(faulty)
    clean_m = ate_rmse_m(clean, sensor, clean_statistics.num_frames)
    assert ate_rmse_m(faulty, sensor, statistics.num_frames) <= 2 * clean_m


STRUCK = 60  # frame number of the position that the faults below name


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        Blur(When.at(40, num_frames=3), sigma_px=2.5),
        Brighten(When.at(40, num_frames=10), gain=1.6),
        Brighten(When.at(40, num_frames=10), gain=0.4),
        Flatten(When.at(40, num_frames=3)),
        Occlude(When.at(40, num_frames=4), share=0.6),
        Freeze(When.at(40, num_frames=4)),
    ],
    ids=["blur", "brighter", "darker", "fog", "occlusion", "frozen"],
)
def test_spoilt_images_are_survived(fault: Fault, tmp_path: Path) -> None:
    extractor = load_extractor("orb", max_keypoints=1000)
    frames, statistics, poses = run(tmp_path / "run", extractor, Sensor.MONO, [fault], slice(20, 80))
    assert statistics.num_segments == 1
    assert {*range(30, STRUCK), *range(STRUCK + fault.when.num_frames, 80)} <= frames.tracked
    assert ate_rmse_m(poses, Sensor.MONO, statistics.num_frames) < 0.3
    if isinstance(fault, Freeze):
        assert {frames.reason_of[i] for i in range(STRUCK, STRUCK + 4)} == {Reason.REPEATED_FRAME}


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("fault", [SameView, StaleDepth])
def test_a_second_camera_that_shows_something_else_moves_no_pose(
    fault: type[SameView | StaleDepth], data_root: Path, weights_dir: Path
) -> None:
    opened = open_named("kitti/06", data_root, Sensor.STEREO)
    assert opened.load_ground_truth is not None
    source = FaultySource(opened.source, [fault(When.at(20, num_frames=8))], seed=0)
    extractor = load_extractor("aliked-t16", max_keypoints=1000, device="cpu", weights_dir=weights_dir)
    session, usable = Session.for_source(Config(), source, extractor), UsableFrames()
    session.run(source, [usable])
    (poses,) = session.records.trajectory.trajectory().segments().values()
    assert len(poses) == opened.source.num_frames
    assert usable.reason_of[20] is Reason.WRONG_DEPTHS
    found = evaluate(poses, opened.load_ground_truth(), sensor_has_scale=True, num_frames=len(poses))
    assert found.ate_m is not None
    assert found.ate_m.max < 0.15
