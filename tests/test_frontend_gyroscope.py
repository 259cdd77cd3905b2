"""The whole front-end with a gyroscope, on a world where only a good prediction finds the landmarks."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from world import CAMERA, World, WorldExtractor, frames, make_world, sideways

import vo_frontend as vo
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


def test_frames_of_one_s_own_bring_their_readings(world: World) -> None:
    R_cam_imu, poses = se3.so3_exp(np.array([0.5, 1.1, -0.3])), shaken()
    T_cam_imu, every = se3.from_rotation_translation(R_cam_imu, np.array([0.1, 0, 0])), frames(NUM_FRAMES)
    odometry = vo.Odometry(
        vo.Camera.from_pinhole(CAMERA),
        features=Repetitive(world, poses),
        T_cam_imu=T_cam_imu,
        timeshift_cam_imu_s=0.5,
    )
    known = []
    for number, frame in enumerate(every):
        if number:
            turn_rad = se3.so3_log(poses[number - 1, :3, :3].T @ poses[number, :3, :3])
            begin_ns, end_ns = (every[k].timestamp_ns + 500_000_000 for k in (number - 1, number))
            rate = R_cam_imu.T @ turn_rad / ((end_ns - begin_ns) * 1e-9)
            for stamp_ns in range(begin_ns + 1, end_ns + 2, 20_000_000):
                odometry.add_gyroscope(stamp_ns, rate)
            odometry.add_gyroscope(end_ns, rate.tolist())
        result = odometry.process(frame.image, frame.timestamp_ns)
        known += [number] if result.status is vo.Status.TRACKING else []
    assert known == list(range(2, NUM_FRAMES))


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        ([1, 2], "rate_rad_s: got"),
        ("fast", "rate_rad_s: got"),
        ([1, 2, 3j], "rate_rad_s: got"),
        ([[1], [2, 3], []], "rate_rad_s: got"),
    ],
)
def test_a_reading_that_is_none_is_refused(rate: object, message: str) -> None:
    odometry = vo.Odometry(vo.Camera.from_pinhole(CAMERA), features=any_extractor(), T_cam_imu=np.eye(4))
    with pytest.raises(vo.VoError, match=message):
        odometry.add_gyroscope(0, rate)  # type: ignore[arg-type]


def test_an_imu_without_its_place_is_refused() -> None:
    camera = vo.Camera.from_pinhole(CAMERA)
    with pytest.raises(vo.VoError, match="T_cam_imu"):
        vo.Odometry(camera, features=any_extractor()).add_gyroscope(0, [0, 0, 0])
    with pytest.raises(vo.VoError, match="T_cam_imu: not a rigid transform"):
        vo.Odometry(camera, features=any_extractor(), T_cam_imu=np.zeros((4, 4)))
    with pytest.raises(vo.VoError, match="T_cam_imu"):
        vo.Odometry(camera, features=any_extractor(), T_cam_imu=np.eye(3))
    with pytest.raises(vo.VoError, match="timeshift_cam_imu_s: got nan"):
        vo.Odometry(camera, features=any_extractor(), T_cam_imu=np.eye(4), timeshift_cam_imu_s=float("nan"))


def any_extractor() -> WorldExtractor:
    return WorldExtractor(make_world(), shaken(), 0.2)
