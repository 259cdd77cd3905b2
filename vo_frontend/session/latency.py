"""How old an image of a live camera is when its pose is known."""

import logging
import time
from collections.abc import Callable

import numpy as np

from vo_frontend.types import Frame, FrameResult

log = logging.getLogger(__name__)


class LatencySink:
    """Says at the end how long it took from capture to pose: waiting for the frame before included."""

    def __init__(self, now_ns: Callable[[], int] = time.time_ns) -> None:
        """Take the clock by which the frames are stamped: Unix time."""
        self._now_ns = now_ns
        self._latencies_s: list[float] = []

    def consume(self, frame: Frame, result: FrameResult) -> None:
        """Note the age of one frame."""
        if result.T_world_cam is not None:
            self._latencies_s.append((self._now_ns() - frame.timestamp_ns) * 1e-9)

    def close(self) -> None:
        """Log the figures of all frames with a pose."""
        if self._latencies_s:
            p50_s, p95_s = np.percentile(self._latencies_s, (50, 95))
            log.info(
                "from capture to pose: %.0f ms in the median, %.0f ms at most for 95 %%",
                p50_s * 1e3,
                p95_s * 1e3,
            )
