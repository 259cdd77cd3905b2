"""A hook of mkdocs: links that leave ``docs/`` become plain text: the site does not have those files."""

import re
from typing import Any


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Rewrite the links of one page."""
    return re.sub(r"\[([^\]]*)\]\(\.\./[^)]*\)", r"\1", markdown)
