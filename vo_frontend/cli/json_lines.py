"""``--json``: one line of JSON for every frame, for a program that reads along."""

import json
from typing import Any

from vo_frontend.cli.terminal import Terminal
from vo_frontend.types import Frame, FrameResult


class JsonLinesSink:
    """Prints each result as its frame told it."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def consume(self, frame: Frame, result: FrameResult) -> None:
        """Print the line of one frame."""
        self._terminal.print_result(json.dumps(to_mapping(result)), note=False)

    def close(self) -> None:
        """Do nothing: every line was flushed."""


def to_mapping(result: FrameResult) -> dict[str, Any]:
    """Return the scalars of a result by name; ``T_world_cam`` as four rows, or None where it is not known."""
    pose = result.T_world_cam
    return {
        "frame": result.frame_index,
        "timestamp_ns": result.timestamp_ns,
        "status": result.status.value,
        "reason": result.reason.value or None,
        "segment": result.segment_id,
        "T_world_cam": None if pose is None else pose.tolist(),
        "features": result.num_features,
        "matches": result.num_matches,
        "inliers": result.num_inliers,
        "keyframe": result.is_keyframe,
        "backfilled": [pose.frame_index for pose in result.backfilled],
        "stage_ms": {stage: round(1e3 * seconds, 3) for stage, seconds in result.stage_seconds.items()},
    }
