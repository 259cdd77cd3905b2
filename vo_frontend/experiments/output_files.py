"""Where the figures of an experiment go: folders, and tables between two marks of a document."""

import os
from collections.abc import Sequence
from pathlib import Path

from vo_frontend.errors import OutputError
from vo_frontend.experiments.tables import Section, Setting, format_section, format_setting
from vo_frontend.formats.atomic import write_atomically

TABLES = "tables"
BEGIN, END = f"<!-- begin of generated {TABLES} -->", f"<!-- end of generated {TABLES} -->"


def write_markdown(path: Path, setting: Setting, sections: Sequence[Section], what: str = TABLES) -> None:
    """Write the tables: between the two marks of an existing file, or as a new file.

    Args:
        path: of the file.
        setting: where and how they were measured.
        sections: the tables.
        what: they are called in the marks; a page that several commands write has marks for each.

    Raises:
        OutputError: the file has no such marks, or cannot be written.
    """
    before, after = split_at_marks(path, what)
    begin, end = _marks(what)
    parts = [format_setting(setting)]
    for section in sections:
        parts.append(format_section(section))
        if section.picture is not None:
            picture = os.path.relpath(section.picture, path.parent).replace(os.sep, "/")
            parts.append(f"![{section.title}]({picture})")
    text = f"{before}{begin}\n\n" + "\n\n".join(parts) + f"\n\n{end}{after}"
    write_atomically(path, text.encode())


def split_at_marks(path: Path, what: str = TABLES) -> tuple[str, str]:
    """Read what stands before and after a generated part of a file; a new file is all generated.

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
    begin, end = _marks(what)
    before, has_begin, rest = text.partition(begin)
    _, has_end, after = rest.partition(end)
    if not (has_begin and has_end):
        raise OutputError(f"{path}: has no lines '{begin}' and '{end}' to write the tables between")
    return before, after


def _marks(what: str) -> tuple[str, str]:
    return BEGIN.replace(TABLES, what), END.replace(TABLES, what)


def check_folder(path: Path) -> None:
    """Refuse a file that has no place to go before measuring, not after it.

    Raises:
        OutputError: its folder does not exist.
    """
    if not path.absolute().parent.is_dir():
        raise OutputError(f"{path}: no such folder {path.parent}")


def make_folder(folder: Path) -> None:
    """Create an output folder unless it exists.

    Raises:
        OutputError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot write there ({error.strerror}); choose another --out") from None
