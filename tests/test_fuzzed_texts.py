"""Any text that a user or a file may hold: taken, or refused in the way that is promised."""

import argparse
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from vo_frontend.cli.options import image_size, names, positive
from vo_frontend.config import Config
from vo_frontend.config_files import override
from vo_frontend.errors import MAX_MESSAGE, VoError, did_you_mean
from vo_frontend.formats.seconds import format_seconds, parse_seconds
from vo_frontend.reports.run_folder import safe_name
from vo_frontend.session.own_frames import parse_resize
from vo_frontend.sources.frame_range import format_frames, parse_frames
from vo_frontend.sources.names import plain_name
from vo_frontend.yaml_text import parse_yaml

# The same texts at every run; a failure shows the shortest text that fails.
quickly = settings(max_examples=150, derandomize=True, deadline=None, database=None)
numbers = st.one_of(st.integers(), st.floats(), st.decimals()).map(str)
texts = st.one_of(st.text(), numbers, st.text(alphabet="0123456789.-:eE[]{},&*!%x \n"))


def refusal(work: Callable[[], object]) -> str:
    """Return the message with which a text is refused, "" where it is taken."""
    try:
        work()
    except VoError as error:
        return str(error)
    return ""


@quickly
@given(texts)
def test_yaml_is_read_or_refused_by_one_short_line(text: str) -> None:
    message = refusal(lambda: parse_yaml(text, "c.yaml"))
    assert len(message) <= MAX_MESSAGE
    assert "\n" not in message


FIELDS = ("seed", "features.max_keypoints", "mapping.huber_px", "run.fps", "run.images")


@quickly
@given(st.sampled_from(FIELDS), texts)
def test_a_setting_is_taken_or_refused(path: str, text: str) -> None:
    assert len(refusal(lambda: override(Config(), [f"{path}={text}"]))) <= MAX_MESSAGE


@quickly
@given(texts)
def test_seconds_are_read_exactly_or_refused(text: str) -> None:
    with suppress(ValueError):
        stamp_ns = parse_seconds(text)
        assert abs(stamp_ns) <= 2**63
        assert abs(stamp_ns) == 2**63 or parse_seconds(format_seconds(stamp_ns)) == stamp_ns


@quickly
@given(texts)
def test_ranges_and_sizes_are_read_or_refused(text: str) -> None:
    assert len(refusal(lambda: format_frames(parse_frames(text)))) <= MAX_MESSAGE
    assert len(refusal(lambda: parse_resize(text, (640, 480)))) <= MAX_MESSAGE
    for parse in (positive, image_size, names):
        with suppress(argparse.ArgumentTypeError):
            parse(text)


@quickly
@given(st.text())
def test_no_name_leaves_its_folder_or_breaks_a_line(name: str) -> None:
    folder = Path("/runs")
    assert (folder / safe_name(name)).resolve().is_relative_to(folder)
    assert plain_name(name).isprintable()
    assert len(did_you_mean(name, ["kitti/00", "kitti/06"])) < 200
