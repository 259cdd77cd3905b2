"""``loops.csv``, fed with a made-up stream of results."""

from pathlib import Path

import numpy as np
from made_up_results import feed, make_pose, tracked, with_events

from vo_frontend.geometry import se3
from vo_frontend.map_events import LoopClosed
from vo_frontend.reports.loop_log import LOOPS_NAME, LoopLogSink


def test_each_loop_is_a_line_with_what_the_correction_did(tmp_path: Path) -> None:
    T_before = make_pose(20)
    turned = se3.exp(np.array([0, 0, 0, 0, 0, np.deg2rad(2.0)])) @ T_before
    moved = T_before.copy()
    moved[:3, 3] += [0.3, 0, -0.4]
    first = LoopClosed(0, 3, 20, 77, T_before, moved)
    results = [tracked(19), with_events(tracked(20), first), tracked(21)]
    turned[:3, 3] = T_before[:3, 3]
    results.append(with_events(tracked(22), LoopClosed(1, 4, 22, 60, T_before, turned)))
    feed(LoopLogSink(tmp_path), results).close()
    assert (tmp_path / LOOPS_NAME).read_text().splitlines() == [
        "frame,timestamp,segment,old_frame,inliers,moved,turned_deg",
        "20,0.666666660,0,3,77,0.5,0",
        "22,0.733333326,1,4,60,0,2",
    ]


def test_a_run_without_loops_has_no_such_file(tmp_path: Path) -> None:
    feed(LoopLogSink(tmp_path), [tracked(0)]).close()
    assert not list(tmp_path.iterdir())
