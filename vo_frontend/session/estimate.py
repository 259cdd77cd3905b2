"""What a run has estimated, as one value for its files and its report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vo_frontend.mapping.landmark_record import LandmarkCloud
from vo_frontend.mapping.loop_record import LoopEdges
from vo_frontend.mapping.records import Records
from vo_frontend.mapping.trajectory import EstimatedTrajectory
from vo_frontend.reports.point_cloud import MAP_NAME
from vo_frontend.reports.trajectory_files import ONLINE_FILES, save_trajectory


@dataclass(frozen=True, slots=True)
class Estimate:
    """Holds trajectory, map and loops; each segment has a world of its own, in m or in map units for mono."""

    trajectory: EstimatedTrajectory  # as it is known by now
    online: EstimatedTrajectory  # as each frame told it
    landmarks: LandmarkCloud
    loops: LoopEdges

    @classmethod
    def of(cls, records: Records) -> "Estimate":
        """Copy what the records of a session know by now."""
        poses = records.trajectory
        loops = records.loops.edges(poses)
        return cls(poses.trajectory(), poses.online(), records.landmarks.cloud(), loops)

    def scaled(self, scale_of_segment: Mapping[int, float]) -> "Estimate":
        """Multiply the positions of each segment by its factor; segments without one stay as they are."""
        return Estimate(
            self.trajectory.scaled(scale_of_segment),
            self.online.scaled(scale_of_segment),
            self.landmarks.scaled(scale_of_segment),
            self.loops.scaled(scale_of_segment),
        )

    def save(self, folder: Path) -> None:
        """Write trajectories and map of a run folder anew.

        Raises:
            OutputError: a file cannot be written; it stays as it was.
        """
        save_trajectory(folder, self.trajectory)
        save_trajectory(folder, self.online, ONLINE_FILES)
        self.landmarks.save_ply(folder / MAP_NAME)
