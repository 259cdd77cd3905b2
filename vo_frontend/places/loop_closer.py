"""Notices that the camera is back where it was, corrects what has drifted since, and reunites the map.

Candidates are found by what they show, never because positions are near. If the pose that they give agrees
with the map's, what left the local map returns to it. If not, the difference must be drift: other keyframes
must confirm it, odometry must be able to drift that far, and it must fit into the graph of all motions
(R. Mur-Artal and J. D. Tardos, ORB-SLAM, IEEE T-RO 2015, section VII).
"""

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from vo_frontend.atlas.motions import Motion
from vo_frontend.atlas.pose_graph import EdgeKind
from vo_frontend.atlas.pose_graph_process import PoseGraphProcess
from vo_frontend.atlas.pose_graph_solver import PoseGraphSolution, has_gtsam, missing_gtsam
from vo_frontend.config import PlacesConfig
from vo_frontend.errors import VoError
from vo_frontend.geometry import se3
from vo_frontend.geometry.alignment import Similarity
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.map_events import LoopClosed
from vo_frontend.mapping.keyframe import NO_LANDMARK, Keyframe
from vo_frontend.mapping.mapper import Mapper
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.places.correction import Correction, join
from vo_frontend.places.drift import measure_drift
from vo_frontend.places.memory import PlaceMemory
from vo_frontend.places.recognizer import Recognition, Recognizer

log = logging.getLogger(__name__)

NUM_CONFIRMING = 2  # keyframes that must agree with the newest ...
CONFIRMING_AMONG = 5  # ... among those before it
POSE_SLACK = 2.0  # a recognised pose may be off by so many times what moves landmarks by max_offset_px
LOOP_ROTATION_PX = 0.5  # how well a view is placed in its surroundings
FRAMES_BETWEEN = 3  # at least, from a look back in vain to the next one: two in a row show nearly the same
# New keyframes that come while a pose graph is solved: on a drive, 0.5 s for one of 1000 keyframes.
LEAST_WAIT, SOLVED_PER_KEYFRAME = 1, 250
SOLVED_AHEAD = 500  # keyframes of a graph whose solver should not have to start first: it takes 60 MB


@dataclass(slots=True)
class _Pending:
    """A correction that is being solved, and is applied a fixed number of keyframes later."""

    correction: Correction
    solution: "Future[PoseGraphSolution]"
    num_inliers: int  # of the loop
    num_keyframes: int  # still to come


