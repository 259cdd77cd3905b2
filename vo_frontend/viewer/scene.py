"""What the viewer shows, collected from results. Knows nothing of Open3D or of processes.

Scene coordinates are the world of the first segment. A later segment has an origin of its own (and, for
mono, a scale of its own); it is drawn in another colour, starting at the last known camera pose. The camera
was there, but that joint is for display and not an estimate.

Ground truth is for display only: the scene aligns it to the estimate, and nothing flows back.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry.se3 import Transform, transform_points
from vo_frontend.map_events import LandmarksRetired
from vo_frontend.types import FrameResult, MapSnapshot, Reason, Status, Trajectory
from vo_frontend.viewer.bounded_rows import BoundedRows
from vo_frontend.viewer.ground_truth_overlay import GroundTruthOverlay

MAX_RETIRED_POINTS = 200_000
MAX_POSITIONS = 20_000  # of each segment
MAX_KEYFRAMES = 400

Points = NDArray[np.float32]  # (N, 3)
Colors = NDArray[np.uint8]  # (N, 3) RGB


@dataclass(frozen=True, slots=True)
class SceneSnapshot:
    """Everything one picture needs, in scene coordinates; a few arrays, cheap to send to another process."""

    status: Status
    reason: Reason
    frame_index: int
    num_inliers: int
    frames_per_second: float  # NaN where unknown
    trajectories: tuple[Points, ...]  # camera centres (N_i, 3), one array per segment, in frame order
    T_scene_cam: Transform | None  # (4, 4) last known pose, None before the first
    T_scene_keyframes: NDArray[np.float32]  # (K, 4, 4)
    active_points: Points  # (M, 3) landmarks of the local map
    active_colors: Colors  # (M, 3)
    retired_points: Points  # (R, 3) landmarks that left the local map
    retired_colors: Colors  # (R, 3)
    ground_truth: Points  # (G, 3) since the run began; G = 0 without ground truth or before alignment
    landmark_distance: float  # median distance from camera to landmark: the yardstick of a scene without unit

    @property
    def is_empty(self) -> bool:
        """True while no camera pose is known."""
        return self.T_scene_cam is None


class Scene:
    """Collects results, in bounded memory, into what a viewer shows.

    Args:
        ground_truth: poses of the camera in a world of their own. They are aligned to the longest segment
            once that has enough poses and motion. They are drawn and never reach the estimator.
        with_scale: align with Sim(3), for a sensor without scale; False aligns with SE(3).
        max_retired_points: beyond it the cloud is thinned evenly (see :class:`BoundedRows`).
    """

    def __init__(
        self,
        ground_truth: Trajectory | None = None,
        with_scale: bool = True,
        max_retired_points: int = MAX_RETIRED_POINTS,
    ) -> None:
        self._ground_truth: GroundTruthOverlay | None = None
        if ground_truth is not None and len(ground_truth):
            self._ground_truth = GroundTruthOverlay(ground_truth, with_scale)
        self._retired_points = BoundedRows(max_retired_points, (3,), np.float32)
        self._retired_colors = BoundedRows(max_retired_points, (3,), np.uint8)
        self._T_scene_keyframes = BoundedRows(MAX_KEYFRAMES, (4, 4), np.float32)
        self._active_segment_id: int | None = None
        self._active_points: Points = np.empty((0, 3), np.float32)
        self._active_colors: Colors = np.empty((0, 3), np.uint8)
        self._stamped_positions: dict[int, BoundedRows] = {}  # segment -> (N, 4): timestamp (s), x, y, z
        self._T_scene_worlds: dict[int, Transform] = {}  # segment -> where its world is drawn
        self._T_scene_cam: Transform | None = None
        self._landmark_distance = 1.0
        self._span_s: tuple[float, float] | None = None  # stamps of the first and the last result
        self._last: FrameResult | None = None

    def update(self, result: FrameResult) -> None:
        """Add the result of the next frame."""
        now_s = result.timestamp_ns * 1e-9
        self._span_s = (self._span_s[0] if self._span_s else now_s, now_s)
        self._last = result
        self._add_poses(result)
        for event in result.events:
            if isinstance(event, LandmarksRetired):
                retired = transform_points(self._T_scene_world(event.segment_id), event.points_world)
                self._retire(retired.astype(np.float32), event.colors)
        if result.map is not None:
            self._replace_map(result.map)

    def snapshot(self, frames_per_second: float = float("nan"), *, is_final: bool = False) -> SceneSnapshot:
        """Return the scene as it is now; ``is_final`` aligns ground truth to the whole estimate."""
        last = self._last
        return SceneSnapshot(
            status=last.status if last else Status.INITIALIZING,
            reason=last.reason if last else Reason.FIRST_VIEW,
            frame_index=last.frame_index if last else 0,
            num_inliers=last.num_inliers if last else 0,
            frames_per_second=frames_per_second,
            trajectories=tuple(_in_time_order(rows.rows) for rows in self._stamped_positions.values()),
            T_scene_cam=self._T_scene_cam,
            T_scene_keyframes=self._T_scene_keyframes.rows,
            active_points=self._active_points,
            active_colors=self._active_colors,
            retired_points=self._retired_points.rows,
            retired_colors=self._retired_colors.rows,
            ground_truth=self._true_path(is_final),
            landmark_distance=self._landmark_distance,
        )

    def _add_poses(self, result: FrameResult) -> None:
        placed = [(pose.timestamp_ns, pose.T_world_cam) for pose in result.backfilled]
        if result.T_world_cam is not None:
            placed.append((result.timestamp_ns, result.T_world_cam))
        if not placed:
            return
        T_scene_world = self._T_scene_world(result.segment_id)
        rows = self._stamped_positions.setdefault(
            result.segment_id, BoundedRows(MAX_POSITIONS, (4,), np.float64)
        )
        rows.extend(
            np.array([[ns * 1e-9, *(T_scene_world @ T_world_cam)[:3, 3]] for ns, T_world_cam in placed])
        )
        self._T_scene_cam = T_scene_world @ placed[-1][1]
        if result.is_keyframe:
            self._T_scene_keyframes.extend(self._T_scene_cam[None].astype(np.float32))

    def _replace_map(self, local_map: MapSnapshot) -> None:
        """Replace the local map; landmarks of a segment that was given up stay where they were."""
        if local_map.segment_id != self._active_segment_id:
            self._retire(self._active_points, self._active_colors)
            self._active_segment_id = local_map.segment_id
        T_scene_world = self._T_scene_world(local_map.segment_id)
        self._active_points = transform_points(T_scene_world, local_map.points_world).astype(np.float32)
        self._active_colors = local_map.colors
        if len(self._active_points) and self._T_scene_cam is not None:
            offsets = self._active_points - self._T_scene_cam[:3, 3]
            self._landmark_distance = max(float(np.median(np.linalg.norm(offsets, axis=1))), 1e-6)

    def _retire(self, points: Points, colors: Colors) -> None:
        """Keep points (N, 3) and colours (N, 3) that will not change any more."""
        self._retired_points.extend(points)
        self._retired_colors.extend(colors)

    def _true_path(self, is_final: bool) -> Points:
        if self._ground_truth is None or self._span_s is None or not self._stamped_positions:
            return np.empty((0, 3), np.float32)
        longest = max(self._stamped_positions.values(), key=lambda rows: rows.num_seen)
        self._ground_truth.follow(longest, self._landmark_distance, is_final=is_final)
        return self._ground_truth.path(*self._span_s)

    def _T_scene_world(self, segment_id: int) -> Transform:
        start = np.eye(4) if self._T_scene_cam is None else self._T_scene_cam
        return self._T_scene_worlds.setdefault(segment_id, start)


def _in_time_order(stamped_positions: NDArray[np.float64]) -> Points:
    """Sort rows (N, 4) by time, because back-filled frames arrive late, and return the positions (N, 3)."""
    order = np.argsort(stamped_positions[:, 0], kind="stable")
    return stamped_positions[order, 1:].astype(np.float32)
