"""``report.html``: one run, the verdict first, then what led to it."""

import csv
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vo_frontend.formats.atomic import write_atomically
from vo_frontend.reports.figures.canvas import new_figure, style, to_svg
from vo_frontend.reports.figures.path import MAP_UNITS, METRES, PlottedPath
from vo_frontend.reports.figures.timelines import error_figure, latency_figure, tracking_figure
from vo_frontend.reports.figures.trajectory import draw_from_above, trajectory_figure
from vo_frontend.reports.frame_table import FrameTable, Gap
from vo_frontend.reports.loop_log import LOOPS_NAME
from vo_frontend.reports.moment_picture import draw_moment
from vo_frontend.reports.page import html
from vo_frontend.reports.run_folder import CONFIG_NAME, MAP_IMAGE_NAME
from vo_frontend.reports.run_metrics import Row, RunInfo, format_value
from vo_frontend.reports.statistics import RunStatistics
from vo_frontend.reports.verdict import Outcome, Verdict
from vo_frontend.reports.worst_moments import Moment
from vo_frontend.types import Sensor

MAX_LISTED = 20  # losses and loops
KIND_OF = {Outcome.WORKED: "worked", Outcome.WITH_LOSSES: "losses", Outcome.FAILED: "failed"}


@dataclass(frozen=True, slots=True, eq=False)
class RunPage:
    """Holds what the page of a run is made of, beside the files of its folder."""

    folder: Path
    info: RunInfo
    verdict: Verdict
    rows: Sequence[Row]  # of the closing table
    tiles: Sequence[tuple[str, str, str]]
    statistics: RunStatistics
    table: FrameTable
    gaps: Sequence[Gap]
    moments: Sequence[Moment]
    path: PlottedPath


def write_run_page(path: Path, run: RunPage) -> None:
    """Write the page of a run as one file.

    Raises:
        OutputError: the file cannot be written; an older one stays as it was.
    """
    info = run.info
    what = f"{info.sensor.value}, {info.features} on {info.device}"
    body = [
        f"<h1>{html.escape(info.sequence)}</h1>",
        html.paragraph(f"{what} - {run.folder.name}", "quiet"),
        _verdict(run.verdict),
        html.tiles(run.tiles),
        html.section("Path", _trajectory(run)),
        html.section("Errors against ground truth", _errors(run)),
        html.section("What held the poses", _tracking(run), _losses(run)),
        html.section("Loops", _loops(run)),
        html.section("Worst moments", _moments(run)),
        html.section("Time", _latency(run)),
        html.section("Map", _map(run)),
        html.section("All figures", html.folded("show the closing table", html.figures_table(run.rows))),
        html.section("How to repeat it", _command(run)),
    ]
    write_atomically(path, html.page(f"{info.sequence}: {run.verdict.outcome.value}", body))


def _verdict(verdict: Verdict) -> str:
    sentence = verdict.sentence[:1].upper() + verdict.sentence[1:]
    findings = html.bullets([(finding.what, finding.advice) for finding in verdict.findings])
    return html.banner(KIND_OF[verdict.outcome], verdict.outcome.value.capitalize(), sentence, findings)


def _trajectory(run: RunPage) -> str:
    if not run.path.segments:
        return ""
    losses = " Shaded times and crosses mark where there is no pose." if run.path.losses else ""
    caption = f"Seen from above, with the first camera looking up the page.{losses}"
    return html.picture(
        to_svg(trajectory_figure(run.path, with_errors=False)), html.SVG, "path from above", caption
    )


def _errors(run: RunPage) -> str:
    if not run.path.has_errors:
        return ""
    return html.picture(to_svg(error_figure(run.path)), html.SVG, "position errors")


def _tracking(run: RunPage) -> str:
    if not len(run.table):
        return ""
    return html.picture(to_svg(tracking_figure(run.table, run.path)), html.SVG, "inliers and landmarks")


def _losses(run: RunPage) -> str:
    if not run.gaps:
        return html.paragraph("Every frame has a pose.") if len(run.table) else ""
    longest = sorted(run.gaps, key=lambda gap: -gap.num_frames)[:MAX_LISTED]
    rows = [_loss_row(run.table, gap) for gap in sorted(longest, key=lambda gap: gap.first_row)]
    more = len(run.gaps) - len(longest)
    note = html.paragraph(f"{more} shorter ones are not listed.", "quiet") if more else ""
    return html.table(("without a pose", "frames", "seconds", "state", "reason"), rows) + note