class LoopCloser:
    """Looks back from every new keyframe."""

    def __init__(
        self,
        camera: PinholeCamera,
        memory: PlaceMemory,
        recognizer: Recognizer,
        mapper: Mapper,
        config: PlacesConfig,
        *,
        is_metric: bool,
    ) -> None:
        self._camera = camera
        self._memory = memory
        self._recognizer = recognizer
        self._mapper = mapper
        self._config = config
        self._is_metric = is_metric
        self._wait = 0  # keyframes before the next look back
        self._in_vain_index = -FRAMES_BETWEEN  # frame of the last one that found nothing
        self._lacks_solver = False
        self._process = PoseGraphProcess()
        self._solver = ThreadPoolExecutor(1, thread_name_prefix="pose graph")
        self._pending: _Pending | None = None
        self._found: Recognition | None = None  # of the newest keyframe

    def is_due(self, *, makes_keyframe: bool) -> bool:
        """Tell whether a frame, that makes a keyframe or none, should :meth:`go_on`.

        A keyframe is asked to apply a correction only if the frame before, too, was one.
        """
        at_most = -1 if makes_keyframe else 0
        pending = self._pending
        return self._found is not None or (pending is not None and pending.num_keyframes <= at_most)

    def look_back(self, sparse_map: SparseMap) -> None:
        """Find the newest keyframe among those that left. What follows is left to the next frame."""
        self._found = None
        if self._pending is not None:
            self._pending.num_keyframes -= 1
            return
        if len(self._memory.archive) > SOLVED_AHEAD and has_gtsam():
            self._process.start_ahead()
        self._wait -= 1
        if self._wait > 0 or len(sparse_map.keyframes) < 2:
            return
        newest, before = sparse_map.keyframes[-1], sparse_map.keyframes[-2]
        if newest.view.frame_index < self._in_vain_index + FRAMES_BETWEEN:
            return
        in_map = np.array([keyframe.view.frame_index for keyframe in sparse_map.keyframes])
        min_score = self._config.min_relative_score * self._memory.similarity(newest.view, before.view)
        landmarks = sparse_map.landmarks
        found = self._recognizer.recognize(newest.view, in_map, landmarks, min_score)
        self._found = next(found, None) or self._recognizer.follow(newest, in_map, landmarks)
        self._in_vain_index = newest.view.frame_index if self._found is None else -FRAMES_BETWEEN

    def go_on(self, sparse_map: SparseMap, *, makes_keyframe: bool) -> tuple[float, bool]:
        """Make one map of the newest keyframe and what it has found, or apply a correction that is due.

        Returns:
            The factor by which distances from the newest keyframe have grown; whether the map is adjusted.
        """
        found, self._found = self._found, None
        if found is not None:
            scale = self._unite(sparse_map, found)
            if scale is not None:
                self._mapper.adjust(sparse_map)
            return scale or 1.0, scale is not None
        factor = self.complete(sparse_map)
        if not makes_keyframe:
            self.look_back(sparse_map)  # where the newest keyframe hangs now: recalled next
        return factor, False

    def forget_found(self) -> None:
        """Do not :meth:`go_on` with what the newest keyframe has found: the map is no longer as it was."""
        self._found = None

    def close(self) -> None:
        """End the process that waits for a loop, if there is one."""
        self._process.close()

    def complete(self, sparse_map: SparseMap) -> float:
        """Apply a correction that is being solved, if there is one; waits for it.

        The number of keyframes until then depends on the size of the graph alone, never on time, so that the
        same frames give the same result.

        Returns:
            The factor by which distances from the newest keyframe have grown.
        """
        pending, self._pending, self._found = self._pending, None, None
        if pending is None:
            return 1.0
        try:
            solution = pending.solution.result()
        except VoError as error:
            self._go_on_without_solver(error)
            return 1.0
        T_before, loop = sparse_map.last_keyframe.T_world_cam, pending.correction.loop
        if not pending.correction.apply(sparse_map, self._memory, solution):
            self._wait = self._config.min_keyframes_between  # the next view would say the same
            return 1.0
        newest = sparse_map.last_keyframe
        frames = loop.i_index, newest.view.frame_index
        poses = T_before, newest.T_world_cam
        sparse_map.tell(LoopClosed(sparse_map.segment_id, *frames, pending.num_inliers, *poses))
        return pending.correction.scale_at(newest.view.frame_index, solution)

    def _unite(self, sparse_map: SparseMap, recognition: Recognition) -> float | None:
        """Recall what is recognised, or see whether it shows drift or joins two segments.

        Returns:
            The factor by which distances from the newest keyframe have grown; None where nothing is recalled.
        """
        newest = sparse_map.last_keyframe
        if not (self._is_same_world(sparse_map, recognition) and self._agrees(newest, recognition)):
            return self._close(sparse_map, recognition)
        self._memory.motions.add_loop(self._motion(newest, recognition, 1.0))
        self._reunite(sparse_map, recognition)
        return 1.0

    def _is_same_world(self, sparse_map: SparseMap, recognition: Recognition) -> bool:
        return recognition.surroundings.segment_id == sparse_map.segment_id

    def _agrees(self, newest: Keyframe, recognition: Recognition) -> bool:
        """Tell whether the map puts the old landmarks, and the camera itself, nearly where they are seen.

        A few landmarks that look alike may lie in the right direction, and yet place the camera elsewhere.
        """
        T_map_seen = se3.inverse(newest.T_world_cam) @ recognition.T_world_cam
        offset_rad = self._config.max_offset_px / self._camera.focal_px
        if np.linalg.norm(T_map_seen[:3, 3]) > POSE_SLACK * offset_rad * recognition.depth:
            return False
        if se3.rotation_angle_rad(T_map_seen[:3, :3]) > POSE_SLACK * offset_rad:
            return False
        return self._offset_px(newest.T_world_cam, newest, recognition) < self._config.max_offset_px

    def _offset_px(self, T_world_cam: Transform, keyframe: Keyframe, recognition: Recognition) -> float:
        """Measure how far, by a pose, the landmarks that a keyframe sees again are from there: median."""
        points = recognition.surroundings.landmarks.points_world[recognition.pose.landmark_rows]
        projected = self._camera.project(se3.transform_points(se3.inverse(T_world_cam), points))
        pixels = keyframe.features.pixels[recognition.pose.feature_index]
        errors = np.linalg.norm(projected - pixels, axis=1)
        return float(np.median(np.where(np.isfinite(errors), errors, np.inf)))

    def _close(self, sparse_map: SparseMap, recognition: Recognition) -> float | None:
        """If sure, join two segments, or begin to correct the drift that a recognition shows."""
        newest, surroundings = sparse_map.last_keyframe, recognition.surroundings
        if recognition.pose.num_inliers < self._config.min_inlier_share * len(surroundings.rows):
            return None
        drift = measure_drift(sparse_map, recognition, is_metric=self._is_metric)
        if drift is None or not self._is_confirmed(sparse_map, recognition, drift):
            return None
        if not self._is_same_world(sparse_map, recognition):
            join(sparse_map, self._memory, surroundings.segment_id, drift)
            tie = self._motion(newest, recognition, 1.0, EdgeKind.COVISIBILITY)  # nothing else holds them
            self._memory.motions.add_loop(tie)
            self._reunite(sparse_map, recognition)
            return drift.scale
        if not self._is_plausible(sparse_map, recognition, drift) or not self._has_solver():
            return None
        loop = self._motion(newest, recognition, drift.scale)
        self._memory.motions.add_loop(loop)
        correction = Correction.of(sparse_map, self._memory, loop, is_metric=self._is_metric)
        self._pending = _Pending(
            correction,
            self._solver.submit(correction.solve, self._process),
            recognition.pose.num_inliers,
            LEAST_WAIT + len(correction.frame_indices) // SOLVED_PER_KEYFRAME,
        )
        return None

    def _is_confirmed(self, sparse_map: SparseMap, recognition: Recognition, drift: Similarity) -> bool:
        """Tell whether other keyframes of the map, on their own, are found where the drift puts them."""
        num_agreeing = 0
        for keyframe in sparse_map.keyframes[-2 : -2 - CONFIRMING_AMONG : -1]:
            found = self._recognizer.place(keyframe.view, recognition.surroundings)
            if found is None:
                continue
            T_corrected = drift.transform_poses(keyframe.T_world_cam[None])[0]
            num_agreeing += self._offset_px(T_corrected, keyframe, found) < self._config.max_disagreement_px
            if num_agreeing == NUM_CONFIRMING:
                return True
        return False

    def _is_plausible(self, sparse_map: SparseMap, recognition: Recognition, drift: Similarity) -> bool:
        """Tell whether odometry may have drifted that far on the way that it has come since."""
        archive, T_now = self._memory.archive, sparse_map.last_keyframe.T_world_cam
        frames = archive.frame_indices()
        frames = frames[archive.segment_ids(frames) == sparse_map.segment_id]
        since = archive.T_world_cam(frames[frames >= recognition.surroundings.frame_index])[:, :3, 3]
        path = float(np.linalg.norm(np.diff(since, axis=0), axis=1).sum())
        path += float(np.linalg.norm(T_now[:3, 3] - since[-1]))
        unnoticed = self._config.max_offset_px / self._camera.focal_px * recognition.depth
        allowed = self._config.max_drift_share * path + unnoticed
        distance = float(np.linalg.norm(recognition.T_world_cam[:3, 3] - T_now[:3, 3]))
        angle_deg = float(np.rad2deg(se3.rotation_angle_rad(drift.R_target_source)))
        log.debug(
            "loop %d to %d: %.3g of %.3g on a path of %.3g, %.2f deg, scale %.4f",
            recognition.surroundings.frame_index, sparse_map.last_keyframe.view.frame_index,
            distance, allowed, path, angle_deg, drift.scale,
        )  # fmt: skip
        return distance <= allowed and angle_deg <= self._config.max_drift_deg

    def _has_solver(self) -> bool:
        """Tell whether drift can be corrected; where it cannot, the first loop says what to install."""
        if not self._lacks_solver and not has_gtsam():
            self._go_on_without_solver(missing_gtsam())
        return not self._lacks_solver

    def _go_on_without_solver(self, error: VoError) -> None:
        self._lacks_solver = True
        log.warning("the camera is back where it was, but its drift stays: %s", error)

    def _motion(
        self, newest: Keyframe, recognition: Recognition, scale: float, kind: EdgeKind = EdgeKind.LOOP
    ) -> Motion:
        """Say where the newest keyframe stands beside the old one; ``scale``: old units per new one."""
        surroundings = recognition.surroundings
        return Motion(
            i_index=surroundings.frame_index,
            j_index=newest.view.frame_index,
            T_i_j=se3.inverse(surroundings.T_world_keyframe) @ recognition.T_world_cam,
            kind=kind,
            sigma_rotation_rad=LOOP_ROTATION_PX / self._camera.focal_px,
            sigma_translation=LOOP_ROTATION_PX / self._camera.focal_px * recognition.depth / scale,
            scale_i_j=scale,
        )

    def _reunite(self, sparse_map: SparseMap, recognition: Recognition) -> None:
        """Recall the old keyframes, and note what the newest one sees again."""
        newest = sparse_map.last_keyframe
        self._memory.recall(recognition.surroundings, sparse_map)
        position = len(sparse_map.keyframes) - 1
        index, ids = recognition.pose.feature_index, recognition.landmark_ids
        own = newest.landmark_ids[index]
        is_free = own == NO_LANDMARK
        sparse_map.observe(position, index[is_free], ids[is_free])
        sparse_map.fuse(ids[~is_free], own[~is_free])
        sparse_map.trim()
        self._wait = self._config.min_keyframes_between
