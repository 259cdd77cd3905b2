"""Bundle adjustment of a whole segment: the local map, and all that has left it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.config import MappingConfig
from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.map_events import KeyframesMoved, LandmarksMoved
from vo_frontend.mapping.keyframe import NO_LANDMARK, Keyframe
from vo_frontend.mapping.mapper import measured_depths
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.optimization.global_bundle import GlobalProblem, GlobalSolution, adjust_all
from vo_frontend.places.memory import PlaceMemory

log = logging.getLogger(__name__)

MIN_SIGHTINGS = 20  # of landmarks that other keyframes see too
ANNOUNCED = 200  # keyframes from which on it takes seconds


@dataclass(frozen=True, slots=True)
class _Round:
    """Says how far to adjust before the observations that disagree are left out."""

    max_iterations: int
    tolerance: float  # share of the cost


# What disagrees stands out early, and without it the end comes in fewer steps. The end counts: how the
# scale of one camera runs along a drive hardly shows in the cost.
ROUNDS = (_Round(6, 1e-4), _Round(25, 1e-9))


@dataclass(frozen=True, slots=True, eq=False)
class _Segment:
    """All keyframes of a segment in time order, and the landmarks that they see."""

    keyframes: list[Keyframe]
    is_here: NDArray[np.bool_]  # (K,) in the local map
    landmark_ids: NDArray[np.int64]  # (M,) strictly increasing
    points_world: NDArray[np.float64]  # (M, 3)


class WholeMapAdjuster:
    """Adjusts all poses and points of a segment at once."""

    def __init__(
        self, camera: PinholeCamera, memory: PlaceMemory, config: MappingConfig, *, num_threads: int
    ) -> None:
        self._camera = camera
        self._memory = memory
        self._config = config
        self._num_threads = num_threads

    def adjust(self, sparse_map: SparseMap, stop: Callable[[], bool] = lambda: False) -> None:
        """Move every keyframe but the first, and every landmark that two of them see.

        A keyframe with fewer than ``MIN_SIGHTINGS`` goes with the one before it. One camera keeps its scale.

        Args:
            sparse_map: the local map of the segment.
            stop: asked between two iterations; what was reached until then is taken.
        """
        segment = self._gather(sparse_map)
        is_held = _are_held(segment)
        held = [keyframe for keyframe, holds in zip(segment.keyframes, is_held, strict=True) if holds]
        if len(held) < 2:
            return
        if len(held) >= ANNOUNCED:
            log.info(
                "adjusting the whole map once more: %d keyframes; a stop keeps what is reached by then",
                len(held),
            )
        before = np.array([keyframe.T_world_cam for keyframe in segment.keyframes])
        problem, rows = self._problem(held, segment, sparse_map.depth_noise)
        for each in ROUNDS:
            solution = self._solve(problem, each, stop)
            problem = _without(problem, solution)
        now, points_world = solution.T_world_cam, segment.points_world.copy()
        points_world[rows] = solution.points_world
        if problem.inverse_depth is None:
            now, points_world[rows] = _in_scale_of(before[is_held], now, solution.points_world)
        self._apply(sparse_map, segment, _carried(before, is_held, now), points_world)

    def _gather(self, sparse_map: SparseMap) -> _Segment:
        archive, landmarks = self._memory.archive, sparse_map.landmarks
        here = {keyframe.view.frame_index: keyframe for keyframe in sparse_map.keyframes}
        kept = archive.frame_indices()
        kept = kept[archive.segment_ids(kept) == sparse_map.segment_id]
        frames = np.union1d(kept, np.array(list(here), np.int64)).tolist()
        keyframes = [here[k] if k in here else archive.keyframe(k) for k in frames]
        ids = archive.landmark_ids()
        ids = ids[~landmarks.contains(ids)]
        all_ids = np.concatenate([ids, landmarks.ids])
        points_world = np.concatenate([archive.retired(ids).points_world, landmarks.points_world])
        order = np.argsort(all_ids)
        return _Segment(keyframes, np.isin(frames, list(here)), all_ids[order], points_world[order])

    def _problem(
        self, keyframes: list[Keyframe], segment: _Segment, depth_noise: float
    ) -> tuple[GlobalProblem, NDArray[np.int64]]:
        """Pose the adjustment of some keyframes; also return the rows (P,) of the landmarks in it."""
        seen, pose_index, row = _shared_sightings(keyframes, segment.landmark_ids)
        rows, point_index = np.unique(row, return_inverse=True)
        inverse_depth, depth_weight = self._depths(keyframes, seen, depth_noise)
        pixels = np.concatenate([keyframe.features.pixels for keyframe in keyframes])
        problem = GlobalProblem(
            T_world_cam=np.array([keyframe.T_world_cam for keyframe in keyframes]),
            is_fixed=np.arange(len(keyframes)) == 0,
            points_world=segment.points_world[rows],
            pose_index=pose_index,
            point_index=point_index,
            rays=self._camera.rays(pixels[seen]),
            inverse_depth=inverse_depth,
            depth_weight=depth_weight,
        )
        return problem, rows

    def _depths(
        self, keyframes: list[Keyframe], seen: NDArray[np.int64], depth_noise: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]] | tuple[None, None]:
        """Return measured inverse depths (O,) and their weights (O,) at observations; None: no sensor."""
        if all(keyframe.view.depths is None for keyframe in keyframes):
            return None, None
        inverse_depth, sigma = measured_depths(keyframes)[:, seen]
        return inverse_depth, self._config.pixel_sigma_px / self._camera.focal_px / (depth_noise * sigma)

    def _solve(self, problem: GlobalProblem, to: _Round, stop: Callable[[], bool]) -> GlobalSolution:
        config, focal_px = self._config, self._camera.focal_px
        return adjust_all(
            problem,
            huber=config.huber_px / focal_px,
            max_error=config.max_reprojection_px / focal_px,
            max_iterations=to.max_iterations,
            tolerance=to.tolerance,
            num_threads=self._num_threads,
            stop=stop,
        )

    def _apply(
        self,
        sparse_map: SparseMap,
        segment: _Segment,
        T_world_cam: NDArray[np.float64],
        points_world: NDArray[np.float64],
    ) -> None:
        """Give the local map and the archive their new poses (K, 4, 4) and points (M, 3)."""
        archive, landmarks, is_here = self._memory.archive, sparse_map.landmarks, segment.is_here
        frames = np.array([keyframe.view.frame_index for keyframe in segment.keyframes], np.int64)
        kept = np.array([frame in archive for frame in frames.tolist()])
        archive.move(frames[kept], T_world_cam[kept])
        in_map = landmarks.contains(segment.landmark_ids)
        archive.move_landmarks(segment.landmark_ids[~in_map], points_world[~in_map])
        sparse_map.move(T_world_cam[is_here], points_world[in_map])
        segment_id, ids = sparse_map.segment_id, segment.landmark_ids
        sparse_map.tell(KeyframesMoved(segment_id, frames[~is_here], T_world_cam[~is_here]))
        sparse_map.tell(LandmarksMoved(segment_id, ids[~in_map], points_world[~in_map]))


def _shared_sightings(
    keyframes: list[Keyframe], landmark_ids: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """List what keyframes see of landmarks (ids ascending) that two of them see.

    Returns:
        Of each sighting (O,) its feature, counted through all keyframes; its keyframe; its landmark's row.
    """
    ids = np.concatenate([keyframe.landmark_ids for keyframe in keyframes])
    sizes = [len(keyframe.landmark_ids) for keyframe in keyframes]
    pose_index = np.repeat(np.arange(len(sizes)), sizes)
    row = np.searchsorted(landmark_ids, ids).clip(max=len(landmark_ids) - 1)
    seen = np.flatnonzero((ids != NO_LANDMARK) & (landmark_ids[row] == ids))
    views = np.bincount(row[seen], minlength=len(landmark_ids))
    seen = seen[views[row[seen]] >= 2]
    return seen, pose_index[seen], row[seen]


def _are_held(segment: _Segment) -> NDArray[np.bool_]:
    """Tell which keyframes (K,) see enough to be placed by it: others would fly off after a few outliers."""
    if not len(segment.landmark_ids):
        return np.zeros(len(segment.keyframes), bool)
    _, pose_index, _ = _shared_sightings(segment.keyframes, segment.landmark_ids)
    return np.asarray(np.bincount(pose_index, minlength=len(segment.keyframes)) >= MIN_SIGHTINGS)


def _carried(
    T_before: NDArray[np.float64], is_held: NDArray[np.bool_], T_held: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return all poses (K, 4, 4): those held (H, 4, 4), and each other as it stood beside one of these.

    That is the one before it in time. Where there is none, nothing moves: the first held one has not moved.
    """
    held = np.flatnonzero(is_held)
    position = np.searchsorted(held, np.arange(len(is_held)), side="right") - 1
    T_world_cam = T_before.copy()
    for k in np.flatnonzero(~is_held & (position > 0)):
        beside = position[k]
        T_world_cam[k] = T_held[beside] @ se3.inverse(T_before[held[beside]]) @ T_before[k]
    T_world_cam[held] = T_held
    return T_world_cam


