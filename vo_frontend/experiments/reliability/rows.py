"""What is done to sequences, and what is promised of each."""

from collections.abc import Callable
from dataclasses import dataclass

from vo_frontend.simulation.faults import (
    BlackOut,
    Blur,
    Brighten,
    Drop,
    Fault,
    Flatten,
    Freeze,
    Occlude,
    Overtake,
    SameView,
    ScaleDepth,
    ShowAgain,
    StaleDepth,
    StopClock,
    Tear,
    Truncate,
    When,
)
from vo_frontend.types import Sensor

STRIKE_FRAMES = 5
ALL = tuple(Sensor)
WITH_DEPTH = (Sensor.STEREO, Sensor.RGBD)
NO_POSE = "no pose for these frames; the track goes on with the next one"
GOES_ON = "tracked by what is left, or no pose"
WITHOUT_DEPTH = "tracked without their depths, and the result says so"
SAME_PLACE = "goes on where it was only if that is sure, else a new segment"


@dataclass(frozen=True, slots=True)
class FaultRow:
    """A fault that strikes twice, at a third and at two thirds of a sequence."""

    name: str
    promise: str
    make: Callable[[When], Fault]
    sensors: tuple[Sensor, ...] = ALL
    num_frames: int | None = STRIKE_FRAMES  # of each strike; None: a quarter of the sequence

    def faults(self, num_frames: int) -> list[Fault]:
        """Make the faults of a sequence of so many frames."""
        length = num_frames // 4 if self.num_frames is None else self.num_frames
        return [self.make(When.at(num_frames // 3, 2 * num_frames // 3, num_frames=length))]


ROWS = (
    FaultRow("frames lost", "the track goes on with the next frame", Drop),
    FaultRow("a quarter cut out", SAME_PLACE, Drop, num_frames=None),
    FaultRow("cannot be decoded", NO_POSE, Truncate),
    FaultRow("black", NO_POSE, BlackOut),
    FaultRow("camera hangs", "one repetition has the pose of its original, the others none", Freeze),
    FaultRow("picture of 7 frames ago", NO_POSE, ShowAgain),
    FaultRow("clock stands still", NO_POSE, StopClock),
    FaultRow("overtaken", "the late frame has no pose", Overtake, num_frames=1),
    FaultRow("half of another frame", GOES_ON, Tear),
    FaultRow("blurred, 3 px", GOES_ON, lambda when: Blur(when, 3.0)),
    FaultRow("twice as bright", GOES_ON, lambda when: Brighten(when, 2.0)),
    FaultRow("a third as bright", GOES_ON, lambda when: Brighten(when, 0.33)),
    FaultRow("fog", GOES_ON, Flatten),
    FaultRow("half covered", GOES_ON, lambda when: Occlude(when, 0.5)),
    FaultRow("covered", NO_POSE, lambda when: Occlude(when, 1.0)),
    FaultRow("right image is the left", WITHOUT_DEPTH, SameView, (Sensor.STEREO,)),
    FaultRow("right image or depth stands still", WITHOUT_DEPTH, StaleDepth, WITH_DEPTH),
    FaultRow("right image or depth is missing", GOES_ON, lambda when: Truncate(when, "right"), WITH_DEPTH),
    FaultRow("depth scaled by 1.5", WITHOUT_DEPTH, ScaleDepth, (Sensor.RGBD,)),
)
