"""The archive beside a slow twin of dictionaries, under random operations."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from atlas_inputs import SIZE, make_keyframe, make_landmarks, random_pose
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from vo_frontend.atlas.archive import Archive
from vo_frontend.atlas.covisibility import covisibility_edges, redundant_keyframes
from vo_frontend.config import AtlasConfig
from vo_frontend.geometry import se3
from vo_frontend.mapping.keyframe import NO_LANDMARK, Keyframe

NUM_IDS = 60
NUM_FRAMES = 25


@dataclass
class Twin:
    """Does what the archive promises, word by word."""

    poses: dict[int, se3.Transform] = field(default_factory=dict)
    sights: dict[int, list[int]] = field(default_factory=dict)  # as they came
    heirs: dict[int, int] = field(default_factory=dict)
    points: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    anchors: dict[int, int] = field(default_factory=dict)

    def heir(self, landmark_id: int) -> int:
        while landmark_id in self.heirs:
            landmark_id = self.heirs[landmark_id]
        return landmark_id

    def seen(self, frame_index: int) -> set[int]:
        return {self.heir(each) for each in self.sights[frame_index]} - {NO_LANDMARK}

    def add(self, keyframe: Keyframe) -> None:
        frame_index = keyframe.view.frame_index
        if frame_index in self.poses:
            self.move(frame_index, keyframe.T_world_cam, 1.0)
        self.poses[frame_index] = keyframe.T_world_cam
        self.sights[frame_index] = [each for each in keyframe.landmark_ids.tolist() if each >= 0]

    def move(self, frame_index: int, T_world_cam: se3.Transform, scale: float) -> None:
        T_cam_world = se3.inverse(self.poses[frame_index])
        for landmark_id, anchor in self.anchors.items():
            if anchor == frame_index:
                point_cam = scale * se3.transform_points(T_cam_world, self.points[landmark_id][None])
                self.points[landmark_id] = se3.transform_points(T_world_cam, point_cam)[0]
        self.poses[frame_index] = T_world_cam

    def forget(self, frame_index: int) -> None:
        del self.poses[frame_index], self.sights[frame_index]
        for landmark_id, anchor in self.anchors.items():
            if anchor == frame_index:
                viewers = [each for each in self.poses if landmark_id in self.seen(each)]
                nearest = sorted(self.poses, key=lambda each: (abs(each - frame_index), each))
                self.anchors[landmark_id] = max(viewers) if viewers else nearest[0]

    def merge(self, kept_id: int, gone_id: int) -> None:
        kept_id, gone_id = self.heir(kept_id), self.heir(gone_id)
        if gone_id not in (kept_id, NO_LANDMARK):
            self.drop(gone_id, kept_id)

    def drop(self, landmark_id: int, heir: int = NO_LANDMARK) -> None:
        if landmark_id != NO_LANDMARK:
            self.heirs[landmark_id] = heir
            self.points.pop(landmark_id, None)
            self.anchors.pop(landmark_id, None)

    def redundant(self, frame_indices: list[int]) -> list[int]:
        stays = {each: self.seen(each) for each in self.poses}
        found = []
        for frame_index in frame_indices:
            others = [seen for each, seen in stays.items() if each != frame_index]
            own = stays[frame_index]
            enough = [sum(each in seen for seen in others) >= 3 for each in own]
            if not own or np.mean(enough) >= 0.9:
                found.append(frame_index)
                del stays[frame_index]
        return found


def operate(rng: np.random.Generator, archive: Archive, twin: Twin) -> None:
    """Do one random thing to both."""
    frames = sorted(twin.poses)
    kind = rng.choice(["add", "add", "add", "retire", "merge", "remove", "move", "forget"])
    if kind == "add" or len(frames) < 3:
        ids = rng.permutation(NUM_IDS)[: rng.integers(0, 12)]
        keyframe = make_keyframe(int(rng.integers(0, NUM_FRAMES)), ids)
        keyframe = Keyframe(keyframe.view, random_pose(rng), keyframe.landmark_ids)
        archive.add(keyframe, 0)
        twin.add(keyframe)
    elif kind == "retire":
        ids = np.unique(archive.resolve(rng.integers(0, NUM_IDS, 8)))
        landmarks = make_landmarks(ids[ids >= 0], rng.choice(frames, (ids >= 0).sum()))
        archive.retire(landmarks)
        for landmark_id, point, anchor in zip(
            landmarks.ids.tolist(), landmarks.points_world, landmarks.anchors.tolist(), strict=True
        ):
            twin.points[landmark_id], twin.anchors[landmark_id] = point, anchor
    elif kind == "merge":
        pairs = rng.integers(0, NUM_IDS, (2, 2))
        archive.merge(pairs[0], pairs[1])
        for kept_id, gone_id in pairs.T.tolist():
            twin.merge(kept_id, gone_id)
    elif kind == "remove":
        ids = rng.integers(0, NUM_IDS, 1)
        archive.remove(ids)
        twin.drop(twin.heir(int(ids[0])))
    elif kind == "move":
        moved = rng.permutation(frames)[:2]
        poses, scales = np.array([random_pose(rng), random_pose(rng)]), rng.uniform(0.5, 2, 2)
        archive.move(moved, poses, scales)
        for frame_index, pose, scale in zip(moved.tolist(), poses, scales, strict=True):
            twin.move(frame_index, pose, scale)
    else:
        frame_index = int(rng.choice(frames))
        archive.forget(frame_index)
        twin.forget(frame_index)


def compare(archive: Archive, twin: Twin) -> None:
    assert list(archive) == sorted(twin.poses)
    every = np.arange(NUM_IDS)
    assert archive.resolve(every).tolist() == [twin.heir(each) for each in range(NUM_IDS)]
    assert archive.landmark_ids().tolist() == sorted(twin.points)
    retired = archive.retired(archive.landmark_ids())
    assert retired.anchors.tolist() == [twin.anchors[each] for each in sorted(twin.points)]
    for landmark_id, point in zip(retired.ids.tolist(), retired.points_world, strict=True):
        assert_allclose(point, twin.points[landmark_id], rtol=1e-6, atol=1e-6)
    edges = []
    for frame_index in archive:
        seen = archive.keyframe(frame_index).landmark_ids
        seen = seen[seen >= 0]
        assert sorted(seen.tolist()) == sorted(twin.seen(frame_index)), "each once"
        assert_array_equal(archive.T_world_cam(np.array([frame_index]))[0], twin.poses[frame_index])
        for other in archive:
            shared = len(twin.seen(frame_index) & twin.seen(other))
            if other > frame_index and shared:
                edges.append((frame_index, other, shared))
    assert np.stack(covisibility_edges(archive), axis=1).tolist() == [list(edge) for edge in edges]
    frames = archive.frame_indices()
    assert redundant_keyframes(archive, frames).tolist() == twin.redundant(frames.tolist())
    landmark_ids = np.array(sorted({each for frame in twin.poses for each in twin.seen(frame)}), np.int64)
    views = [sum(each in twin.seen(frame) for frame in twin.poses) for each in landmark_ids.tolist()]
    assert archive.num_views(landmark_ids).tolist() == views


@pytest.mark.parametrize("seed", range(6))
def test_after_random_operations_the_archive_agrees_with_its_twin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    archive, twin = Archive(SIZE, AtlasConfig()), Twin()
    for _ in range(150):
        operate(rng, archive, twin)
        compare(archive, twin)
    assert len(archive) > 3
