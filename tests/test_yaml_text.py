"""What the reader of YAML refuses, in time and in one line."""

from pathlib import Path

import pytest

from vo_frontend.errors import ConfigError
from vo_frontend.yaml_text import parse_yaml, read_text

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("[" * 20_000, "lists deeper than 20", id="deep"),
        pytest.param("{a: " * 20_000, "lists deeper than 20", id="deep mappings"),
        pytest.param("- " * 20_000, "lists deeper than 20", id="deep blocks"),
        pytest.param(BOMB, "more than 100000 values", id="bomb"),
        pytest.param("&a [*a]", "a value that holds itself", id="endless"),
        pytest.param("a: " + "9" * 400, "a number of 400 digits", id="digits"),
        ("!!int abc", "invalid literal"),
        ("!!float abc", "could not convert"),
        ("!!bool maybe", "a value that is none"),
        ("!!timestamp abc", "could not determine a constructor"),
        ("!!binary abc", "could not determine a constructor"),
        ("!!python/object/apply:os.system [true]", "could not determine a constructor"),
        ("!!python/name:os.system", "could not determine a constructor"),
        pytest.param("!<" + "x" * 5000 + "> a", "could not determine a constructor", id="long tag"),
        ("a: 1\n---\nb: 2", "expected a single document"),
        ("a: \0", "not allowed"),
        ("a: [1", "expected ',' or ']'"),
    ],
)
def test_what_is_no_plain_yaml_is_one_short_line(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match="cam.yaml: not valid YAML .*") as caught:
        parse_yaml(text, "cam.yaml")
    assert message in str(caught.value)
    assert len(str(caught.value)) < 600
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("%YAML:1.0", None),
        ("%YAML:1.0\n---\nM: !!opencv-matrix\n  data: [1., 2]", {"M": {"data": [1.0, 2]}}),
        ("[1e-05, 1.5e3, 2, -3, true, null, x]", [1e-5, 1500.0, 2, -3, True, None, "x"]),
        ("day: 2011-01-31", {"day": "2011-01-31"}),
        ("a: &a {b: 1}\nc: {<<: *a, d: 2}", {"a": {"b": 1}, "c": {"b": 1, "d": 2}}),
    ],
)
def test_plain_values_are_read(text: str, value: object) -> None:
    assert parse_yaml(text, "cam.yaml") == value


def test_a_file_is_small_and_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes("\ufeffa: ß".encode())
    assert read_text(path) == "a: ß"
    path.write_bytes(b"a: \xff")
    with pytest.raises(ConfigError, match=r"c\.yaml: not a text file \(byte 3 is not UTF-8\)"):
        read_text(path)
    path.write_bytes(bytes(2**20 + 1))
    with pytest.raises(ConfigError, match=r"c\.yaml: larger than 1 MiB, expected a small text file"):
        read_text(path)
    with pytest.raises(ConfigError, match="cannot read the file"):
        read_text(tmp_path)
