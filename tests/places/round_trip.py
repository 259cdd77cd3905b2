"""A camera on a round trip in a world where odometry is exact and yet drifts: a known answer for loops.

The way is unrolled: section i lies at ``step^i`` and looks as section ``i mod lap`` does. With the true step
the lap closes. With a bent step the same place comes again elsewhere, as for an odometry that drifts, and
whoever recognises it learns exactly how far off it is. The truth is the unbent way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import pytest
from map_invariants import check
from numpy.typing import NDArray
from world import CAMERA

from vo_frontend.config import Config
from vo_frontend.config_files import override
from vo_frontend.geometry import se3
from vo_frontend.geometry.alignment import align
from vo_frontend.geometry.se3 import Transform
from vo_frontend.map_events import LandmarksRecalled
from vo_frontend.mapping.trajectory import EstimatedTrajectory, TrajectoryRecord
from vo_frontend.session.build import build_frontend
from vo_frontend.types import Features, Frame, FrameResult, Image, KeypointDepths, Sensor, Status

Event = TypeVar("Event")

LAP = 60  # sections, one frame each
STEP = 0.5  # from section to section
PER_SECTION = 25  # landmarks
BEHIND, AHEAD = 16, 10  # sections whose landmarks may be in the image
SMALL_WINDOW = (
    "mapping.max_keyframes=12",
    "mapping.adjusted_keyframes=6",
    "keyframes.max_tracked_share=0.8",  # laps are short, and must be longer than the window
    "keyframes.min_motion_px=5.0",
)


@dataclass(frozen=True)
class RoundTrip:
    """Where the sections lie, and what they look like."""

    bend_deg: float = 0.0  # by which each step turns too far
    climb: float = 0.0  # by which each step goes too far down
    growth: float = 0.0  # by which the unit of length shrinks from step to step: mono alone cannot tell
    looks_like: dict[int, int] = field(default_factory=dict)  # sections that look like others
    lap: int = LAP
    overlooked: float = 0.0  # share of the landmarks that a visit shows nothing of, each visit another

    def poses(self, sections: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return T_world_cam (N, 4, 4) at sections (N,), as odometry sees them."""
        found = [self._pose_and_scale(int(i))[0] for i in sections]
        return np.array(found)

    def truth(self, sections: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return T_world_cam (N, 4, 4) at sections (N,): the lap closes."""
        return RoundTrip(lap=self.lap).poses(sections)

    def features(self, section: int, rng: np.random.Generator) -> tuple[Features, KeypointDepths]:
        """Return what a camera at a section sees, in random order, with noise of 0.3 px, and exact depths."""
        around = range(section - BEHIND, section + AHEAD)
        clouds = [self._cloud(i) for i in around]
        points = np.concatenate([self._place(i, local) for i, (local, _) in zip(around, clouds, strict=True)])
        descriptors = np.concatenate([each for _, each in clouds])
        points_cam = se3.transform_points(se3.inverse(self._pose_and_scale(section)[0]), points)
        pixels = CAMERA.project(points_cam)
        index = rng.permutation(np.flatnonzero(CAMERA.contains(pixels) & (points_cam[:, 2] > 0.5)))
        noisy = pixels[index] + 0.3 * rng.normal(size=(len(index), 2))
        scores = np.linspace(1, 0.1, len(index), dtype=np.float32)
        inverse_depth = 1.0 / points_cam[index, 2]
        return (
            Features(noisy.astype(np.float32), descriptors[index], scores),
            KeypointDepths(inverse_depth, np.full(len(index), 1e-3)),
        )

    def _cloud(self, section: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Return landmarks (M, 3) in the camera of their section, and their descriptors (M, 64)."""
        number = section % self.lap
        rng = np.random.default_rng(1000 + self.looks_like.get(number, number))
        local = rng.uniform([-5, -3, 2], [5, 3, 9], (PER_SECTION, 3))
        descriptors = rng.normal(size=(PER_SECTION, 64)).astype(np.float32)
        descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
        order = np.random.default_rng(2000 + section).permutation(PER_SECTION)
        shown = np.sort(order[round(self.overlooked * PER_SECTION) :])
        return local[shown], descriptors[shown]

    def _place(self, section: int, points_cam: NDArray[np.float64]) -> NDArray[np.float64]:
        T_world_cam, scale = self._pose_and_scale(section)
        return se3.transform_points(T_world_cam, scale * points_cam)

    def _pose_and_scale(self, section: int) -> tuple[Transform, float]:
        """Return the pose of a section and the size of things there: the power of a similarity."""
        angle = 2 * np.pi / self.lap + np.deg2rad(self.bend_deg)
        factor = float(np.exp(self.growth))
        step = np.eye(4)
        step[:3, :3] = factor * se3.so3_exp(np.array([0.0, angle, 0.0]))
        step[:3, 3] = 0.0, self.climb, STEP
        found = np.linalg.matrix_power(step, section)
        scale = factor**section
        found[:3, :3] /= scale
        return found, scale


FLAT, BENT = RoundTrip(), RoundTrip(bend_deg=0.005, climb=0.006)
EITHER_SENSOR = pytest.mark.parametrize(
    "mono", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["rgbd", "mono"]
)
NOTICE = "places.max_offset_px=8"  # the laps here are short, so that little drift is a loop


class Eyes:
    """Stands in for the network and the depth camera: an image carries the number of its frame."""

    name = "aliked-t16"  # there is a vocabulary for it
    descriptor_size = 64
    max_keypoints = 1000
    weights_sha256 = None
    device_name = "cpu"
    runs_on_gpu = False
    max_calls = 1

    def __init__(self, trip: RoundTrip, sections: Sequence[int | None]) -> None:
        self._trip, self._sections = trip, sections

    def extract(self, image: Image) -> Features:
        return self._look(image)[0]

    def extract_batch(self, images: Sequence[Image]) -> list[Features]:
        return [self.extract(image) for image in images]

    def second_image(self, frame: Frame) -> Image | None:
        return None

    def measure(self, frame: Frame, features: Features, second: Features | None) -> KeypointDepths | None:
        assert frame.image is not None
        return self._look(frame.image)[1]

    def _look(self, image: Image) -> tuple[Features, KeypointDepths]:
        number = int(image[0, 0]) * 256 + int(image[0, 1])
        section = self._sections[number]
        assert section is not None
        return self._trip.features(section, np.random.default_rng(number))


@dataclass(frozen=True)
class Drive:
    """What came of a drive."""

    results: list[FrameResult]
    trajectory: EstimatedTrajectory
    sections: NDArray[np.int64]  # (N,) of the poses

    def events(self, kind: type[Event]) -> list[Event]:
        return [event for result in self.results for event in result.events if isinstance(event, kind)]


def drive(
    trip: RoundTrip,
    sections: Sequence[int | None],
    monkeypatch: pytest.MonkeyPatch,
    *,
    mono: bool = False,
    settings: Sequence[str] = (),
) -> Drive:
    """Run the front-end as any run builds it, 10 frames a second; None is a frame without an image."""
    eyes = Eyes(trip, sections)
    monkeypatch.setattr("vo_frontend.session.build.DepthImageMeter", lambda options: eyes)
    config = override(Config(), [*SMALL_WINDOW, *settings])
    frontend = build_frontend(config, CAMERA, eyes, sensor=Sensor.MONO if mono else Sensor.RGBD)
    record, results = TrajectoryRecord(), []
    for number, section in enumerate(sections):
        image = np.zeros((CAMERA.height, CAMERA.width), np.uint8)
        image[0, :2] = divmod(number, 256)
        result = frontend.process(Frame(number, number * 10**8, None if section is None else image))
        record.update(result)
        results.append(result)
        if frontend.sparse_map is not None:
            check(frontend.sparse_map, is_trimmed=result.is_keyframe)
    trajectory = record.trajectory()
    where = [sections[index] for index in trajectory.frame_indices.tolist()]
    return Drive(results, trajectory, np.array(where, np.int64))


def error(driven: Drive, expected: NDArray[np.float64], *, mono: bool, segment_id: int = 0) -> float:
    """Return the largest distance of a pose of a segment from where it should be, (N, 4, 4).

    With measured depths the first poses must agree as they are; for mono, the whole is aligned.
    """
    members = driven.trajectory.segment_ids == segment_id
    found, truth = driven.trajectory.T_world_cam[members], expected[members]
    if mono:
        fit = align(found[:, :3, 3], truth[:, :3, 3], with_scale=True)
        found = fit.transform_poses(found)
    else:
        found = truth[0] @ se3.inverse(found[0]) @ found
    return float(np.linalg.norm(found[:, :3, 3] - truth[:, :3, 3], axis=1).max())


def recalled_after(driven: Drive, first: int) -> list[int]:
    """List the frames from one on in which old landmarks came back."""
    return [
        result.frame_index
        for result in driven.results[first:]
        if any(isinstance(event, LandmarksRecalled) for event in result.events)
    ]


def statuses(driven: Drive, frames: Sequence[int] | range) -> set[Status]:
    return {driven.results[k].status for k in frames}