def _loss_row(table: FrameTable, gap: Gap) -> tuple[str, int, float, str, str]:
    last_row = gap.first_row + gap.num_frames - 1
    first, last = int(table.frame_indices[gap.first_row]), int(table.frame_indices[last_row])
    frames = f"frame {first}" if first == last else f"frames {first} to {last}"
    seconds = float(table.times_s[last_row] - table.times_s[gap.first_row])
    return frames, gap.num_frames, seconds, gap.status.value, gap.reason.value


def _loops(run: RunPage) -> str:
    try:
        with (run.folder / LOOPS_NAME).open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
    except (OSError, ValueError):  # a run without a loop has no such file
        return ""
    with style():
        figure = new_figure(8.5, 6.5)
        draw_from_above(figure.add_subplot(), run.path)
    seen = html.picture(to_svg(figure), html.SVG, "path before and after its loops were closed")
    numbers = [
        [int(value) if value.isdigit() else float(value) for value in row] for row in rows[:MAX_LISTED]
    ]
    listed = html.table([name.replace("_", " ") for name in header], numbers)
    drift = html.figures_table([row for row in run.rows if "hindsight" in row[0] or "online" in row[0]])
    more = f" The first {MAX_LISTED} are listed." if len(rows) > MAX_LISTED else ""
    unit = MAP_UNITS if run.info.sensor is Sensor.MONO else METRES
    number = "1 loop" if len(rows) == 1 else f"{len(rows)} loops"
    explained = (
        f"{number} closed. 'moved' is the drift that each removed at its newest keyframe, in {unit}; the "
        f"dotted path is what each frame told, the solid one what is known now.{more}"
    )
    return html.paragraph(explained) + seen + listed + drift


def _moments(run: RunPage) -> str:
    parts = []
    for moment in run.moments:
        content = draw_moment(moment)
        view = moment.view
        title = f"frame {view.frame_index}: {_what_happened(moment)}"
        if content is None:
            parts.append(html.paragraph(f"{title}; it has no image."))
            continue
        parts.append(html.picture(content, html.JPEG, title, title))
    explained = (
        "Where poses were lost longest, and where the fewest landmarks held them; left the frame before, "
        "right the frame itself. Filled circles are landmarks, open ones keypoints without one; lines show "
        "how landmarks moved in the image."
    )
    return html.paragraph(explained) + "".join(parts) if parts else ""


def _what_happened(moment: Moment) -> str:
    if not moment.num_frames:
        return f"{moment.view.num_inliers} inliers"
    many = "no pose" if moment.num_frames == 1 else f"the first of {moment.num_frames} frames without a pose"
    return f"{many}, {moment.view.reason.value}"


def _latency(run: RunPage) -> str:
    if not len(run.table):
        return ""
    figure = latency_figure(run.table, run.statistics.stage_ms)
    rate = format_value(run.statistics.frames_per_second)
    caption = f"{rate} frames/s over the whole run, reading and writing included.{_lateness(run.statistics)}"
    return html.picture(to_svg(figure), html.SVG, "time per frame", caption)


def _lateness(statistics: RunStatistics) -> str:
    """Say in a sentence how the run kept up with a live source."""
    found = statistics.punctuality
    if found is None or found.latency_ms is None:
        return ""
    latency, num_came = found.latency_ms, statistics.num_frames + found.num_dropped
    return (
        f" From capture to pose it took {latency.p50:.0f} ms in the median, {latency.p95:.0f} for 95 % of "
        f"them and {found.max_latency_ms:.0f} at most; {found.num_dropped} of {num_came} frames came while "
        "an earlier one was worked on, and were dropped."
    )


def _map(run: RunPage) -> str:
    try:
        content = (run.folder / MAP_IMAGE_NAME).read_bytes()
    except OSError:  # no pose, or it could not be drawn, which the log says
        return ""
    return html.picture(content, html.PNG, "map from above")


def _command(run: RunPage) -> str:
    command = html.preformatted(shlex.join(run.info.command)) if run.info.command else ""
    again = f"vo-frontend run --config {shlex.quote(str(run.folder / CONFIG_NAME))}"
    try:
        config = (run.folder / CONFIG_NAME).read_text(encoding="utf-8")
    except OSError:
        return command
    return (
        command
        + html.paragraph("The same again, with every setting and version that it had:")
        + html.preformatted(again)
        + html.folded("configuration", html.preformatted(config))
    )
