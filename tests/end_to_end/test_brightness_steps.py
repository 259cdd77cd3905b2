"""A camera whose automatic exposure steps while it moves."""

import numpy as np
import pytest

from vo_frontend.config import Config
from vo_frontend.config_files import override
from vo_frontend.features import load_extractor
from vo_frontend.session.session import Session
from vo_frontend.simulation.street import SyntheticSource
from vo_frontend.types import Image, Status

NUM_FRAMES, FRAMES_PER_STEP = 48, 8
GAINS = (1.0, 1.5, 0.6, 1.2, 0.5, 1.0)


def exposed(image: Image, position: int) -> Image:
    gain = GAINS[position // FRAMES_PER_STEP % len(GAINS)]
    return np.clip(image.astype(np.float64) * gain, 0, 255).astype(np.uint8)


@pytest.mark.slow
def test_steps_of_exposure_lose_no_frame_once_there_is_a_map() -> None:
    config = override(Config(), ["features.name=vof-t16"])
    extractor = load_extractor("vof-t16", max_keypoints=config.features.max_keypoints, device="cpu")
    source = SyntheticSource(NUM_FRAMES)
    session = Session.for_source(config, source, extractor)
    statuses = []
    for position, frame in enumerate(source):
        assert frame.image is not None
        brighter = type(frame)(frame.index, frame.timestamp_ns, exposed(frame.image, position))
        statuses.append(session.process(brighter).status)
    first = statuses.index(Status.TRACKING)
    assert first < FRAMES_PER_STEP
    assert set(statuses[first:]) == {Status.TRACKING}
