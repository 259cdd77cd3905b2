"""What the viewer shows, collected from results. Knows nothing of Open3D or of processes.

Poses and landmarks are read from the records of the session, so that corrections show at once, however old
what they move is.

Scene coordinates are the world of the first segment. A later segment has an origin of its own (and, for
mono, a scale of its own); it is drawn in another colour, starting at the last known camera pose. The camera
was there, but that joint is for display and not an estimate. A joined segment is part of the other one.

Ground truth is for display only: the scene aligns it to the estimate, and nothing flows back.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry.se3 import Transform, transform_points
from vo_frontend.map_events import LoopClosed, SegmentJoined
from vo_frontend.mapping.landmark_record import LandmarkCloud
from vo_frontend.mapping.records import Records
from vo_frontend.mapping.trajectory import EstimatedTrajectory
from vo_frontend.types import FrameResult, Status, Trajectory
from vo_frontend.viewer.ground_truth_overlay import GroundTruthOverlay
from vo_frontend.viewer.run_state import STALE

MAX_RETIRED_POINTS = 200_000
MAX_POSITIONS = 20_000
MAX_KEYFRAMES = 400

Points = NDArray[np.float32]  # (N, 3)
Colors = NDArray[np.uint8]  # (N, 3) RGB


@dataclass(frozen=True, slots=True)
class SceneSnapshot:
    """Everything one picture needs, in scene coordinates; a few arrays, cheap to send to another process."""

    status: Status
    trajectories: tuple[Points, ...]  # camera centres (N_i, 3), one array per segment, in frame order
    T_scene_cam: Transform | None  # (4, 4) last known pose, None before the first
    T_scene_keyframes: NDArray[np.float32]  # (K, 4, 4)
    active_points: Points  # (M, 3) landmarks of the local map
    active_colors: Colors  # (M, 3)
    retired_points: Points  # (R, 3) landmarks that left the local map
    retired_colors: Colors  # (R, 3)
    loops: NDArray[np.float32]  # (L, 3, 3) cameras: old keyframe, new one before its correction, and now
    gaps: NDArray[
        np.float32
    ]  # (G, 2, 3) cameras: the last one before tracking was lost, and where it is found again
    num_landmarks: int  # of the whole map: more than there are points, where these are thinned
    ground_truth: Points  # (G, 3) since the run began; G = 0 without ground truth or before alignment
    landmark_distance: float  # median distance from camera to landmark: the yardstick of a scene without unit
    num_corrections: int  # until now, of places that were drawn long ago

    @property
    def is_empty(self) -> bool:
        """True while no camera pose is known."""
        return self.T_scene_cam is None


class Scene:
    """Collects results, in bounded memory, into what a viewer shows.

    Args:
        records: of the session; they have taken every result before this scene does.
        ground_truth: poses of the camera in a world of their own. They are aligned to the longest segment
            once that has enough poses and motion. They are drawn and never reach the estimator.
        with_scale: align with Sim(3), for a sensor without scale; False aligns with SE(3).
        max_retired_points: beyond it the cloud is thinned evenly.
    """

    def __init__(
        self,
        records: Records,
        ground_truth: Trajectory | None = None,
        with_scale: bool = True,
        max_retired_points: int = MAX_RETIRED_POINTS,
    ) -> None:
        self._records = records
        self._ground_truth: GroundTruthOverlay | None = None
        if ground_truth is not None and len(ground_truth):
            self._ground_truth = GroundTruthOverlay(ground_truth, with_scale)
        self._max_retired_points = max_retired_points
        self._clouds: tuple[LandmarkCloud, LandmarkCloud] | None = None  # active, retired; None: out of date
        self._T_scene_worlds: dict[int, Transform] = {}  # segment -> where its world is drawn
        self._T_scene_cam: Transform | None = None
        self._landmark_distance = 1.0
        self._span_s: tuple[float, float] | None = None  # stamps of the first and the last result
        self._has_jumped = False  # the trajectory, since ground truth was aligned to it
        self._num_corrections = 0
        self._status = Status.INITIALIZING
        self._last_posed: tuple[int, int] | None = None  # segment and frame of the last pose
        self._is_lost = False
        self._gaps: list[tuple[int, int]] = []  # frames: the last before tracking was lost, the first after

    def update(self, result: FrameResult) -> None:
        """Add the result of the next frame."""
        now_s = result.timestamp_ns * 1e-9
        self._span_s = (self._span_s[0] if self._span_s else now_s, now_s)
        self._status = result.status
        if result.events:
            self._clouds = None
        if any(isinstance(event, SegmentJoined | LoopClosed) for event in result.events):
            self._has_jumped = True
            self._num_corrections += 1
        self._note_gap(result)
        if result.T_world_cam is not None:
            self._T_scene_cam = self._T_scene_world(result.segment_id) @ result.T_world_cam
        if result.map is not None and len(result.map.points_world) and result.T_world_cam is not None:
            offsets = result.map.points_world - result.T_world_cam[:3, 3]
            self._landmark_distance = max(float(np.median(np.linalg.norm(offsets, axis=1))), 1e-6)

    def snapshot(self, *, is_final: bool = False) -> SceneSnapshot:
        """Return the scene as it is now; ``is_final`` aligns ground truth to the whole estimate."""
        paths = self._stamped_paths()
        if self._clouds is None:
            landmarks = self._records.landmarks
            self._clouds = landmarks.local(), landmarks.retired(self._max_retired_points)
        active, retired = self._clouds
        return SceneSnapshot(
            status=self._status,
            trajectories=tuple(path[:, 1:].astype(np.float32) for path in paths),
            T_scene_cam=self._T_scene_cam,
            T_scene_keyframes=self._keyframes(),
            active_points=self._in_scene(active),
            active_colors=active.colors,
            retired_points=self._in_scene(retired),
            retired_colors=retired.colors,
            loops=self._loops(),
            gaps=self._gap_ends(),
            num_landmarks=len(self._records.landmarks),
            ground_truth=self._true_path(paths, is_final),
            landmark_distance=self._landmark_distance,
            num_corrections=self._num_corrections,
        )

    def _stamped_paths(self) -> list[NDArray[np.float64]]:
        """Return time in s and camera centre of the poses of each segment: (N_i, 4)."""
        record = self._records.trajectory
        trajectory = record.trajectory(step=1 + len(record) // MAX_POSITIONS)
        T_scene_cam = self._poses_in_scene(trajectory)
        stamped = np.column_stack([trajectory.timestamps_ns * 1e-9, T_scene_cam[:, :3, 3]])
        ids = trajectory.segment_ids
        return [stamped[ids == segment_id] for segment_id in dict.fromkeys(ids.tolist())]

    def _keyframes(self) -> NDArray[np.float32]:
        """Return the poses of keyframes (K, 4, 4) in the scene, thinned evenly."""
        record = self._records.trajectory
        chosen = record.keyframe_indices[:: 1 + len(record.keyframe_indices) // MAX_KEYFRAMES]
        return self._poses_in_scene(record.at(chosen)).astype(np.float32)

    def _loops(self) -> NDArray[np.float32]:
        edges = self._records.loops.edges(self._records.trajectory)
        loops = [
            transform_points(self._T_scene_world(segment_id), positions)
            for segment_id, positions in zip(edges.segment_ids.tolist(), edges.positions_world, strict=True)
        ]
        return np.array(loops, np.float32).reshape(-1, 3, 3)

    def _note_gap(self, result: FrameResult) -> None:
        """Remember between which frames of one segment tracking was lost."""
        if result.T_world_cam is None:
            self._is_lost |= result.status is Status.LOST and result.reason not in STALE
            return
        if self._is_lost and self._last_posed is not None and self._last_posed[0] == result.segment_id:
            self._gaps.append((self._last_posed[1], result.frame_index))
        self._is_lost, self._last_posed = False, (result.segment_id, result.frame_index)

    def _gap_ends(self) -> NDArray[np.float32]:
        known = self._records.trajectory.at([index for gap in self._gaps for index in gap])
        positions = self._poses_in_scene(known)[:, :3, 3]
        row_of = {index: row for row, index in enumerate(known.frame_indices.tolist())}
        ends = [positions[[row_of[first], row_of[last]]] for first, last in self._gaps]
        return np.array(ends, np.float32).reshape(-1, 2, 3)

    def _poses_in_scene(self, trajectory: EstimatedTrajectory) -> NDArray[np.float64]:
        """Return poses (N, 4, 4) in scene coordinates."""
        T_scene_cam = trajectory.T_world_cam.copy()
        for segment_id in np.unique(trajectory.segment_ids).tolist():
            members = trajectory.segment_ids == segment_id
            T_scene_cam[members] = self._T_scene_world(segment_id) @ T_scene_cam[members]
        return T_scene_cam

    def _in_scene(self, cloud: LandmarkCloud) -> Points:
        """Return the landmarks (N, 3) of a cloud in scene coordinates."""
        points = cloud.points_world.copy()
        for segment_id in np.unique(cloud.segment_ids).tolist():
            members = cloud.segment_ids == segment_id
            points[members] = transform_points(self._T_scene_world(segment_id), points[members])
        return points

    def _true_path(self, paths: list[NDArray[np.float64]], is_final: bool) -> Points:
        if self._ground_truth is None or self._span_s is None or not paths:
            return np.empty((0, 3), np.float32)
        longest = max(paths, key=len)
        align_anew = is_final or self._has_jumped
        self._ground_truth.follow(longest, self._landmark_distance, align_anew=align_anew)
        self._has_jumped = False
        return self._ground_truth.path(*self._span_s)

    def _T_scene_world(self, segment_id: int) -> Transform:
        start = np.eye(4) if self._T_scene_cam is None else self._T_scene_cam
        return self._T_scene_worlds.setdefault(segment_id, start)
