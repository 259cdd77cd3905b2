"""``frames.csv`` read back, and the stretches without a pose in it."""

from pathlib import Path

import numpy as np
import pytest
from made_up_results import a_run, feed, tracked, without_pose

from vo_frontend.errors import VoError
from vo_frontend.reports.frame_log import FRAMES_NAME, FrameLogSink
from vo_frontend.reports.frame_table import FrameTable, Gap, read_frame_table
from vo_frontend.types import FrameResult, Reason, Status


def logged(folder: Path, results: list[FrameResult]) -> FrameTable:
    feed(FrameLogSink(folder), results).close()
    return read_frame_table(folder)


def test_the_table_holds_what_was_logged(tmp_path: Path) -> None:
    table, results = logged(tmp_path, a_run()), a_run()
    assert table.frame_indices.tolist() == [result.frame_index for result in results]
    assert table.statuses == tuple(result.status for result in results)
    assert table.reasons == tuple(result.reason for result in results)
    assert table.num_inliers.tolist() == [result.num_inliers for result in results]
    np.testing.assert_allclose(table.times_s, [result.timestamp_ns * 1e-9 for result in results])
    np.testing.assert_allclose(table.total_ms, 30.0)


def test_frames_that_were_placed_in_hindsight_are_no_gap(tmp_path: Path) -> None:
    table = logged(tmp_path, a_run())
    posed = np.array([100, 101, 102, 103, 105, 106])
    assert table.gaps(posed) == [Gap(4, 1, Status.LOST, Reason.BAD_IMAGE)]


def test_a_gap_gives_the_most_frequent_reason_and_copies_do_not_count(tmp_path: Path) -> None:
    reasons = [Reason.TOO_FEW_FEATURES, *[Reason.REPEATED_FRAME] * 3]
    lost = [without_pose(1 + i, Status.LOST, reason) for i, reason in enumerate(reasons)]
    table = logged(tmp_path, [tracked(0), *lost, tracked(5)])
    assert table.gaps(np.array([0, 5])) == [Gap(1, 4, Status.LOST, Reason.TOO_FEW_FEATURES)]


def test_copies_are_the_reason_where_there_is_no_other(tmp_path: Path) -> None:
    table = logged(tmp_path, [without_pose(0, Status.LOST, Reason.REPEATED_FRAME)])
    assert table.gaps(np.empty(0, np.int64)) == [Gap(0, 1, Status.LOST, Reason.REPEATED_FRAME)]


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    logged(tmp_path, a_run())
    path = tmp_path / FRAMES_NAME
    path.write_text(path.read_text()[:-20])
    assert len(read_frame_table(tmp_path)) == len(a_run()) - 1


@pytest.mark.parametrize("text", ["frame,timestamp\n1,2\n", "x" * 50 + "\n1\n"])
def test_another_table_is_one_clear_error(tmp_path: Path, text: str) -> None:
    (tmp_path / FRAMES_NAME).write_text(text)
    with pytest.raises(VoError, match=r"frames\.csv: got .*, expected the table that vo-frontend run writes"):
        read_frame_table(tmp_path)


def test_a_missing_table_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(VoError, match="cannot read the file"):
        read_frame_table(tmp_path)
