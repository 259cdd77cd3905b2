"""Tables, JSON and Markdown of measured rows."""

import dataclasses
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vo_frontend.errors import OutputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

BEGIN = "<!-- begin of generated tables -->"
END = "<!-- end of generated tables -->"
UNITS = {"ms": "ms", "mb": "MB", "s": "s", "m": "m", "deg": "deg", "percent": "%"}
DECIMALS = {"cosine": 6, "m": 4, "deg": 4}


@dataclass(frozen=True, slots=True)
class Section:
    """Rows of one kind; their fields are the columns."""

    key: str  # in the JSON file
    title: str
    rows: Sequence["DataclassInstance"]
    picture: Path | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """Where and how the figures were measured."""

    command: str
    cpu: str
    cores: int
    threads: int
    load_before: float | None  # processes on the machine that ran or waited for a core
    versions: Mapping[str, str | None]
    warnings: tuple[str, ...] = ()


def as_mapping(setting: Setting, sections: Sequence[Section]) -> dict[str, Any]:
    """Everything as plain nested values."""
    rows = {section.key: [dataclasses.asdict(row) for row in section.rows] for section in sections}
    return {**dataclasses.asdict(setting), **rows}


def format_setting(setting: Setting) -> str:
    """One Markdown list."""
    versions = ", ".join(f"{name} {version}" for name, version in setting.versions.items() if version)
    lines = [
        f"command: `{setting.command}`",
        f"hardware: {setting.cpu}, {setting.cores} cores, {setting.threads} threads used",
        f"versions: {versions}",
        *(f"**{warning}**" for warning in setting.warnings),
    ]
    return "\n".join(f"- {line}" for line in lines)


def format_section(section: Section) -> str:
    """Title and table, in Markdown that is also readable as it is."""
    return f"### {section.title}\n\n{format_rows(section.rows)}"


def format_rows(rows: Sequence["DataclassInstance"]) -> str:
    """One table; columns that are the same in all rows stay, so that every row is complete."""
    names = [field.name for field in dataclasses.fields(rows[0])]
    header = [_header(name) for name in names]
    body = [[_text(getattr(row, name), name) for name in names] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *body, strict=True)]
    is_number = [not isinstance(getattr(rows[0], name), str) for name in names]
    rule = [
        f"{'-' * (width - 1)}{':' if right else '-'}" for width, right in zip(widths, is_number, strict=True)
    ]
    lines = [header, rule, *body]
    return "\n".join("| " + " | ".join(_padded(line, widths, is_number)) + " |" for line in lines)


def write_markdown(path: Path, setting: Setting, sections: Sequence[Section]) -> None:
    """Write the tables: between the two marks of an existing file, or as a new file.

    Raises:
        OutputError: the file has no such marks, or cannot be written.
    """
    before, after = split_at_marks(path)
    parts = [format_setting(setting)]
    for section in sections:
        parts.append(format_section(section))
        if section.picture is not None:
            picture = os.path.relpath(section.picture, path.parent).replace(os.sep, "/")
            parts.append(f"![{section.title}]({picture})")
    try:
        path.write_text(f"{before}{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}{after}", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path}: cannot write the file ({error.strerror})") from None


def split_at_marks(path: Path) -> tuple[str, str]:
    """What stands before and after the generated part of a file; a new file is all generated.

    Raises:
        OutputError: the file cannot be read or has no such part, the folder does not exist.
    """
    check_folder(path)
    if not path.exists():
        return "", "\n"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path}: cannot read the file ({error.strerror})") from None
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise OutputError(f"{path}: has no lines '{BEGIN}' and '{END}' to write the tables between")
    return before, after


def check_folder(path: Path) -> None:
    """Find out before the measuring, not after it, that a file has no place to go.

    Raises:
        OutputError: its folder does not exist.
    """
    if not path.absolute().parent.is_dir():
        raise OutputError(f"{path}: no such folder {path.parent}")


def quoted_command(arguments: Sequence[str]) -> str:
    """Return the command for whoever wants to run it again."""
    return shlex.join(["python", "-m", "vo_frontend.cli.benchmark", *arguments])


def _header(name: str) -> str:
    words = name.split("_")
    unit = UNITS.get(words[-1])
    return f"{' '.join(words[:-1])} [{unit}]" if unit else " ".join(words)


def _text(value: object, name: str) -> str:
    if value is None:
        return "n/a"
    if not isinstance(value, float):
        return str(value)
    decimals = DECIMALS.get(name.split("_")[-1])
    if decimals is not None:
        return f"{value:.{decimals}f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 1000 else f"{value:.0f}"


def _padded(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> list[str]:
    return [
        cell.rjust(width) if is_right else cell.ljust(width)
        for cell, width, is_right in zip(cells, widths, right, strict=True)
    ]
