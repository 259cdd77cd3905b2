"""When a recognised place agrees with the map: its landmarks and the camera itself must."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from test_whole_segment import WholeMap
from world import CAMERA

from vo_frontend.atlas.pose_graph import EdgeKind
from vo_frontend.compute.threads import ThreadTeam
from vo_frontend.config import Config
from vo_frontend.geometry import se3
from vo_frontend.map_events import LandmarksRecalled
from vo_frontend.mapping.keyframe import View
from vo_frontend.mapping.landmarks import Landmarks
from vo_frontend.mapping.mapper import Mapper
from vo_frontend.places.loop_closer import LoopCloser
from vo_frontend.places.recognizer import Recognition, Recognizer
from vo_frontend.places.surroundings import Surroundings
from vo_frontend.tracking.matching import Matcher
from vo_frontend.tracking.pose import PoseEstimate
from vo_frontend.types import Reason

NUM_SEEN = 50
DEPTH = 5.0


class OnePlace(Recognizer):
    """Recognises what it is told to, and nothing else."""

    def __init__(self, recognition: Recognition) -> None:
        self._recognition = recognition

    def recognize(
        self, view: View, exclude: NDArray[np.int64], in_map: Landmarks, min_score: float
    ) -> Iterator[Recognition]:
        yield self._recognition

    def place(self, view: View, surroundings: Surroundings) -> Recognition | None:
        return None


def recognition_of(whole: WholeMap, T_newest_found: NDArray[np.float64]) -> Recognition:
    """The newest keyframe sees old landmarks just where the map has them, and is placed beside itself."""
    archive, newest = whole.memory.archive, whole.local.last_keyframe
    oldest = int(archive.frame_indices()[0])
    ids = archive.landmarks_seen(oldest)
    ids = ids[archive.contains(ids) & ~whole.local.landmarks.contains(ids)]
    assert len(ids) >= NUM_SEEN
    index = np.arange(NUM_SEEN)
    rays = np.column_stack([CAMERA.rays(newest.features.pixels[index]), np.ones(NUM_SEEN)])
    archive.move_landmarks(ids[:NUM_SEEN], se3.transform_points(newest.T_world_cam, DEPTH * rays))
    landmarks = archive.landmarks(ids)
    T_world_found = newest.T_world_cam @ T_newest_found
    pose = PoseEstimate(Reason.NONE, NUM_SEEN, T_world_found, index, index)
    T_world_oldest = archive.T_world_cam(np.array([oldest]))[0]
    members = np.array([oldest])
    rows = np.arange(len(ids))
    surroundings = Surroundings(oldest, 0, T_world_oldest, members, landmarks, landmarks.descriptors, rows)
    return Recognition(surroundings, pose, T_world_found)


@pytest.mark.parametrize(
    ("step", "is_recalled"),
    [
        ([0.0] * 6, True),
        ([0.1, 0, 0, 0, 0, 0], True),
        ([4.0, 0, 0, 0, 0, 0], False),
        ([0, 0, 0, 0, 0.8, 0], False),
    ],
    ids=["there", "a little beside", "far beside", "turned"],
)
def test_a_place_is_recalled_only_where_the_recognised_camera_is_near_that_of_the_map(
    step: list[float], is_recalled: bool
) -> None:
    whole, config = WholeMap(mono=False), Config()
    recognition = recognition_of(whole, se3.exp(np.array(step)))
    mapper = Mapper(CAMERA, Matcher(0.6, 1.0, ThreadTeam(1)), config.mapping)
    closer = LoopCloser(CAMERA, whole.memory, OnePlace(recognition), mapper, config.places, is_metric=True)
    closer.look_back(whole.local)
    assert closer.is_due(makes_keyframe=True)
    closer.go_on(whole.local, makes_keyframe=True)
    events = whole.local.take_events()
    assert any(isinstance(event, LandmarksRecalled) for event in events) == is_recalled
    motions = whole.memory.motions.between(whole.frames())
    assert any(motion.kind is EdgeKind.LOOP for motion in motions) == is_recalled
