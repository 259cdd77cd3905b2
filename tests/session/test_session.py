"""One front-end with its records, fed from a source."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from world import CAMERA, WorldExtractor, frames, make_world, sideways

from vo_frontend.config import Config
from vo_frontend.geometry.se3 import Transform
from vo_frontend.reports import machine
from vo_frontend.session.session import Session
from vo_frontend.types import Frame, Sensor

NUM_FRAMES = 15


class GpuOfAnyName(WorldExtractor):
    """An extractor on an accelerator whose label in the report says nothing about where it runs."""

    device_name = "cpu-attached accelerator"
    runs_on_gpu = True


class Walk:
    """The frames of the world as a recorded source."""

    name, sensor, camera, baseline_m, is_live = "walk", Sensor.MONO, CAMERA, None, False
    num_frames: int | None = NUM_FRAMES
    T_body_cam: Transform = np.eye(4)

    def __iter__(self) -> Iterator[Frame]:
        yield from frames(NUM_FRAMES)

    def close(self) -> None:
        """Nothing to release."""


def session(extractor: type[WorldExtractor] = WorldExtractor) -> Session:
    found = extractor(make_world(num_points=900), sideways(NUM_FRAMES), 0.2)
    return Session.for_source(Config(), Walk(), found)


def test_its_records_hold_every_pose_and_landmark_of_a_run() -> None:
    run = session()
    run.run(Walk(), [])
    assert run.records.trajectory.trajectory().frame_indices.tolist() == list(range(NUM_FRAMES))
    assert run.frontend.sparse_map is not None
    assert len(run.records.landmarks.cloud()) >= len(run.frontend.sparse_map.landmarks)


def test_frame_by_frame_and_from_a_source_are_the_same_run() -> None:
    whole, single = session(), session()
    whole.run(Walk(), [], deterministic=True)
    for frame in frames(NUM_FRAMES):
        single.process(frame)
    found, expected = single.records.trajectory.trajectory(), whole.records.trajectory.trajectory()
    assert_array_equal(found.T_world_cam, expected.T_world_cam)


@pytest.mark.parametrize(
    ("extractor", "deterministic", "ahead"),
    [(WorldExtractor, False, 0), (GpuOfAnyName, False, 1), (GpuOfAnyName, True, 0)],
)
def test_where_the_extractor_runs_decides_whether_it_runs_ahead_not_what_it_is_called(
    extractor: type[WorldExtractor], deterministic: bool, ahead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(machine, "num_cores", lambda: 1)
    monkeypatch.setattr("vo_frontend.session.session.feed", lambda *_, **options: given.update(options))
    session(extractor).run(Walk(), [], deterministic=deterministic)
    assert given == {"threads_ahead": ahead}
