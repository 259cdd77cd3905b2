"""What is remembered of all results together, once for all who read it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from vo_frontend.map_events import MapEvent
from vo_frontend.mapping.landmark_record import LandmarkRecord
from vo_frontend.mapping.loop_record import LoopRecord
from vo_frontend.mapping.trajectory import TrajectoryRecord
from vo_frontend.types import FrameResult


@dataclass(frozen=True, slots=True)
class Records:
    """Listens to results: poses, landmarks and loops as they are known by now."""

    trajectory: TrajectoryRecord = field(default_factory=TrajectoryRecord)
    landmarks: LandmarkRecord = field(default_factory=LandmarkRecord)
    loops: LoopRecord = field(default_factory=LoopRecord)

    def hear(self, events: Sequence[MapEvent]) -> None:
        """Follow what happens to the map after the last frame."""
        self.trajectory.hear(events)
        self.landmarks.hear(events)
        self.loops.hear(events)

    def update(self, result: FrameResult) -> None:
        """Take the result of the next frame."""
        self.trajectory.update(result)
        self.landmarks.update(result)
        self.loops.update(result)
