"""Takes drift out of all that is known: the local map, and what has left it."""

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.atlas.motions import Motion, pose_graph
from vo_frontend.atlas.pose_graph_process import PoseGraphProcess
from vo_frontend.atlas.pose_graph_solver import PoseGraphSolution
from vo_frontend.geometry import se3
from vo_frontend.geometry.alignment import Similarity
from vo_frontend.map_events import KeyframesMoved, KeyframesRescaled, LandmarksMoved
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.places.memory import PlaceMemory

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Correction:
    """The pose graph of a segment as it was when a loop was found. It can be solved beside tracking."""

    frame_indices: NDArray[np.int64]  # (K,) of all keyframes, ascending
    T_world_cam: NDArray[np.float64]  # (K, 4, 4)
    motions: list[Motion]
    loop: Motion  # the newest of them
    is_metric: bool

    @classmethod
    def of(cls, sparse_map: SparseMap, memory: PlaceMemory, loop: Motion, *, is_metric: bool) -> "Correction":
        """Collect all keyframes of the segment of the local map, and what was measured between them.

        Args:
            sparse_map: the local map; its newest keyframe is one end of the loop.
            memory: what has left it, and all motions; the loop is one of them.
            loop: that may show drift.
            is_metric: whether scale is known.
        """
        frames, T_world_cam = _segment(sparse_map, memory)
        recent = [tie for position in range(len(sparse_map.keyframes)) for tie in sparse_map.ties(position)]
        motions = [*map(Motion.of_tie, recent), *memory.motions.between(frames)]
        return cls(frames, T_world_cam, motions, loop, is_metric)

    def solve(self, process: PoseGraphProcess) -> PoseGraphSolution:
        """Move every keyframe but the first so that all motions agree; changes nothing but the result.

        Args:
            process: that does it.

        Raises:
            VoError: GTSAM cannot be imported.
        """
        graph = pose_graph(self.frame_indices, self.T_world_cam, self.motions, is_metric=self.is_metric)
        return process.optimize(graph)

    def apply(self, sparse_map: SparseMap, memory: PlaceMemory, solution: PoseGraphSolution) -> bool:
        """Move all that is known by now as a solution says.

        Keyframes that came meanwhile move as the newest that took part. Loops that contradict the others are
        taken back, and nothing moves if the newest is one of them.

        Returns:
            Whether the newest loop holds.
        """
        for motion, is_used in zip(self.motions, solution.is_used.tolist(), strict=True):
            if not is_used:
                memory.motions.take_back(motion.i_index, motion.j_index)
                log.info("loop between frames %d and %d is taken back", motion.i_index, motion.j_index)
                if {motion.i_index, motion.j_index} == {self.loop.i_index, self.loop.j_index}:
                    return False
        frames, T_now = _segment(sparse_map, memory)
        k = self._nearest_before(frames)
        scales, R_new = solution.scales[k], solution.T_world_cam[k, :3, :3]
        R = R_new @ self.T_world_cam[k, :3, :3].swapaxes(1, 2)
        T_world_cam = T_now.copy()
        T_world_cam[:, :3, :3] = se3.nearest_rotation(R @ T_now[:, :3, :3])  # or errors would triple
        moved = T_now[:, :3, 3] - self.T_world_cam[k, :3, 3]
        T_world_cam[:, :3, 3] = solution.T_world_cam[k, :3, 3] + scales[:, None] * np.einsum(
            "kij,kj->ki", R, moved
        )
        _apply(sparse_map, memory, frames, T_world_cam, scales)
        return True

    def scale_at(self, frame_index: int, solution: PoseGraphSolution) -> float:
        """Return the factor by which a solution lets distances from the keyframe of a frame grow."""
        return float(solution.scales[self._nearest_before(np.array([frame_index]))[0]])

    def _nearest_before(self, frame_indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Find the keyframes (L,) of the graph that those of frames (L,) move with."""
        return np.searchsorted(self.frame_indices, frame_indices, side="right") - 1


def _segment(sparse_map: SparseMap, memory: PlaceMemory) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """List all keyframes (K,) of the segment of the local map, ascending, with their poses (K, 4, 4)."""
    archive = memory.archive
    kept = archive.frame_indices()
    kept = kept[archive.segment_ids(kept) == sparse_map.segment_id]
    here = np.array([keyframe.view.frame_index for keyframe in sparse_map.keyframes])
    frames = np.union1d(kept, here)
    T_world_cam = np.empty((len(frames), 4, 4))
    T_world_cam[np.searchsorted(frames, kept)] = archive.T_world_cam(kept)
    T_world_cam[np.searchsorted(frames, here)] = [keyframe.T_world_cam for keyframe in sparse_map.keyframes]
    return frames, T_world_cam


def _apply(
    sparse_map: SparseMap,
    memory: PlaceMemory,
    frames: NDArray[np.int64],
    T_world_cam: NDArray[np.float64],
    scales: NDArray[np.float64],
) -> None:
    """Give keyframes (K,) their poses (K, 4, 4), and all landmarks with them."""
    archive = memory.archive
    is_kept = np.array([frame in archive for frame in frames.tolist()])
    archive.move(frames[is_kept], T_world_cam[is_kept], scales[is_kept])
    memory.motions.rescale(frames, scales)
    sparse_map.tell(KeyframesRescaled(sparse_map.segment_id, frames, scales))
    here = np.searchsorted(frames, [keyframe.view.frame_index for keyframe in sparse_map.keyframes])
    sparse_map.correct(T_world_cam[here], scales[here])
    gone = np.setdiff1d(np.flatnonzero(is_kept), here)
    sparse_map.tell(KeyframesMoved(sparse_map.segment_id, frames[gone], T_world_cam[gone]))
    _tell_landmarks(sparse_map, memory)


def _tell_landmarks(sparse_map: SparseMap, memory: PlaceMemory) -> None:
    """Tell where the landmarks are now that have left the local map."""
    ids = memory.archive.landmark_ids()
    ids = ids[~sparse_map.landmarks.contains(ids)]
    points_world = memory.archive.retired(ids).points_world
    sparse_map.tell(LandmarksMoved(sparse_map.segment_id, ids, points_world))


def join(sparse_map: SparseMap, memory: PlaceMemory, into_segment_id: int, similarity: Similarity) -> None:
    """Take the segment of the local map into the world of another that has left.

    Args:
        sparse_map: of the segment that ends here.
        memory: what has left of both.
        into_segment_id: the other segment.
        similarity: from the world of the first to that of the other.
    """
    archive, segment_id = memory.archive, sparse_map.segment_id
    frames = archive.frame_indices()
    own = frames[archive.segment_ids(frames) == segment_id]
    if len(own):
        archive.join(segment_id, into_segment_id, similarity)
    here = np.array([keyframe.view.frame_index for keyframe in sparse_map.keyframes])
    everyone = np.union1d(own, here)
    memory.motions.rescale(everyone, np.full(len(everyone), similarity.scale))
    sparse_map.join(into_segment_id, similarity)
