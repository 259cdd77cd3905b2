"""The rehearsal reaches the kernels that a run needs, and leaves no trace in it."""

import logging
from collections.abc import Sequence

import numpy as np
import pytest
from world import WorldExtractor, make_world, sideways

from vo_frontend.config import Config
from vo_frontend.config_files import override
from vo_frontend.features import load_extractor
from vo_frontend.session.rehearsal import rehearse
from vo_frontend.session.session import Session
from vo_frontend.simulation.street import SyntheticSource
from vo_frontend.types import Features, FrameResult, Image, Sensor

CAMERA = SyntheticSource(1).camera
CONFIG = override(Config(), ["features.name=vof-t16"])


@pytest.mark.parametrize("sensor", Sensor)
def test_the_rehearsal_starts_a_map_tracks_in_it_and_grows_it(
    sensor: Sensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    results: list[FrameResult] = []
    process = Session.process

    def watched(session: Session, frame: "object") -> FrameResult:
        results.append(process(session, frame))  # type: ignore[arg-type]
        return results[-1]

    monkeypatch.setattr(Session, "process", watched)
    assert rehearse(CONFIG, load_extractor("vof-t16", max_keypoints=1000), sensor, CAMERA) > 0
    assert sum(result.T_world_cam is not None for result in results) >= 10
    assert sum(result.is_keyframe for result in results) >= 3
    assert "look back" in {stage for result in results for stage in result.stage_seconds}


def test_a_run_after_it_has_the_same_poses(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    extractor = load_extractor("vof-t16", max_keypoints=500)

    def last_pose() -> "np.ndarray":
        source = SyntheticSource(frames=slice(0, 8))
        session = Session.for_source(CONFIG, source, extractor)
        for frame in source:
            pose = session.process(frame).T_world_cam
        assert pose is not None
        return pose

    before = last_pose()
    rehearse(CONFIG, extractor, Sensor.MONO, CAMERA)
    np.testing.assert_array_equal(last_pose(), before)
    assert not caplog.records


class OnGpu(WorldExtractor):
    """An extractor that remembers the sizes of images that it was shown."""

    runs_on_gpu = True

    def __init__(self) -> None:
        super().__init__(make_world(num_points=100), sideways(1), 0.2)
        self.batches: list[list[tuple[int, ...]]] = []

    def extract(self, image: Image) -> Features:
        return super().extract(np.zeros((1, 1), np.uint8))

    def extract_batch(self, images: Sequence[Image]) -> list[Features]:
        self.batches.append([image.shape for image in images])
        return super().extract_batch(images)


def test_a_gpu_is_shown_the_size_of_the_images_to_come() -> None:
    extractor = OnGpu()
    rehearse(CONFIG, extractor, Sensor.STEREO, CAMERA)
    assert extractor.batches[0] == [(CAMERA.height, CAMERA.width, 3)] * 2