def _in_scale_of(
    T_before: NDArray[np.float64], T_world_cam: NDArray[np.float64], points_world: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give poses (K, 4, 4) and points (M, 3) the scale of the poses before; the first of them is the same.

    One camera leaves it open, so the solver may have changed it by any factor. Frames between keyframes, and
    landmarks that one keyframe alone sees, are in the scale of before.
    """
    origin = T_before[0, :3, 3]
    before, now = T_before[:, :3, 3] - origin, T_world_cam[:, :3, 3] - origin
    agreement, size = float((before * now).sum()), float((now * now).sum())
    if agreement <= 0 or size <= 0:
        return T_world_cam, points_world
    scaled = T_world_cam.copy()
    scaled[:, :3, 3] = origin + agreement / size * now
    return scaled, origin + agreement / size * (points_world - origin)


def _without(problem: GlobalProblem, solution: GlobalSolution) -> GlobalProblem:
    """Start where a solution ended, without the observations that disagree with it."""
    good = ~solution.is_bad
    depth, weight = problem.inverse_depth, problem.depth_weight
    return GlobalProblem(
        solution.T_world_cam,
        problem.is_fixed,
        solution.points_world,
        problem.pose_index[good],
        problem.point_index[good],
        problem.rays[good],
        None if depth is None else depth[good],
        None if weight is None else weight[good],
    )
