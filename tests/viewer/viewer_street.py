"""Results with known answers, and a drive through a street whose landmarks retire behind the camera."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.map_events import KeyframeAdded, LandmarksAdded, LandmarksRetired, MapEvent
from vo_frontend.mapping.records import Records
from vo_frontend.types import FrameResult, MapSnapshot, Reason, Status, Trajectory
from vo_frontend.viewer.scene import Scene


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


def make_added(segment_id: int, points: NDArray[np.float64], first_id: int = 0) -> LandmarksAdded:
    ids = first_id + np.arange(len(points))
    return LandmarksAdded(segment_id, ids, points, np.full((len(points), 3), 200, np.uint8))


def make_retired(
    segment_id: int, points: NDArray[np.float64], first_id: int = 0, grey: int = 200
) -> LandmarksRetired:
    colors = np.full((len(points), 3), grey, np.uint8)
    return LandmarksRetired(segment_id, first_id + np.arange(len(points)), points, colors)


def make_result(
    index: int,
    position: tuple[float, float, float] | None,
    segment_id: int = 0,
    *,
    is_keyframe: bool = False,
    events: tuple[MapEvent, ...] = (),
    **fields: Any,
) -> FrameResult:
    status = Status.LOST if position is None else Status.TRACKING
    reason = Reason.TOO_FEW_MATCHES if position is None else Reason.NONE
    T_world_cam = None if position is None else make_pose(position)
    if is_keyframe and T_world_cam is not None:
        events = KeyframeAdded(segment_id, index, index * 10**8, T_world_cam), *events
    fields |= {"is_keyframe": is_keyframe, "events": events}
    return FrameResult(index, index * 10**8, status, reason, segment_id, T_world_cam, **fields)


def make_street(num_frames: int = 40) -> list[FrameResult]:
    rng = np.random.default_rng(0)
    walls = rng.uniform([-1, -4, 0], [1, 1.5, 3], size=(num_frames, 40, 3))
    walls[..., 0] = np.where(walls[..., 0] < 0, -5, 5) + walls[..., 0]
    walls[..., 2] += np.arange(num_frames)[:, None] + 5
    results = []
    for i in range(num_frames):
        events: list[MapEvent] = [make_added(0, walls[i], 40 * i)]
        if i >= 10:
            events.append(make_retired(0, walls[i - 10], 40 * (i - 10)))
        local_map = make_map(0, walls[max(0, i - 9) : i + 1].reshape(-1, 3))
        position = (0.0, 0.0, float(i))
        results.append(make_result(i, position, is_keyframe=i % 5 == 0, map=local_map, events=tuple(events)))
    return results


class FedScene(Scene):
    """A scene whose records hear what it hears, just before."""

    def __init__(
        self,
        ground_truth: Trajectory | None = None,
        with_scale: bool = True,
        max_retired_points: int = 10_000,
    ) -> None:
        self.records = Records()
        super().__init__(self.records, ground_truth, with_scale, max_retired_points)

    def update(self, result: FrameResult) -> None:
        self.records.update(result)
        super().update(result)
