import pytest

from vo_frontend.errors import ConfigError, SourceError
from vo_frontend.sources.frame_range import format_frames, parse_frames, select


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0:40:2", slice(0, 40, 2)),
        ("5:", slice(5, None)),
        (":-3", slice(None, -3)),
        ("::4", slice(None, None, 4)),
    ],
)
def test_text_becomes_the_slice_of_the_same_spelling(text: str, expected: slice) -> None:
    assert parse_frames(text) == expected
    assert parse_frames(format_frames(expected)) == expected


@pytest.mark.parametrize("text", ["40", "", "a:b", "1:2:3:4", "0:10:0", "10:0:-1", "0:1.5"])
def test_anything_else_is_an_error_that_repeats_the_text(text: str) -> None:
    with pytest.raises(ConfigError, match=f"--frames {text}: "):
        parse_frames(text)


def test_selecting_nothing_says_how_many_frames_there_are() -> None:
    assert select("abcdef", parse_frames("1:5:2"), "kitti/06") == ["b", "d"]
    with pytest.raises(SourceError, match="kitti/06: --frames 100:200 selects nothing.* has 6 frames"):
        select("abcdef", parse_frames("100:200"), "kitti/06")
