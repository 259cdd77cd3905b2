"""Every relative link of the documents leads somewhere, and the site has every page. Needs no network."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from vo_frontend.types import Reason

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "vo_frontend").rglob("*.md")],
    key=lambda path: path.relative_to(ROOT).as_posix(),
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
MAX_README_COLUMNS = 120


def text_without_code(path: Path) -> str:
    """The document without its code blocks, in which brackets are no links."""
    return re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)


def links(path: Path) -> Iterator[tuple[Path, str]]:
    """The file and the anchor of every relative link."""
    for link in LINK.findall(text_without_code(path)):
        if not re.match(r"[a-z]+:", link):
            name, _, anchor = link.partition("#")
            yield ((path.parent / name).resolve() if name else path), anchor


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub and the site make of headings."""
    headings = re.findall(r"^#+ (.+?)\s*$", text_without_code(path), re.M)
    plain = [re.sub(r"[`*]|\]\([^)]*\)|\[", "", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_to_a_file_and_a_heading(path: Path) -> None:
    broken = [
        f"{target.relative_to(ROOT)}#{anchor}"
        for target, anchor in links(path)
        if not target.exists() or (anchor and anchor not in anchors(target))
    ]
    assert broken == []


def test_the_documents_have_links_to_check() -> None:
    assert sum(len(list(links(path))) for path in DOCUMENTS) > 50


def test_no_line_of_the_readme_is_longer_than_a_terminal() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if len(line) > MAX_README_COLUMNS] == []


def test_the_site_has_every_page_once() -> None:
    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert sorted(_pages(site["nav"])) == sorted(path.name for path in DOCS.glob("*.md"))


def test_every_picture_of_the_documentation_is_shown_in_it() -> None:
    shown = {target for path in DOCUMENTS for target, _ in links(path)}
    pictures = {path.resolve() for path in DOCS.rglob("*") if path.suffix in (".png", ".jpg")}
    assert pictures - shown == set()


def test_troubleshooting_explains_every_reason() -> None:
    text = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    explained = {name for row in re.findall(r"^\| ([a-z ,]+) \|", text, re.M) for name in row.split(", ")}
    assert {reason.value for reason in Reason} - {""} <= explained


def _pages(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        for value in nav.values():
            yield from _pages(value)
    elif isinstance(nav, list):
        for value in nav:
            yield from _pages(value)
