"""Names that come from outside, such as those of files, where they are shown and where OpenCV gets them."""

from pathlib import Path

from vo_frontend.errors import SourceError


def plain_name(name: str) -> str:
    """Return a name for folders, titles and pictures: what no font or terminal shows becomes "_".

    That is control characters and bytes that are not UTF-8; and "$", which begins a formula for matplotlib.
    """
    return "".join(character if character.isprintable() and character != "$" else "_" for character in name)


def opencv_name(path: Path | str) -> str:
    """Return a path for OpenCV to open.

    Raises:
        SourceError: its name is not UTF-8, over which OpenCV crashes.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise SourceError(f"{plain_name(str(path))}: a name that is not UTF-8; rename the file") from None
    return str(path)
