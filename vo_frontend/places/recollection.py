"""What the front-end asks of all that has left its local map."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vo_frontend.atlas.archive import Archive
from vo_frontend.atlas.landmark_table import without_repeats
from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform
from vo_frontend.mapping.keeper import Forgetful, Keeper
from vo_frontend.mapping.keyframe import NO_LANDMARK, View
from vo_frontend.mapping.landmarks import Landmarks
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.mapping.ties import Tie
from vo_frontend.places.loop_closer import LoopCloser
from vo_frontend.places.memory import PlaceMemory
from vo_frontend.places.recognizer import Recognition
from vo_frontend.places.relocalizer import Relocalizer
from vo_frontend.places.whole_map import WholeMapAdjuster
from vo_frontend.tracking.pose import PoseEstimate
from vo_frontend.types import Reason

NO_FRAMES = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Tracked:
    """A frame in the local map, before it becomes part of it."""

    T_world_cam: Transform  # (4, 4)
    landmark_ids: NDArray[np.int64]  # (N,) of its features, NO_LANDMARK where one has none
    is_adjusted: bool = False  # whether the window has been, for this frame


class Recollection(Protocol):
    """Remembers keyframes, and finds views among them again."""

    @property
    def keeper(self) -> Keeper:
        """Return what takes over whatever leaves the local map."""
        ...

    def look_back(self, sparse_map: SparseMap) -> None:
        """Let the local map profit from what the newest keyframe shows again: drift, landmarks, segments."""
        ...

    def is_due(self, *, makes_keyframe: bool) -> bool:
        """Tell whether a frame that makes a keyframe, or none, should :meth:`go_on`."""
        ...

    def go_on(self, sparse_map: SparseMap, frame: Tracked, *, makes_keyframe: bool) -> Tracked:
        """Do what the newest keyframe has left to the frame after it, before that becomes part of the map.

        Args:
            sparse_map: the local map.
            frame: that was tracked in it.
            makes_keyframe: whether it will be the next keyframe.

        Returns:
            The frame in the map as it is then.
        """
        ...

    def find(self, view: View, sparse_map: SparseMap) -> PoseEstimate:
        """Place a view that the local map has lost; what it shows is then part of the local map."""
        ...

    def complete(self, sparse_map: SparseMap) -> None:
        """Apply what is still being worked out beside tracking, before the segment ends."""
        ...

    def settle(self, sparse_map: SparseMap, stop: Callable[[], bool]) -> None:
        """Adjust all that is known of the segment of the local map, until it is done or shall stop."""
        ...

    def resume(self, view: View, next_landmark_id: int) -> tuple[SparseMap, PoseEstimate] | None:
        """Return a local map around a view of a known place and its pose in it, None where it shows none."""
        ...


class NoRecollection:
    """Remembers nothing: odometry alone."""

    @property
    def keeper(self) -> Keeper:
        """Return what forgets."""
        return Forgetful()

    def is_due(self, *, makes_keyframe: bool) -> bool:
        """Say that nothing is."""
        return False

    def look_back(self, sparse_map: SparseMap) -> None:
        """Do nothing."""

    def go_on(self, sparse_map: SparseMap, frame: Tracked, *, makes_keyframe: bool) -> Tracked:
        """Leave it as it is."""
        return frame

    def find(self, view: View, sparse_map: SparseMap) -> PoseEstimate:
        """Find nothing."""
        return PoseEstimate(Reason.TOO_FEW_MATCHES, 0)

    def complete(self, sparse_map: SparseMap) -> None:
        """Do nothing."""

    def settle(self, sparse_map: SparseMap, stop: Callable[[], bool]) -> None:
        """Leave it as it is."""

    def resume(self, view: View, next_landmark_id: int) -> tuple[SparseMap, PoseEstimate] | None:
        """Know no place."""
        return None


class PlaceRecollection:
    """Remembers by :class:`PlaceMemory`."""

    def __init__(
        self,
        memory: PlaceMemory,
        relocalizer: Relocalizer,
        closer: LoopCloser,
        adjuster: WholeMapAdjuster,
        *,
        max_keyframes: int,
    ) -> None:
        self.memory = memory
        self._relocalizer = relocalizer
        self._closer = closer
        self._adjuster = adjuster
        self._max_keyframes = max_keyframes
        self._found: Recognition | None = None  # where a lost camera was, until there is a keyframe

    @property
    def keeper(self) -> Keeper:
        """Return the memory."""
        return self.memory

    def look_back(self, sparse_map: SparseMap) -> None:
        """Close a loop, join segments or recall old keyframes, as the newest keyframe suggests."""
        found, self._found = self._found, None
        if found is not None and found.surroundings.segment_id == sparse_map.segment_id:
            self.memory.motions.tie(_ties(found, sparse_map, self.memory.archive))
        self._closer.look_back(sparse_map)

    def is_due(self, *, makes_keyframe: bool) -> bool:
        """Tell whether a place is found, or a correction to be applied."""
        return self._closer.is_due(makes_keyframe=makes_keyframe)

    def go_on(self, sparse_map: SparseMap, frame: Tracked, *, makes_keyframe: bool) -> Tracked:
        """Recall the place, begin to close the loop, or apply the correction; carry a frame along."""
        T_keyframe_cam = se3.inverse(sparse_map.last_keyframe.T_world_cam) @ frame.T_world_cam
        scale, is_adjusted = self._closer.go_on(sparse_map, makes_keyframe=makes_keyframe)
        T_keyframe_cam[:3, 3] *= scale
        ids = without_repeats(frame.landmark_ids, self.memory.archive.resolve(frame.landmark_ids))
        ids = np.where(sparse_map.landmarks.contains(ids), ids, NO_LANDMARK)
        return Tracked(sparse_map.last_keyframe.T_world_cam @ T_keyframe_cam, ids, is_adjusted)

    def find(self, view: View, sparse_map: SparseMap) -> PoseEstimate:
        """Place a view among the archived keyframes of the same segment, and recall those."""
        in_map = np.array([keyframe.view.frame_index for keyframe in sparse_map.keyframes])
        found = self._relocalizer.relocalize(view, in_map, sparse_map.landmarks)
        if found is None or found.surroundings.segment_id != sparse_map.segment_id:
            return PoseEstimate(Reason.TOO_FEW_MATCHES, 0)
        return self._recall(found, sparse_map)

    def complete(self, sparse_map: SparseMap) -> None:
        """Apply the correction of a loop that is being solved, if there is one."""
        self._closer.complete(sparse_map)

    def settle(self, sparse_map: SparseMap, stop: Callable[[], bool]) -> None:
        """Adjust the archived keyframes and landmarks of the segment with those of the local map."""
        self._closer.complete(sparse_map)
        self._closer.close()
        self._adjuster.adjust(sparse_map, stop)

    def resume(self, view: View, next_landmark_id: int) -> tuple[SparseMap, PoseEstimate] | None:
        """Make a local map of the archived keyframes around a view, which then belongs to their segment."""
        if not len(self.memory.archive):
            return None
        found = self._relocalizer.relocalize(
            view, NO_FRAMES, Landmarks.empty(view.features.descriptors.shape[1])
        )
        if found is None:
            return None
        sparse_map = SparseMap(
            found.surroundings.segment_id,
            max_keyframes=self._max_keyframes,
            descriptor_size=view.features.descriptors.shape[1],
            first_landmark_id=next_landmark_id,
            keeper=self.memory,
        )
        return sparse_map, self._recall(found, sparse_map)

    def _recall(self, found: Recognition, sparse_map: SparseMap) -> PoseEstimate:
        """Bring back what a view shows, and return its pose among the landmarks of the local map."""
        self.memory.recall(found.surroundings, sparse_map)
        self._closer.forget_found()
        self._found = found
        rows = sparse_map.landmarks.rows
        return replace(
            found.pose,
            landmark_rows=rows(found.landmark_ids),
            expected_rows=rows(found.surroundings.landmarks.ids[found.pose.expected_rows]),
        )


def _ties(found: Recognition, sparse_map: SparseMap, archive: Archive) -> list[Tie]:
    """Tie the newest keyframe to the place where the camera was found: nothing else may hold both."""
    place, newest = found.surroundings, sparse_map.last_keyframe
    kept = [k for k in place.members.tolist() if k in archive]  # one may have made room meanwhile
    return [
        Tie(
            frame_index,
            newest.view.frame_index,
            se3.inverse(archive.T_world_cam(np.array([frame_index]))[0]) @ newest.T_world_cam,
            found.pose.num_inliers,
            found.depth,
        )
        for frame_index in kept[:1]
    ]
