"""``comparison.html``: several runs side by side."""

from collections.abc import Sequence
from pathlib import Path

from vo_frontend.formats.atomic import write_atomically
from vo_frontend.reports.comparison import RecordedRun, differing_sequences
from vo_frontend.reports.figures.canvas import to_svg
from vo_frontend.reports.figures.comparison import comparison_figure
from vo_frontend.reports.page import html
from vo_frontend.reports.paired_errors import PairedErrors


def write_comparison_page(
    path: Path, runs: Sequence[RecordedRun], rows: Sequence[Sequence[str]], paired: PairedErrors | None
) -> None:
    """Write a page of several runs as one file.

    Args:
        path: of the file.
        runs: in the order of the columns.
        rows: of the table: quantity, a value for each run, unit.
        paired: their errors frame by frame, where they share a sequence.

    Raises:
        OutputError: the file cannot be written; an older one stays as it was.
        VoError: the errors of a run cannot be read.
    """
    sequences = list(dict.fromkeys(run.sequence for run in runs))
    header, *body = rows
    if paired is not None:
        what = "Frames are paired by their time stamps: the same frames of the same sequence in every run."
    elif differing_sequences(runs):
        what = "The runs are of different sequences: their errors do not compare."
    else:
        what = "No frames are paired: not every run has errors against ground truth."
    picture = html.picture(to_svg(comparison_figure(runs, paired)), html.SVG, "errors and times of the runs")
    folders = html.table(("run", "folder"), [(run.label, str(run.folder)) for run in runs])
    parts = [
        f"<h1>{html.escape(f'{len(runs)} runs')}</h1>",
        html.paragraph(", ".join(sequences), "quiet"),
        html.section("Errors and times", html.paragraph(what), picture),
        html.section("Figures", html.table(header, body)),
        html.section("Where they are", folders),
    ]
    write_atomically(path, html.page(f"{len(runs)} runs of {', '.join(sequences)}", parts))
