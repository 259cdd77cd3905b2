"""Tables of measured rows, as plain values and in Markdown."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

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
    """Turn setting and rows into plain nested values for JSON."""
    rows = {section.key: [dataclasses.asdict(row) for row in section.rows] for section in sections}
    return {**dataclasses.asdict(setting), **rows}


def format_setting(setting: Setting) -> str:
    """List command, hardware, versions and warnings in Markdown."""
    versions = ", ".join(f"{name} {version}" for name, version in setting.versions.items() if version)
    threads = "1 thread" if setting.threads == 1 else f"{setting.threads} threads"
    lines = [
        f"command: `{setting.command}`",
        f"hardware: {setting.cpu}, {setting.cores} cores, {threads} used",
        f"versions: {versions}",
        *(f"**{warning}**" for warning in setting.warnings),
    ]
    return "\n".join(f"- {line}" for line in lines)


def format_section(section: Section) -> str:
    """Format title and table in Markdown that is also readable as it is."""
    return f"### {section.title}\n\n{format_rows(section.rows)}"


def format_rows(rows: Sequence["DataclassInstance"]) -> str:
    """Format one table. Columns that are the same in all rows stay, so that every row is complete."""
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
