"""What a run has estimated, as one value for its files and its report."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from vo_frontend.mapping.landmark_record import LandmarkCloud
from vo_frontend.mapping.loop_record import LoopEdges
from vo_frontend.mapping.records import Records
from vo_frontend.mapping.trajectory import EstimatedTrajectory
from vo_frontend.reports.point_cloud import MAP_NAME
from vo_frontend.reports.sound_points import sound_points
from vo_frontend.reports.trajectory_files import ONLINE_FILES, save_trajectory


@dataclass(frozen=True, slots=True)
class Estimate:
    """Holds trajectory, map and loops; each segment has a world of its own, in m or in map units for mono."""

    trajectory: EstimatedTrajectory  # as it is known by now
    online: EstimatedTrajectory  # as each frame told it
    keyframes: EstimatedTrajectory  # their poses alone
    landmarks: LandmarkCloud  # those of map.ply
    num_landmarks: int  # of the whole map, those included that map.ply leaves out
    loops: LoopEdges

    @classmethod
    def of(cls, records: Records) -> "Estimate":
        """Copy what the records of a session know by now."""
        poses = records.trajectory
        keyframes, loops = poses.at(poses.keyframe_indices), records.loops.edges(poses)
        cloud = records.landmarks.cloud()
        return cls(poses.trajectory(), poses.online(), keyframes, cloud, len(cloud), loops)

    def scaled(self, scale_of_segment: Mapping[int, float]) -> "Estimate":
        """Multiply the positions of each segment by its factor; segments without one stay as they are."""
        return Estimate(
            self.trajectory.scaled(scale_of_segment),
            self.online.scaled(scale_of_segment),
            self.keyframes.scaled(scale_of_segment),
            self.landmarks.scaled(scale_of_segment),
            self.num_landmarks,
            self.loops.scaled(scale_of_segment),
        )

    def without_doubtful_landmarks(self) -> "Estimate":
        """Leave out the landmarks that one frame alone has found, and those far outside."""
        is_sound = sound_points(self.landmarks, self.trajectory)
        return replace(self, landmarks=self.landmarks.select(is_sound))

    def save_points(self, folder: Path) -> None:
        """Write ``map.ply`` of a run folder anew.

        Raises:
            OutputError: it cannot be written; it stays as it was.
        """
        self.landmarks.save_ply(folder / MAP_NAME)

    def save_trajectories(self, folder: Path) -> None:
        """Write the trajectories of a run folder anew.

        Raises:
            OutputError: a file cannot be written; it stays as it was.
        """
        save_trajectory(folder, self.trajectory)
        save_trajectory(folder, self.online, ONLINE_FILES)
