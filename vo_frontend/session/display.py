"""What a run looks like, as values for the pictures: one world for all segments, ground truth beside them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from vo_frontend.evaluation import Evaluation
from vo_frontend.geometry import se3
from vo_frontend.geometry.alignment import Similarity
from vo_frontend.geometry.se3 import Transform
from vo_frontend.mapping.trajectory import EstimatedTrajectory
from vo_frontend.reports.figures.map_picture import PlottedMap
from vo_frontend.reports.figures.path import (
    MAP_UNITS,
    METRES,
    Loss,
    PlottedPath,
    PlottedSegment,
    broken_at,
)
from vo_frontend.reports.frame_table import FrameTable, Gap
from vo_frontend.reports.sound_points import distances_from_path
from vo_frontend.session.estimate import Estimate
from vo_frontend.types import Trajectory

Points = NDArray[np.float64]  # (N, 3)


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """A segment of the estimate, compared with ground truth where there is any."""

    segment_id: int
    trajectory: Trajectory
    is_metric: bool
    evaluation: Evaluation | None

    @property
    def similarity(self) -> Similarity | None:
        """Return what takes the segment to the world of ground truth, None where that is not known."""
        return self.evaluation.similarity if self.evaluation else None


@dataclass(frozen=True, slots=True, eq=False)
class Display:
    """Holds what pictures of a run show."""

    name: str
    segments: Sequence[SegmentReport]
    estimate: Estimate
    ground_truth: Trajectory | None
    losses: Sequence[Loss] = ()

    @property
    def unit(self) -> str:
        """Return the unit of lengths where ground truth does not give metres."""
        return METRES if all(segment.is_metric for segment in self.segments) else MAP_UNITS

    def path(self) -> PlottedPath:
        """Return the path in the world of ground truth, or in its own where there is none."""
        aligned = [segment for segment in self.segments if segment.similarity is not None]
        truth = self._truth_meanwhile()
        if truth is None or not len(truth) or not aligned:
            return self._path_alone()
        names = " and ".join(sorted({s.evaluation.alignment for s in aligned if s.evaluation}))
        return PlottedPath(
            f"{self.name}, {names} aligned",
            [_aligned(segment) for segment in aligned],
            positions_gt=truth.positions_world,
            times_gt_s=_seconds(truth.timestamps_ns),
            online=self._online(
                {s.segment_id: s.similarity.transform_points for s in aligned if s.similarity}
            ),
            loops=np.concatenate([self._aligned_loops(segment) for segment in aligned]),
            losses=self.losses,
            T_world_view=truth.T_world_cam[0],
            unit=METRES,
        )

    def map(self) -> PlottedMap:
        """Return the map in the world of its first segment; there must be one."""
        worlds = self._display_worlds()
        cloud = self.estimate.landmarks
        points = np.empty_like(cloud.points_world)
        distances = []
        for segment in self.segments:
            members = cloud.segment_ids == segment.segment_id
            distances.append(
                distances_from_path(cloud.points_world[members], segment.trajectory.positions_world)
            )
            points[members] = se3.transform_points(worlds[segment.segment_id], cloud.points_world[members])
        is_known = np.isin(cloud.segment_ids, list(worlds))
        every = np.concatenate(distances)
        return PlottedMap(
            f"{self.name}: {len(cloud)} points from above{self._note_of_joints()}",
            points[is_known],
            cloud.colors[is_known],
            [self._line(segment, worlds[segment.segment_id]) for segment in self.segments],
            _poses_in(worlds, self.estimate.keyframes),
            self._truth_in_map(worlds),
            self._loops_in(worlds),
            float(np.median(every)) if len(every) else 0.0,
            self.unit,
        )

    def _path_alone(self) -> PlottedPath:
        worlds = self._display_worlds()
        segments = [
            PlottedSegment(
                se3.transform_points(worlds[segment.segment_id], segment.trajectory.positions_world),
                _seconds(segment.trajectory.timestamps_ns),
            )
            for segment in self.segments
        ]
        return PlottedPath(
            self.name + self._note_of_joints(),
            segments,
            online=self._online({i: partial(se3.transform_points, T) for i, T in worlds.items()}),
            loops=self._loops_in(worlds),
            losses=self.losses,
            unit=self.unit,
        )

    def _note_of_joints(self) -> str:
        return "; later segments start where the camera was lost" if len(self.segments) > 1 else ""

    def _line(self, segment: SegmentReport, T_display_world: Transform) -> Points:
        """Return the positions of a segment, with a gap where poses are missing."""
        trajectory = segment.trajectory
        positions = se3.transform_points(T_display_world, trajectory.positions_world)
        return broken_at(self.losses, _seconds(trajectory.timestamps_ns), positions)

    def _display_worlds(self) -> dict[int, Transform]:
        """Place the world of each segment at the last pose of the one before: for display, no estimate."""
        worlds: dict[int, Transform] = {}
        T_display_end = np.eye(4)
        for segment in self.segments:
            worlds[segment.segment_id] = T_display_end
            T_display_end = T_display_end @ segment.trajectory.T_world_cam[-1]
        return worlds

    def _online(self, movers: Mapping[int, Callable[[Points], Points]]) -> list[Points]:
        """Return the path as it was told, where loops have moved it since."""
        if not len(self.estimate.loops):
            return []
        parts = self.estimate.online.segments()
        return [movers[i](part.positions_world) for i, part in parts.items() if i in movers]

    def _truth_meanwhile(self) -> Trajectory | None:
        """Return the ground truth of the time of the run."""
        truth = self.ground_truth
        if truth is None or not self.segments:
            return None
        first_ns = min(segment.trajectory.timestamps_ns[0] for segment in self.segments)
        last_ns = max(segment.trajectory.timestamps_ns[-1] for segment in self.segments)
        during = (truth.timestamps_ns >= first_ns) & (truth.timestamps_ns <= last_ns)
        return Trajectory(truth.timestamps_ns[during], truth.T_world_cam[during])

    def _truth_in_map(self, worlds: dict[int, Transform]) -> Points | None:
        """Take ground truth to the map by the alignment of the longest segment."""
        truth = self._truth_meanwhile()
        longest = max(self.segments, key=lambda segment: len(segment.trajectory))
        if truth is None or longest.similarity is None:
            return None
        similarity = longest.similarity
        offsets = truth.positions_world - similarity.t_target_source
        positions = offsets @ similarity.R_target_source / similarity.scale
        return se3.transform_points(worlds[longest.segment_id], positions)

    def _aligned_loops(self, segment: SegmentReport) -> Points:
        """Take the loops of a segment (L, 3, 3) into the world of ground truth."""
        loops = self.estimate.loops
        own = loops.positions_world[loops.segment_ids == segment.segment_id]
        if segment.similarity is None:
            return own[:0]
        return segment.similarity.transform_points(own.reshape(-1, 3)).reshape(-1, 3, 3)

    def _loops_in(self, worlds: dict[int, Transform]) -> NDArray[np.float64]:
        loops = self.estimate.loops
        placed = [
            se3.transform_points(worlds[segment_id], positions)
            for segment_id, positions in zip(loops.segment_ids.tolist(), loops.positions_world, strict=True)
            if segment_id in worlds
        ]
        return np.array(placed).reshape(-1, 3, 3)


def losses_of(table: FrameTable, gaps: Sequence[Gap]) -> list[Loss]:
    """Place stretches without a pose in time."""
    return [
        Loss(
            float(table.times_s[gap.first_row]),
            float(table.times_s[gap.first_row + gap.num_frames - 1]),
            gap.reason.value,
        )
        for gap in gaps
    ]


def _aligned(segment: SegmentReport) -> PlottedSegment:
    series = segment.evaluation.series if segment.evaluation else None
    assert series is not None, "a segment with a similarity has errors"
    return PlottedSegment(
        series.T_world_cam[:, :3, 3],
        _seconds(series.timestamps_ns),
        series.position_errors_m,
        series.rotation_errors_deg,
        travelled(series.T_world_cam_gt[:, :3, 3]),
    )


def travelled(positions: Points) -> NDArray[np.float64]:
    """Measure the way (N,) from the first position (N, 3) to each."""
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    return np.concatenate([[0.0], np.cumsum(steps)])


def _poses_in(worlds: dict[int, Transform], trajectory: EstimatedTrajectory) -> NDArray[np.float64]:
    ids = trajectory.segment_ids.tolist()
    poses = [worlds[i] @ pose for i, pose in zip(ids, trajectory.T_world_cam, strict=True) if i in worlds]
    return np.array(poses).reshape(-1, 4, 4)


def _seconds(timestamps_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    return timestamps_ns.astype(np.float64) * 1e-9
