"""Results with known answers, and a drive through a street whose landmarks retire behind the camera."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.map_events import LandmarksRetired
from vo_frontend.types import FrameResult, MapSnapshot, Reason, Status, Trajectory


def make_pose(position: tuple[float, float, float]) -> NDArray[np.float64]:
    T_world_cam = np.eye(4)
    T_world_cam[:3, 3] = position
    return T_world_cam


def make_truth(positions: NDArray[np.float64], period_s: float = 0.1) -> Trajectory:
    """Ground truth with the stamps of ``make_result``, where the period is left as it is."""
    T_world_cam = np.tile(np.eye(4), (len(positions), 1, 1))
    T_world_cam[:, :3, 3] = positions
    return Trajectory(np.arange(len(positions)) * round(period_s * 1e9), T_world_cam)


def make_map(segment_id: int, active: NDArray[np.float64]) -> MapSnapshot:
    return MapSnapshot(
        segment_id,
        np.arange(len(active)),
        active,
        np.full((len(active), 3), 200, np.uint8),
        np.eye(4)[None],
        np.zeros(1, np.int64),
    )


def make_retired(segment_id: int, points: NDArray[np.float64], grey: int = 200) -> LandmarksRetired:
    colors = np.full((len(points), 3), grey, np.uint8)
    return LandmarksRetired(segment_id, np.arange(len(points)), points, colors)


def make_result(
    index: int, position: tuple[float, float, float] | None, segment_id: int = 0, **fields: Any
) -> FrameResult:
    status = Status.LOST if position is None else Status.TRACKING
    reason = Reason.TOO_FEW_MATCHES if position is None else Reason.NONE
    T_world_cam = None if position is None else make_pose(position)
    return FrameResult(index, index * 10**8, status, reason, segment_id, T_world_cam, **fields)


def make_street(num_frames: int = 40) -> list[FrameResult]:
    rng = np.random.default_rng(0)
    walls = rng.uniform([-1, -4, 0], [1, 1.5, 3], size=(num_frames, 40, 3))
    walls[..., 0] = np.where(walls[..., 0] < 0, -5, 5) + walls[..., 0]
    walls[..., 2] += np.arange(num_frames)[:, None] + 5
    results = []
    for i in range(num_frames):
        active = walls[max(0, i - 9) : i + 1].reshape(-1, 3)
        retired = walls[i - 10] if i >= 10 else np.empty((0, 3))
        position = (0.0, 0.0, float(i))
        change: dict[str, Any] = {"map": make_map(0, active), "events": (make_retired(0, retired),)}
        results.append(make_result(i, position, is_keyframe=i % 5 == 0, **change))
    return results
