"""Places that only look alike close no loop: neither a twin of the first road, nor its other lane."""

import numpy as np
import pytest
from numpy.typing import NDArray
from trap_streets import CAMERA, film, route, with_twin_road

from vo_frontend.config import Config
from vo_frontend.config_files import override
from vo_frontend.features import load_extractor
from vo_frontend.map_events import LandmarksRecalled, LoopClosed
from vo_frontend.session.session import Session
from vo_frontend.simulation.street.path import ground_plan
from vo_frontend.simulation.street.renderer import Street, load_street
from vo_frontend.types import Sensor, Status

pytestmark = pytest.mark.slow

PLAN = ground_plan(0)
# With the whole way as its bound, only the graph of all motions speaks against the twin.
ANY_DRIFT = "places.max_drift_share=1.0"


def recognised(street: Street, T_world_cam: NDArray[np.float64], sensor: Sensor, *settings: str) -> list[int]:
    """Drive, still be there at the end, and return the frames in which something old was recognised."""
    config = override(Config(), ["features.name=vof-t16", *settings])
    extractor = load_extractor("vof-t16", max_keypoints=800, device="cpu")
    session = Session(config, CAMERA, extractor, sensor=sensor)
    results = [
        session.process(frame) for frame in film(street, T_world_cam, with_depth=sensor is Sensor.RGBD)
    ]
    assert results[-1].status is Status.TRACKING
    return [
        result.frame_index
        for result in results
        if any(isinstance(event, LandmarksRecalled | LoopClosed) for event in result.events)
    ]


@pytest.mark.parametrize(
    ("sensor", "settings"), [(Sensor.RGBD, [ANY_DRIFT]), (Sensor.MONO, [])], ids=["rgbd", "mono"]
)
def test_a_road_that_is_the_twin_of_the_first_is_another_place(sensor: Sensor, settings: list[str]) -> None:
    twin, there = with_twin_road(load_street(0), PLAN), route(PLAN, "RLS")
    assert recognised(twin, there, sensor, *settings) == []


def test_the_first_road_on_its_opposite_lane_closes_no_loop() -> None:
    there_and_back = route(PLAN, "SLLLRS", lane_m=1.8)
    assert recognised(load_street(0), there_and_back, Sensor.MONO) == []
