"""The parts of a page, as HTML. All text that is not HTML yet is escaped here."""

import base64
from collections.abc import Sequence
from html import escape as escape

from vo_frontend.reports.page.style import STYLE
from vo_frontend.reports.run_metrics import Row, format_value

SVG, PNG, JPEG = "image/svg+xml", "image/png", "image/jpeg"


def page(title: str, body: Sequence[str]) -> bytes:
    """Return a whole page with a title and parts that are HTML; what is no text shows its codes."""
    text = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in body if part)
        + "\n</main>\n</body>\n</html>\n"
    )
    return text.encode("utf-8", "backslashreplace")


def section(title: str, *parts: str) -> str:
    """Return a part of a page under a heading; parts are HTML, and without any there is no section."""
    inside = "\n".join(part for part in parts if part)
    return f"<section>\n<h2>{escape(title)}</h2>\n{inside}\n</section>" if inside else ""


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph, of a class of the style sheet where ``kind`` names one."""
    return f"<p{_class(kind)}>{escape(text)}</p>"


def picture(content: bytes, mime: str, description: str, caption: str = "") -> str:
    """Return a picture that lies inside the page."""
    data = base64.b64encode(content).decode("ascii")
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure><img alt="{escape(description)}" src="data:{mime};base64,{data}">{below}</figure>'


def table(header: Sequence[str], rows: Sequence[Sequence[str | int | float | None]]) -> str:
    """Return a table; values that are numbers stand to the right."""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def figures_table(rows: Sequence[Row]) -> str:
    """Return the closing table of a run."""
    return table(("", "value", "unit"), [(name, value, unit) for name, value, unit in rows])


def tiles(figures: Sequence[tuple[str, str, str]]) -> str:
    """Return the few figures that matter most: name, value, unit."""
    boxes = [
        f'<div class="tile"><div class="name">{escape(name)}</div>'
        f'<div class="value">{escape(value)} <span>{escape(unit)}</span></div></div>'
        for name, value, unit in figures
    ]
    return f'<div class="tiles">{"".join(boxes)}</div>'


def preformatted(text: str) -> str:
    """Return text as it is, for commands and files."""
    return f"<pre>{escape(text)}</pre>"


def folded(summary: str, *parts: str) -> str:
    """Return parts that show when their summary is clicked."""
    return f"<details><summary>{escape(summary)}</summary>{''.join(parts)}</details>"


def bullets(items: Sequence[tuple[str, str]]) -> str:
    """Return a list of what was found, in bold, and what to do about it."""
    entries = "".join(f"<li><b>{escape(what)}.</b> {escape(advice)}</li>" for what, advice in items)
    return f"<ul>{entries}</ul>" if entries else ""


def banner(kind: str, title: str, text: str, inside: str = "") -> str:
    """Return the box that a page opens with; ``kind`` is a class of the style sheet."""
    return (
        f'<div class="banner {escape(kind)}"><h2>{escape(title)}</h2>'
        f"{paragraph(text) if text else ''}{inside}</div>"
    )


def _cell(value: str | int | float | None) -> str:
    number = not isinstance(value, str)
    return f"<td{_class('number' if number else '')}>{escape(format_value(value))}</td>"


def _class(kind: str) -> str:
    return f' class="{escape(kind)}"' if kind else ""
