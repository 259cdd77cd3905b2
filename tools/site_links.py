"""A hook of mkdocs: links that leave ``docs/`` lead to the repository, whose files the site does not have."""

import re
from pathlib import Path
from typing import Any

_SETUP = Path(__file__).parents[1] / "setup.py"
HOME = re.findall(r'^HOME = "(.+?)"', _SETUP.read_text(encoding="utf-8"), re.M)[0]


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Rewrite the links of one page."""
    return re.sub(r"\]\(\.\./", f"]({HOME}/blob/main/", markdown)
