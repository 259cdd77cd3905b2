"""What a keyframe finds is done by the frame after it, one thing at a time."""

import numpy as np
import pytest
from round_trip import RoundTrip, drive

from vo_frontend.map_events import LandmarksRecalled, LoopClosed
from vo_frontend.mapping.keyframe import NO_LANDMARK
from vo_frontend.types import FrameResult, Status

BENT = RoundTrip(bend_deg=0.005, climb=0.006)
NOTICE = "places.max_offset_px=8"


def tells(result: FrameResult, kind: type[LandmarksRecalled] | type[LoopClosed]) -> bool:
    return any(isinstance(event, kind) for event in result.events)


def test_all_is_moved_by_a_frame_that_makes_no_keyframe_and_the_place_recalled_by_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("gtsam")
    results = drive(BENT, range(80), monkeypatch, settings=[NOTICE]).results
    closing = [result for result in results if tells(result, LoopClosed)]
    recalling = [result for result in results if tells(result, LandmarksRecalled)]
    assert len(closing) == 1
    assert not closing[0].is_keyframe
    assert recalling[0].frame_index == closing[0].frame_index + 1, "while it is sure where it is"


def test_a_frame_that_is_no_keyframe_is_told_in_the_map_as_it_is_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("gtsam")
    driven = drive(BENT, range(80), monkeypatch, settings=[NOTICE])
    (number,) = (k for k, result in enumerate(driven.results) if tells(result, LoopClosed))
    before, now = driven.results[number - 1], driven.results[number]
    (loop,) = (event for event in now.events if isinstance(event, LoopClosed))
    assert before.T_world_cam is not None
    assert now.T_world_cam is not None
    assert now.status is Status.TRACKING
    corrected = np.linalg.norm(loop.T_after[:3, 3] - loop.T_before[:3, 3])
    step = np.linalg.norm(now.T_world_cam[:3, 3] - loop.T_after[:3, 3])
    jump = np.linalg.norm(now.T_world_cam[:3, 3] - before.T_world_cam[:3, 3])
    assert corrected > 0.2
    assert step == pytest.approx(0.5, abs=0.05), "one section further than the newest keyframe"
    assert jump != pytest.approx(0.5, abs=0.05)
    for result in driven.results[number:]:
        if result.map is not None and result.landmark_ids is not None:
            seen = result.landmark_ids[result.landmark_ids != NO_LANDMARK]
            assert np.isin(seen, result.map.landmark_ids).all()
            assert len(np.unique(seen)) == len(seen)
