"""Whole lines above one that changes, on a terminal that may go away."""

import io
import logging
import os
import subprocess
import sys

import pytest
from streams import FullDisk, Screen

from vo_frontend.cli.console import open_console
from vo_frontend.cli.terminal import Terminal, TerminalHandler


@pytest.fixture
def log() -> logging.Logger:
    return logging.getLogger("vo_frontend.test")


def test_what_is_said_stands_above_the_line_that_changes() -> None:
    screen = Screen()
    terminal = Terminal(io.StringIO(), screen)
    terminal.change("frame 1/9  tracking, 42 inliers")
    terminal.say("WARNING: too dark\nand too fast")
    terminal.change("frame 2/9  lost")
    terminal.keep_changing()
    terminal.say("done")
    assert screen.lines == ["WARNING: too dark", "and too fast", "frame 2/9  lost", "done", ""]


def test_a_result_on_the_same_screen_stands_above_it_too() -> None:
    screen = Screen()
    terminal = Terminal(screen, screen)
    terminal.change("frame 1/9")
    terminal.print_result('{"frame": 0}')
    assert screen.lines == ['{"frame": 0}', "frame 1/9"]


def test_a_line_that_changes_never_wraps() -> None:
    screen = Screen()
    Terminal(io.StringIO(), screen).change("x" * 500)
    assert len(screen.lines[0]) == 79


def test_a_stream_that_fails_once_is_left_alone_and_the_other_goes_on() -> None:
    out = io.StringIO()
    terminal = Terminal(out, FullDisk())
    terminal.change("frame 1/9")
    terminal.say("a warning")
    terminal.keep_changing()
    terminal.print_result("a result")
    assert out.getvalue() == "a result\n"


def test_a_closed_stream_is_silent() -> None:
    closed = io.StringIO()
    closed.close()
    terminal = Terminal(closed, closed)
    terminal.say("a warning")
    terminal.print_result("a result")


def test_characters_that_a_terminal_cannot_show_are_spelt_out() -> None:
    bytes_ = io.BytesIO()
    terminal = Terminal(io.TextIOWrapper(bytes_, encoding="ascii"), io.StringIO())
    terminal.print_result("written to runs/été/")
    assert bytes_.getvalue() == b"written to runs/\\xe9t\\xe9/\n"


@pytest.mark.parametrize(
    ("quiet", "expected"), [(False, ["INFO: a", "WARNING: b", ""]), (True, ["WARNING: b", ""])]
)
def test_quiet_keeps_warnings(log: logging.Logger, quiet: bool, expected: list[str]) -> None:
    screen = Screen()
    handler = TerminalHandler(Terminal(io.StringIO(), screen, quiet=quiet))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.info("a")
    log.warning("b")
    log.removeHandler(handler)
    assert screen.lines == expected


def test_complaints_of_libraries_are_one_counted_line_and_the_rest_is_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_console(quiet=False) as console:
        console.terminal.change("frame 1/9")
        for number in range(3):
            os.write(2, b"libpng warning: iCCP: known incorrect sRGB profile %d\n" % number)
            os.write(2, b"[h264 @ 0x55d0c0ffee00] error while decoding MB 3 4\n")
        os.write(2, b"something unheard of\nand ")
        console.listen()
        os.write(2, b"more\n")
    lines = capsys.readouterr().err.replace("\r", "\n").splitlines()
    shown = [line.strip() for line in lines if line.strip() and not line.startswith("frame")]
    assert shown == [
        "something unheard of",
        "and more",
        "WARNING: libpng complained 3 times, at first: libpng warning: iCCP: known incorrect sRGB profile 0",
        "WARNING: ffmpeg complained 3 times, at first: [h264 @ 0x55d0c0ffee00] error while decoding MB 3 4",
    ]


def test_after_a_run_the_error_stream_is_the_old_one(capfd: pytest.CaptureFixture[str]) -> None:
    with open_console(quiet=True):
        os.write(2, b"libpng error: Read Error\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err.splitlines()[-1] == "after"


def test_a_crash_in_a_library_still_tells_where() -> None:
    code = (
        "import faulthandler\nfrom vo_frontend.cli.console import open_console\n"
        "with open_console(quiet=False):\n    faulthandler._sigsegv()"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode < 0
    assert "Fatal Python error: Segmentation fault" in found.stderr


def test_without_a_folder_to_write_to_libraries_speak_for_themselves(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only() -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", read_only)
    with open_console(quiet=False) as console:
        os.write(2, b"libpng error: Read Error\n")
        console.terminal.say("we go on")
    assert capfd.readouterr().err == "libpng error: Read Error\nwe go on\n"


def test_complaints_of_days_take_no_space(capsys: pytest.CaptureFixture[str]) -> None:
    with open_console(quiet=False) as console:
        for _ in range(300):
            os.write(2, b"Corrupt JPEG data: 2 extraneous bytes before marker 0xd9\n" * 200)
            console.listen()
        assert os.fstat(2).st_blocks * 512 < 2_000_000
    assert "libjpeg complained 60000 times" in capsys.readouterr().err
