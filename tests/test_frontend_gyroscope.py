"""The whole front-end with a gyroscope, on a world where only a good prediction finds the landmarks."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from world import CAMERA, World, WorldExtractor, frames, make_world, sideways

from vo_frontend.config import Config
from vo_frontend.geometry import se3
from vo_frontend.session.build import build_frontend
from vo_frontend.types import Attitude, Features, Image, Status

STEADY, NUM_FRAMES = 10, 16
NUM_DOUBLES = 12  # of every feature, where the image shows the same thing again and again
SHAKE_RAD = 0.12  # 60 px, further than is searched


def shaken() -> NDArray[np.float64]:
    """Poses (N, 4, 4) of a camera that is struck from the tenth frame on."""
    T_world_cam = sideways(NUM_FRAMES)
    for number in range(STEADY, NUM_FRAMES):
        T_world_cam[number, :3, :3] @= se3.so3_exp(np.array([SHAKE_RAD * (-1) ** number, 0, 0]))
    return T_world_cam


class Repetitive(WorldExtractor):
    """Finds every feature of the later frames also in a dozen wrong places."""

    def extract(self, image: Image) -> Features:
        features, number = super().extract(image), int(image[0, 0])
        if number < STEADY:
            return features
        rng = np.random.default_rng(number)
        size = (NUM_DOUBLES * len(features), 2)
        elsewhere = rng.uniform(0, [CAMERA.width - 1, CAMERA.height - 1], size).astype(np.float32)
        return Features(
            np.concatenate([elsewhere, features.pixels]),
            np.tile(features.descriptors, (NUM_DOUBLES + 1, 1)),
            np.tile(features.scores, NUM_DOUBLES + 1),
        )


def attitudes() -> list[Attitude]:
    return [Attitude(0, pose[:3, :3]) for pose in shaken()]


def tracked(world: World, given: Mapping[int, Attitude | None]) -> list[int]:
    """Return the frames that have a pose, of those that are given."""
    frontend = build_frontend(Config(), CAMERA, Repetitive(world, shaken()))
    every = frames(NUM_FRAMES)
    results = [frontend.process(replace(every[number], attitude=given[number])) for number in given]
    return [result.frame_index for result in results if result.status is Status.TRACKING]


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(num_points=900)


def test_only_the_gyroscope_follows_a_camera_that_is_struck(world: World) -> None:
    steady = list(range(2, STEADY))
    assert tracked(world, dict.fromkeys(range(NUM_FRAMES))) == steady
    assert tracked(world, dict(enumerate(attitudes()))) == [*steady, *range(STEADY, NUM_FRAMES)]


def test_a_frame_without_readings_costs_no_other(world: World) -> None:
    given = dict(enumerate(attitudes())) | {12: None}
    assert tracked(world, given) == [number for number in range(2, NUM_FRAMES) if number != 12]


def test_frames_that_never_come_cost_no_other(world: World) -> None:
    given = {number: each for number, each in enumerate(attitudes()) if number not in (11, 12)}
    assert tracked(world, given) == list(given)[2:]
