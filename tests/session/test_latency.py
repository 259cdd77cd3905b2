import logging

import numpy as np
import pytest

from vo_frontend.session.latency import LatencySink
from vo_frontend.types import Frame, FrameResult, Reason, Status


def test_the_age_of_frames_with_a_pose_is_said_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    sink = LatencySink(now_ns=lambda: 1_000_000_000)
    for i, age_ms in enumerate((100, 40, 60, 900)):
        is_lost = i == 3
        status = Status.LOST if is_lost else Status.TRACKING
        pose = None if is_lost else np.eye(4)
        stamp_ns = 1_000_000_000 - age_ms * 1_000_000
        result = FrameResult(i, stamp_ns, status, Reason.NONE, 0, pose)
        sink.consume(Frame(i, stamp_ns, None), result)
    with caplog.at_level(logging.INFO):
        sink.close()
    assert "from capture to pose: 60 ms in the median, 96 ms at most for 95 %" in caplog.text


def test_without_a_pose_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        LatencySink().close()
    assert not caplog.records
