"""The line that shows how far a run has come."""

import io

import pytest

from vo_frontend.cli.progress import ProgressSink
from vo_frontend.types import Frame, FrameResult, Reason, Status


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def feed(
    sink: ProgressSink, num_frames: int, status: Status = Status.TRACKING, reason: Reason = Reason.NONE
) -> None:
    for index in range(num_frames):
        result = FrameResult(index, index, status, reason, 0, None, num_inliers=42)
        sink.consume(Frame(index, index, None), result)
    sink.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the clock is 0.5 s later."""
    ticks = iter(range(10_000))
    monkeypatch.setattr("time.monotonic", lambda: 0.5 * next(ticks))


def test_a_terminal_shows_one_line_with_pace_state_and_time_left(clock: None) -> None:
    terminal = Terminal()
    feed(ProgressSink(10, terminal), 5)
    lines = terminal.getvalue().split("\r")
    assert lines[-1].startswith("frame 5/10  2.0 frames/s  tracking, 42 inliers  2 s left")
    assert terminal.getvalue().count("\n") == 1


def test_a_file_gets_whole_lines_and_always_the_last_frame(clock: None) -> None:
    stream = io.StringIO()
    feed(ProgressSink(50, stream), 50)
    lines = stream.getvalue().splitlines()
    assert len(lines) <= 4
    assert lines[-1].startswith("frame 50/50")


def test_a_stream_of_unknown_length_shows_no_time_left(clock: None) -> None:
    terminal = Terminal()
    feed(ProgressSink(None, terminal), 3, Status.LOST, Reason.TOO_FEW_MATCHES)
    assert "lost (too few matches)" in terminal.getvalue()
    assert "left" not in terminal.getvalue()
