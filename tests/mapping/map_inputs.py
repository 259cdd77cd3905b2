"""Made-up local maps, and a keeper that writes down what it hears."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform
from vo_frontend.mapping.keeper import Kept
from vo_frontend.mapping.keyframe import NO_LANDMARK, Keyframe, View
from vo_frontend.mapping.landmarks import Landmarks
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.mapping.ties import Tie
from vo_frontend.types import Features

SIZE = 4  # of a descriptor


@dataclass
class RecordingKeeper:
    """Holds what the local map has let go; raises where it hears something that cannot be."""

    keyframes: dict[int, Keyframe] = field(default_factory=dict)  # by frame index
    ties: dict[int, list[Tie]] = field(default_factory=dict)  # each time that the keyframe left
    landmarks: dict[int, tuple[int, NDArray[np.float64]]] = field(default_factory=dict)  # anchor and position
    heir: dict[int, int] = field(default_factory=dict)
    removed: set[int] = field(default_factory=set)
    segments: list[int] = field(default_factory=list)

    def keep_keyframe(
        self, segment_id: int, keyframe: Keyframe, ties: Sequence[Tie], window: Sequence[Keyframe]
    ) -> Kept:
        index = keyframe.view.frame_index
        assert index not in self.keyframes, "it left before and was not recalled"
        self.keyframes[index] = keyframe
        self.ties.setdefault(index, []).extend(ties)
        self.segments.append(segment_id)
        return Kept(index)

    def keep_landmarks(
        self, segment_id: int, landmarks: Landmarks, anchor_indices: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        for number, point, anchor in zip(
            landmarks.ids.tolist(), landmarks.points_world, anchor_indices.tolist(), strict=True
        ):
            assert number not in self.landmarks, "it left before and was not recalled"
            assert number not in self.heir
            assert number not in self.removed
            assert number in self.keyframes[anchor].landmark_ids, "its anchor has left and sees it"
            self.landmarks[number] = anchor, point
        return np.ones(len(landmarks), bool)

    def knows(self, ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        seen = [self.resolved(keyframe) for keyframe in self.keyframes.values()]
        return np.isin(ids, np.concatenate([np.zeros(0, np.int64), *seen]))

    def merge(self, kept_ids: NDArray[np.int64], gone_ids: NDArray[np.int64]) -> None:
        for kept, gone in zip(kept_ids.tolist(), gone_ids.tolist(), strict=True):
            assert gone not in self.heir
            self.heir[gone] = kept

    def remove(self, ids: NDArray[np.int64]) -> None:
        assert not self.removed & set(ids.tolist())
        self.removed |= set(ids.tolist())

    def resolved(self, keyframe: Keyframe) -> NDArray[np.int64]:
        """Name what a keyframe that has left sees by now (N,), each landmark once."""
        found: list[int] = []
        for number in keyframe.landmark_ids.tolist():
            while number in self.heir:
                number = self.heir[number]
            found.append(NO_LANDMARK if number in self.removed or number in found else number)
        return np.array(found)


def make_view(frame_index: int, num_features: int = 20) -> View:
    rng = np.random.default_rng(frame_index)
    features = Features(
        rng.uniform(0, 100, (num_features, 2)).astype(np.float32),
        rng.normal(size=(num_features, SIZE)).astype(np.float32),
        np.ones(num_features, np.float32),
    )
    return View(frame_index, frame_index * 10**8, features, np.full((num_features, 3), 7, np.uint8))


def pose(x: float) -> Transform:
    """A camera at (x, 0, 0), turned by 0.1 x rad."""
    return se3.from_rotation_translation(se3.so3_exp(np.array([0.0, 0.1 * x, 0.0])), np.array([x, 0, 0]))


def add_keyframe(sparse_map: SparseMap, frame_index: int, landmark_ids: Sequence[int] = ()) -> None:
    """Add a keyframe at x = frame index, whose first features see landmarks."""
    view = make_view(frame_index)
    ids = np.full(len(view.features), NO_LANDMARK, np.int64)
    ids[: len(landmark_ids)] = landmark_ids
    sparse_map.add_keyframe(view, pose(frame_index), ids)


def recallable(sparse_map: SparseMap, keeper: RecordingKeeper, *keyframes: Keyframe) -> Landmarks:
    """Take the landmarks from a keeper that keyframes see and the map has not."""
    ids = np.unique(np.concatenate([keyframe.landmark_ids for keyframe in keyframes]))
    ids = ids[(ids != NO_LANDMARK) & ~sparse_map.landmarks.contains(ids)]
    points = [keeper.landmarks.pop(number)[1] for number in ids.tolist()]
    points_world: NDArray[np.float64] = np.array(points).reshape(-1, 3)
    features = make_view(0, len(ids)).features
    return Landmarks.new(ids, points_world, features.descriptors, np.zeros((len(ids), 3), np.uint8))


def frames_of(sparse_map: SparseMap) -> list[int]:
    return [keyframe.view.frame_index for keyframe in sparse_map.keyframes]
