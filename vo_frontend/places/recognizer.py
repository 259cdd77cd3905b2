"""Places a view among keyframes that left the local map: found by what it shows, checked by geometry."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.config import PlacesConfig
from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform
from vo_frontend.mapping.keyframe import NO_LANDMARK, Keyframe, View
from vo_frontend.mapping.landmarks import Landmarks
from vo_frontend.places.memory import PlaceMemory
from vo_frontend.places.surroundings import Surroundings
from vo_frontend.tracking.pose import PoseEstimate, PoseTracker

NUM_FOLLOWED = 10  # kept keyframes that share most with the newest, compared by what they would add


@dataclass(frozen=True, slots=True, eq=False)
class Recognition:
    """A view placed in surroundings."""

    surroundings: Surroundings
    pose: PoseEstimate  # rows are of the landmarks of the surroundings
    T_world_cam: Transform

    @property
    def landmark_ids(self) -> NDArray[np.int64]:
        """Name the landmarks (I,) that the view sees again, with ``pose.feature_index``."""
        return self.surroundings.landmarks.ids[self.pose.landmark_rows]

    @property
    def depth(self) -> float:
        """Return the median depth of those landmarks before the view, in map units."""
        points_world = self.surroundings.landmarks.points_world[self.pose.landmark_rows]
        return float(np.median(se3.transform_points(se3.inverse(self.T_world_cam), points_world)[:, 2]))


class Recognizer:
    """Finds views again. Stateless: everything it knows is in the memory."""

    def __init__(self, memory: PlaceMemory, tracker: PoseTracker, config: PlacesConfig) -> None:
        self._memory = memory
        self._tracker = tracker
        self._config = config

    def recognize(
        self, view: View, exclude: NDArray[np.int64], in_map: Landmarks, min_score: float
    ) -> Iterator[Recognition]:
        """Place a view among the keyframes that look most like it, best first.

        Args:
            view: with N features.
            exclude: (E,) frames whose keyframes do not count: those of the local map.
            in_map: landmarks of the local map; the archive has old copies of some.
            min_score: similarity that a keyframe must have.
        """
        found = self._memory.look_up(view, self._config.num_candidates, exclude)
        for frame_index in found.ids[found.scores >= max(min_score, self._config.min_score)].tolist():
            recognition = self._place_near(view, frame_index, exclude, in_map)
            if recognition is not None:
                yield recognition

    def follow(self, keyframe: Keyframe, exclude: NDArray[np.int64], in_map: Landmarks) -> Recognition | None:
        """Place a keyframe of the local map by what it sees already: in a known place it knows where it is.

        Of the kept keyframes that share landmarks with it, the one that shows most that is not in the map is
        tried. It need not look like the newest view, so that no part of a way is left out.

        Args:
            keyframe: the newest.
            exclude: (E,) frames of the keyframes of the local map.
            in_map: landmarks of the local map.
        """
        archive, seen = self._memory.archive, keyframe.landmark_ids[keyframe.has_landmark]
        near = archive.seeing(seen, self._config.min_shared).frame_indices
        near = near[np.isin(near, exclude, invert=True)][:NUM_FOLLOWED]
        shown = [archive.landmarks_seen(frame_index) for frame_index in near.tolist()]
        num_new = np.array([(archive.contains(ids) & ~in_map.contains(ids)).sum() for ids in shown])
        if num_new.max(initial=0) < self._config.min_inliers:
            return None
        return self._place_near(keyframe.view, int(near[num_new.argmax()]), exclude, in_map)

    def place(self, view: View, surroundings: Surroundings) -> Recognition | None:
        """Place a view among the landmarks of surroundings, None where too few agree."""
        landmarks = surroundings.landmarks
        pose = self._tracker.relocalize(
            view.features,
            landmarks.points_world,
            landmarks.descriptors,
            [(surroundings.descriptors, surroundings.rows)],
        )
        if pose.T_world_cam is None or pose.num_inliers < self._config.min_inliers:
            return None
        return Recognition(surroundings, pose, pose.T_world_cam)

    def _place_near(
        self, view: View, frame_index: int, exclude: NDArray[np.int64], in_map: Landmarks
    ) -> Recognition | None:
        """Place a view in the surroundings of a kept keyframe, None where it does not show them."""
        keyframe = self._memory.archive.keyframe(frame_index)
        if not self._resembles(view, keyframe, in_map):
            return None
        return self.place(view, self._surroundings(keyframe, exclude, in_map))

    def _resembles(self, view: View, keyframe: Keyframe, in_map: Landmarks) -> bool:
        """Tell whether a view can be placed by what the keyframe alone saw: few can, and it costs little."""
        ids, archive = keyframe.landmark_ids, self._memory.archive
        is_here = keyframe.has_landmark & archive.contains(ids) & ~in_map.contains(ids)
        if is_here.sum() < self._config.min_inliers:
            return False
        points_world = archive.retired(ids[is_here]).points_world
        descriptors = keyframe.features.descriptors[is_here]
        own = [(descriptors, np.arange(len(descriptors)))]
        pose = self._tracker.relocalize(view.features, points_world, descriptors, own)
        return pose.T_world_cam is not None

    def _surroundings(
        self, keyframe: Keyframe, exclude: NDArray[np.int64], in_map: Landmarks
    ) -> Surroundings:
        archive, frame_index = self._memory.archive, keyframe.view.frame_index
        near = archive.covisible(frame_index, self._config.min_shared).frame_indices
        near = near[np.isin(near, exclude, invert=True)][: self._config.num_neighbors]
        members = np.concatenate([[frame_index], near])
        segment_ids = archive.segment_ids(members)
        members = members[segment_ids == segment_ids[0]]
        ids = np.unique(np.concatenate([archive.landmarks_seen(k) for k in members.tolist()]))
        ids = ids[archive.contains(ids) & ~in_map.contains(ids)]
        landmarks = archive.landmarks(ids)
        is_here = (keyframe.landmark_ids != NO_LANDMARK) & landmarks.contains(keyframe.landmark_ids)
        return Surroundings(
            frame_index,
            int(segment_ids[0]),
            keyframe.T_world_cam,
            members,
            landmarks,
            keyframe.features.descriptors[is_here],
            landmarks.rows(keyframe.landmark_ids[is_here]),
        )
