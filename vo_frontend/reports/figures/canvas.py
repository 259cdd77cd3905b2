"""Figures in one style, saved as PNG or as SVG for a page."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vo_frontend.formats.atomic import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 120
STYLE = {
    "font.size": 9.5,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "0.5",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.25,
    "legend.fontsize": 8.5,
    "legend.framealpha": 0.85,
    "legend.edgecolor": "none",
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "vo_frontend",  # the same drawing gives the same bytes
}


def new_figure(width_in: float, height_in: float) -> "Figure":
    """Make an empty figure whose parts keep clear of each other. Draw it within :func:`style`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def style() -> Any:
    """Return a context in which everything is drawn in our style."""
    import matplotlib

    return matplotlib.rc_context(STYLE)


def save_png(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG, replacing an older one as a whole.

    Raises:
        OutputError: the picture cannot be written.
    """
    content = io.BytesIO()
    with style():
        figure.savefig(content, dpi=DPI, format="png", facecolor=figure.get_facecolor())
    write_atomically(path, content.getvalue())


def to_svg(figure: "Figure") -> bytes:
    """Return a figure as SVG."""
    content = io.BytesIO()
    with style():
        figure.savefig(content, dpi=DPI, format="svg", metadata={"Date": None})
    return content.getvalue()
