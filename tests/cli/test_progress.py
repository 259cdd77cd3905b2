"""The line that shows how far a run has come."""

import io
import logging
from pathlib import Path

import pytest
from streams import Screen

from vo_frontend.cli.console import Console
from vo_frontend.cli.foreign_output import ForeignOutput
from vo_frontend.cli.progress import CompilationLine, ProgressSink
from vo_frontend.cli.terminal import Terminal
from vo_frontend.compute.compile_ahead import Readiness
from vo_frontend.types import Frame, FrameResult, Reason, Status


def feed(
    stream: io.StringIO,
    total: int | None,
    num_frames: int,
    status: Status = Status.TRACKING,
    reason: Reason = Reason.NONE,
    *,
    quiet: bool = False,
) -> str:
    with Path("said").open("w+b") as said:
        console = Console(Terminal(io.StringIO(), stream, quiet=quiet), ForeignOutput(said))
        sink = ProgressSink(total, console)
        for index in range(num_frames):
            result = FrameResult(index, index, status, reason, 0, None, num_inliers=42)
            sink.consume(Frame(index, index, None), result)
        sink.close()
    return stream.getvalue()


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every look at the clock is 0.5 s later."""
    ticks = iter(range(10_000))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.monotonic", lambda: 0.5 * next(ticks))


def test_a_terminal_shows_one_line_with_pace_state_and_time_left() -> None:
    shown = feed(Screen(), 10, 5)
    assert shown.split("\r")[-1].startswith("frame 5/10  2.0 frames/s  tracking, 42 inliers  2 s left")
    assert shown.count("\n") == 1


def test_a_file_gets_whole_lines_and_always_the_last_frame() -> None:
    lines = feed(io.StringIO(), 50, 50).splitlines()
    assert len(lines) <= 4
    assert lines[-1].startswith("frame 50/50")


def test_a_stream_of_unknown_length_shows_no_time_left() -> None:
    shown = feed(Screen(), None, 3, Status.LOST, Reason.TOO_FEW_MATCHES)
    assert "lost (too few matches)" in shown
    assert "left" not in shown


@pytest.mark.parametrize("stream", [Screen(), io.StringIO()])
def test_quiet_shows_no_progress(stream: io.StringIO) -> None:
    assert feed(stream, 50, 50, quiet=True) == ""


def test_the_log_keeps_a_line_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    feed(Screen(), 100, 100)
    kept = [record.getMessage() for record in caplog.records]
    assert 3 <= len(kept) <= 8
    assert kept[-1].startswith("frame 100/100")


def test_a_terminal_shows_how_many_kernels_are_ready() -> None:
    screen = Screen()
    line = CompilationLine(Terminal(io.StringIO(), screen))
    for num_ready in (0, 1, 1, 2):
        line.show(Readiness(num_missing=2, num_ready=num_ready))
    assert screen.getvalue().count("\r") == 3, "once for each"
    assert screen.lines == ["2 of 2 kernels are ready", ""]


@pytest.mark.parametrize(("stream", "quiet"), [(io.StringIO(), False), (Screen(), True)])
def test_no_file_and_no_quiet_terminal_gets_the_count_of_kernels(stream: io.StringIO, quiet: bool) -> None:
    CompilationLine(Terminal(io.StringIO(), stream, quiet=quiet)).show(Readiness(2, 1))
    assert stream.getvalue() == ""
