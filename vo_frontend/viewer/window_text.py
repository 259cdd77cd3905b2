"""What the window says in words."""

import math

from vo_frontend.types import Status
from vo_frontend.viewer.layers import Layer
from vo_frontend.viewer.run_state import RunState
from vo_frontend.viewer.scene import SceneSnapshot

NOTE_FRAMES = 40  # for which a note stays

HINT = "H: keys    Space: pause    T: from above    Q: stop the run"
HINT_PAUSED = "PAUSED    Space: go on    S: one frame    H: keys    Q: stop the run"
HINT_AT_END = (
    "the run is over    drag or wheel: look around    T: from above    P: picture    Q or close: leave"
)
KEYS = (
    ("Space", "pause, go on"),
    ("S", "pause, then one frame at a time"),
    ("F", "follow the camera"),
    ("T", "look from above"),
    ("mouse", "look around: drag, wheel, Ctrl-drag"),
    *((str(number), f"show or hide {layer.value}") for number, layer in enumerate(Layer, 1)),
    ("P", "save a picture into the run folder"),
    ("H", "show or hide this help"),
    ("Q", "stop the run; once it is over: leave"),
    ("close", "go on without the window"),
)


def status_text(scene: SceneSnapshot, state: RunState) -> str:
    """Write what follows the status at the top of the window."""
    parts = [f"frame {state.frame_index}"]
    if state.reason.value:
        parts.append(state.reason.value)
    if state.status is Status.TRACKING:
        parts.append(f"{state.num_inliers} inliers")
    parts.append(f"{scene.num_landmarks} landmarks")
    if not math.isnan(state.frames_per_second):
        parts.append(f"{state.frames_per_second:.1f} frames/s")
    if not math.isnan(state.latency_s):
        parts.append(f"latency {1e3 * state.latency_s:.0f} ms")
    if len(scene.trajectories) > 1:
        parts.append(f"segment {len(scene.trajectories)}")
    if len(scene.loops):
        parts.append(f"{len(scene.loops)} loop{'s' if len(scene.loops) > 1 else ''} closed")
    return "    ".join(parts)


def note_text(state: RunState) -> str:
    """Write what has happened lately, or nothing."""
    note = state.note
    if note is None or state.frame_index - note.frame_index > NOTE_FRAMES:
        return ""
    return f"frame {note.frame_index}: {note.text}"
