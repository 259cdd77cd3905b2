"""The built-in street with faults, against the same street without."""

import numpy as np
import pytest

from vo_frontend.config import Config
from vo_frontend.evaluation import evaluate
from vo_frontend.features import load_extractor
from vo_frontend.formats.trajectories import read_poses
from vo_frontend.reports.statistics import StatisticsSink
from vo_frontend.reports.trajectory_files import TUM_NAME, TrajectorySink
from vo_frontend.session import pipeline
from vo_frontend.session.build import build_frontend
from vo_frontend.simulation.faults import (
    BlackOut,
    Blur,
    Brighten,
    Drop,
    Flatten,
    Freeze,
    Occlude,
    Truncate,
    When,
)
from vo_frontend.simulation.faulty import FaultySource
from vo_frontend.simulation.street import SyntheticSource, ground_truth
from vo_frontend.types import Reason, Sensor, Status

RATE_HZ = 10
BLACKOUTS = When.at(80, 160, 240, num_frames=RATE_HZ // 2)
SENSORS = [Sensor.MONO, Sensor.STEREO]


class UsableFrames:
    """Which frames show something, and which of them, and of the others, got a pose."""

    def __init__(self):
        self.usable, self.tracked, self.reason_of = set(), set(), {}

    def consume(self, frame, result):
        self.reason_of[frame.index] = result.reason
        if frame.image is not None and frame.image.any():
            self.usable.add(frame.index)
        if result.status is Status.TRACKING:
            self.tracked.update({result.frame_index, *(pose.frame_index for pose in result.backfilled)})

    def close(self):
        pass


def run(folder, extractor, sensor, faults, frames=None):
    source = FaultySource(SyntheticSource(sensor=sensor, frames=frames), faults, seed=0)
    folder.mkdir()
    usable, statistics = UsableFrames(), StatisticsSink()
    frontend = build_frontend(Config(), source.camera, extractor, sensor=sensor, baseline_m=source.baseline_m)
    pipeline.run(source, frontend, [TrajectorySink(folder), usable, statistics])
    return usable, statistics.summary(), read_poses(folder / TUM_NAME)


def ate_rmse_m(poses, sensor, num_frames):
    """Of the longest segment."""
    longest = max(poses.segments(), key=len)
    has_scale = sensor is not Sensor.MONO
    return evaluate(longest, ground_truth(), sensor_has_scale=has_scale, num_frames=num_frames).ate_m.rmse


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("sensor", SENSORS, ids=lambda sensor: sensor.value)
def test_a_street_with_many_faults_is_tracked_nearly_as_well_as_without(sensor, weights_dir, tmp_path):
    extractor = load_extractor("aliked-t16", max_keypoints=1000, weights_dir=weights_dir)
    faults = [Drop(When.randomly(0.1)), Truncate(When.randomly(0.02)), BlackOut(BLACKOUTS)]
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
def test_spoilt_images_are_survived(fault, tmp_path):
    extractor = load_extractor("orb", max_keypoints=1000)
    frames, statistics, poses = run(tmp_path / "run", extractor, Sensor.MONO, [fault], slice(20, 80))
    assert statistics.num_segments == 1
    assert {*range(30, STRUCK), *range(STRUCK + fault.when.num_frames, 80)} <= frames.tracked
    assert ate_rmse_m(poses, Sensor.MONO, statistics.num_frames) < 0.3
    if isinstance(fault, Freeze):
        assert {frames.reason_of[i] for i in range(STRUCK, STRUCK + 4)} == {Reason.REPEATED_FRAME}
