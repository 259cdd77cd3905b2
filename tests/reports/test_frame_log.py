"""``frames.csv``, fed with a made-up stream of results."""

import os
from pathlib import Path

import pytest
from made_up_results import a_run, feed, tracked

from vo_frontend.errors import OutputError
from vo_frontend.reports.frame_log import FRAMES_NAME, FrameLogSink


def lines_of(folder: Path) -> list[str]:
    return (folder / FRAMES_NAME).read_text().splitlines()


def test_the_frame_log_has_one_line_per_input_frame(tmp_path: Path) -> None:
    feed(FrameLogSink(tmp_path), a_run()).close()
    lines = lines_of(tmp_path)
    columns = "frame,timestamp,status,reason,segment,features,matches,inliers,keyframe,total_ms,landmarks"
    assert lines[0] == columns
    assert lines[1] == "100,3.333333300,initializing,too little parallax,0,0,0,0,0,30.000,0"
    assert lines[3] == "102,3.399999966,tracking,,0,0,0,202,1,30.000,0"
    assert len(lines) == 8


def test_the_frame_log_is_complete_after_every_frame(tmp_path: Path) -> None:
    sink = FrameLogSink(tmp_path)
    for count in range(1, 6):
        feed(sink, [tracked(count)])
        assert len(lines_of(tmp_path)) == count + 1
    sink.close()


def test_a_frame_log_in_a_folder_that_is_gone_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"none/.*: cannot create the file \(No such file"):
        FrameLogSink(tmp_path / "none")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_no_space_left_is_said_in_the_systems_words(tmp_path: Path) -> None:
    (tmp_path / FRAMES_NAME).symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"frames\.csv: cannot write \(No space left on device\)"):
        FrameLogSink(tmp_path)
