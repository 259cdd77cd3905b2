"""Takes drift out of all that is known: the local map, and what has left it."""

import logging

import numpy as np
from numpy.typing import NDArray

from vo_frontend.atlas.motions import Motion, pose_graph
from vo_frontend.atlas.pose_graph_solver import optimize_consistent
from vo_frontend.geometry.alignment import Similarity
from vo_frontend.map_events import KeyframesMoved, LandmarksMoved
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.places.memory import PlaceMemory

log = logging.getLogger(__name__)


def correct(sparse_map: SparseMap, memory: PlaceMemory, old_index: int, *, is_metric: bool) -> bool:
    """Move every keyframe of the segment so that all motions agree, the newest loop among them.

    Loops that contradict the others are taken back, and nothing moves if the newest is one of them.

    Args:
        sparse_map: the local map; its newest keyframe is one end of the newest loop.
        memory: what has left it, and all loops.
        old_index: frame index of the other end.
        is_metric: whether scale is known.

    Returns:
        Whether the newest loop holds.
    """
    archive, new_index = memory.archive, sparse_map.last_keyframe.view.frame_index
    kept = archive.frame_indices()
    kept = kept[archive.segment_ids(kept) == sparse_map.segment_id]
    here = np.array([keyframe.view.frame_index for keyframe in sparse_map.keyframes])
    frames = np.union1d(kept, here)
    T_world_cam = np.empty((len(frames), 4, 4))
    T_world_cam[np.searchsorted(frames, kept)] = archive.T_world_cam(kept)
    T_world_cam[np.searchsorted(frames, here)] = [keyframe.T_world_cam for keyframe in sparse_map.keyframes]
    recent = [tie for position in range(len(here)) for tie in sparse_map.ties(position)]
    motions = [*map(Motion.of_tie, recent), *memory.motions.between(frames)]
    solution = optimize_consistent(pose_graph(frames, T_world_cam, motions, is_metric=is_metric))
    for motion, is_used in zip(motions, solution.is_used.tolist(), strict=True):
        if not is_used:
            memory.motions.take_back(motion.i_index, motion.j_index)
            log.info("loop between frames %d and %d is taken back", motion.i_index, motion.j_index)
            if {motion.i_index, motion.j_index} == {old_index, new_index}:
                return False
    _apply(sparse_map, memory, frames, solution.T_world_cam, solution.scales)
    return True


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
