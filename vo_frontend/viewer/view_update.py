"""What the run tells a view, and what a view tells the run."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from vo_frontend.viewer.image_view import ImageView
from vo_frontend.viewer.run_state import RunState
from vo_frontend.viewer.scene import SceneSnapshot


@dataclass(frozen=True, slots=True)
class Update:
    """Everything that a view shows of one moment."""

    scene: SceneSnapshot
    state: RunState
    image: ImageView | None = None  # None where the frame has none
    is_last: bool = False
    hold: bool = False  # with is_last: stay open until the user closes the window


class Wish(Enum):
    """What the user asks of the run, in a window."""

    STOP = "stop"
    PAUSE = "pause"
    GO_ON = "go on"
    STEP = "step"  # one frame, then pause again


@dataclass(frozen=True, slots=True)
class Opened:
    """Tells that a view is there and takes updates."""


@dataclass(frozen=True, slots=True)
class Saved:
    """Tells that a view has written a file."""

    path: Path
