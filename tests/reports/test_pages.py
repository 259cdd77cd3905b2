"""The pages of a run: they hold all they show, and text in them is text."""

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from made_up_results import a_run, feed

from vo_frontend.reports.figures.path import PlottedPath, PlottedSegment
from vo_frontend.reports.frame_log import FrameLogSink
from vo_frontend.reports.frame_table import FrameTable, read_frame_table
from vo_frontend.reports.loop_log import HEADER, LOOPS_NAME
from vo_frontend.reports.page import html
from vo_frontend.reports.page.run_page import RunPage, write_run_page
from vo_frontend.reports.run_metrics import RunInfo
from vo_frontend.reports.statistics import Percentiles, Punctuality, StatisticsSink
from vo_frontend.reports.verdict import PathSummary, judge
from vo_frontend.types import Sensor

VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Reads a page, and fails where tags do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[str] = []
        self.sources: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open, "every tag is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "src":
                self.sources.append(value or "")
            if name in ("href", "action", "srcset"):
                self.links.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings.append(data)


def a_page(folder: Path, table: FrameTable, sequence: str = "my <camera>") -> RunPage:
    statistics = feed(StatisticsSink(), a_run()).summary()
    times_s = np.arange(20) / 10
    segment = PlottedSegment(
        np.cumsum(np.ones((20, 3)), axis=0), times_s, np.ones(20), np.ones(19), np.arange(20.0)
    )
    gaps = table.gaps(np.array([100, 101, 102, 103, 105, 106]))
    verdict = judge(PathSummary(7, 6, 4, 2, 3.0), table, gaps)
    info = RunInfo(sequence, Sensor.MONO, "orb", None, "cpu", 0, ["vo-frontend", "run", "--images", "a b"])
    rows = [("frames", 7, ""), ("scale error", None, "no scale")]
    return RunPage(
        folder, info, verdict, rows, [("poses", "6", "of 7")], statistics, table, gaps,
        [], PlottedPath("x", [segment], unit="m"),
    )  # fmt: skip


@pytest.fixture
def table(tmp_path: Path) -> FrameTable:
    feed(FrameLogSink(tmp_path), a_run()).close()
    return read_frame_table(tmp_path)


def read(folder: Path, page: RunPage) -> Page:
    write_run_page(folder / "report.html", page)
    return Page((folder / "report.html").read_text())


def test_the_verdict_stands_first_and_everything_else_below(tmp_path: Path, table: FrameTable) -> None:
    (tmp_path / "config.yaml").write_text("seed: 0\n")
    page = read(tmp_path, a_page(tmp_path, table))
    assert page.headings == [
        "my <camera>", "Worked with losses", "Path", "Errors against ground truth", "What held the poses",
        "Time", "All figures", "How to repeat it",
    ]  # fmt: skip
    assert "1 frame without a pose: bad image" in page.text
    assert "vo-frontend run --images 'a b'" in page.text, "ready to be typed again"
    assert "seed: 0" in page.text


def test_a_page_holds_all_that_it_shows(tmp_path: Path, table: FrameTable) -> None:
    page = read(tmp_path, a_page(tmp_path, table))
    assert not page.links
    assert len(page.sources) >= 4
    assert all(source.startswith("data:image/") for source in page.sources)
    assert "url(" not in (tmp_path / "report.html").read_text()


def test_a_page_says_how_late_the_poses_of_a_live_run_were(tmp_path: Path, table: FrameTable) -> None:
    page = a_page(tmp_path, table)
    assert "From capture to pose" not in read(tmp_path, page).text
    found = replace(page.statistics, punctuality=Punctuality(3, Percentiles(60.2, 96.0), 120.0))
    text = " ".join(read(tmp_path, replace(page, statistics=found)).text.split())
    assert "From capture to pose it took 60 ms in the median, 96 for 95 % of them and 120 at most" in text
    assert "3 of 10 frames came while an earlier one was worked on" in text


def test_names_cannot_become_markup(tmp_path: Path, table: FrameTable) -> None:
    page = read(tmp_path, a_page(tmp_path, table, "<script>alert(1)</script>"))
    assert page.headings[0] == "<script>alert(1)</script>"


def test_loops_are_listed_with_the_drift_that_they_removed(tmp_path: Path, table: FrameTable) -> None:
    (tmp_path / LOOPS_NAME).write_text(HEADER + "90,3.0,0,10,55,0.25,1.5\n")
    page = read(tmp_path, a_page(tmp_path, table))
    assert "Loops" in page.headings
    assert "1 loop closed" in page.text
    assert "0.25" in page.text


def test_a_run_without_frames_has_a_page(tmp_path: Path) -> None:
    empty = FrameTable.empty()
    statistics = StatisticsSink().summary()
    info = RunInfo("nothing", Sensor.MONO, "orb", None, "cpu", 0, [])
    verdict = judge(PathSummary(0, 0, 0, 0), empty, [])
    page = RunPage(tmp_path, info, verdict, [], [], statistics, empty, [], [], PlottedPath("x", []))
    assert read(tmp_path, page).headings[:2] == ["nothing", "Did not work"]


def test_a_table_aligns_numbers_and_names_what_is_missing() -> None:
    text = html.table(("a", "b"), [("x", 3), ("y", None)])
    assert '<td class="number">3</td>' in text
    assert '<td class="number">n/a</td>' in text
