"""What a view says of the run in figures and words."""

import math

import numpy as np
import pytest
from viewer_street import FedScene, make_pose, make_result

from vo_frontend.geometry.alignment import Similarity
from vo_frontend.map_events import LandmarksRecalled, LoopClosed, MapEvent, SegmentBegun, SegmentJoined
from vo_frontend.types import Capture, Frame, FrameResult, Reason, Status
from vo_frontend.viewer.layers import Layer
from vo_frontend.viewer.run_state import RunMonitor, RunState
from vo_frontend.viewer.window_text import KEYS, NOTE_FRAMES, note_text, status_text


def follow(*results: FrameResult, monitor: RunMonitor | None = None) -> RunState:
    monitor = monitor or RunMonitor()
    for result in results:
        monitor.update(Frame(result.frame_index, result.timestamp_ns, None), result)
    return monitor.state


def lost(index: int, reason: Reason = Reason.TOO_FEW_MATCHES) -> FrameResult:
    return FrameResult(index, index * 10**8, Status.LOST, reason, 0, None)


def test_rate_and_latency_are_those_of_the_latest_frames() -> None:
    ticks = iter(range(100))
    monitor = RunMonitor(clock=lambda: 0.25 * next(ticks))
    stages = {"read": 7.0, "extract": 0.03, "track": 0.01}
    results = [make_result(i, (0, 0, i), stage_seconds=stages) for i in range(50)]
    state = follow(*results, monitor=monitor)
    assert state.frames_per_second == pytest.approx(4.0)
    assert state.latency_s == pytest.approx(0.04)  # reading waits for nobody


def test_the_latency_of_a_live_camera_counts_from_the_capture() -> None:
    monitor = RunMonitor(now_ns=lambda: 5 * 10**8)
    monitor.update(Frame(3, 0, None, capture=Capture(3 * 10**8)), make_result(3, (0, 0, 0)))
    assert monitor.state.latency_s == pytest.approx(0.2)


def test_a_rate_is_unknown_after_one_frame() -> None:
    assert math.isnan(follow(make_result(0, (0, 0, 0))).frames_per_second)


def test_a_repeated_frame_with_a_pose_looks_like_its_original() -> None:
    scene = FedScene()
    results = [make_result(0, (0, 0, 0), num_inliers=84), make_result(1, (0, 0, 0), num_inliers=84)]
    repeated = FrameResult(
        1, 10**8, Status.TRACKING, Reason.REPEATED_FRAME, 0, make_pose((0, 0, 0)), num_inliers=84
    )
    texts = []
    for second in (results[1], repeated):
        scene.update(second)
        texts.append(status_text(scene.snapshot(), follow(results[0], second)))
    assert texts[0].split("frames/s")[0].split("    ")[:2] == texts[1].split("frames/s")[0].split("    ")[:2]
    assert "84 inliers" in texts[1]
    assert "repeated" not in texts[1]


def test_the_status_line_gives_frame_reason_inliers_landmarks_rate_and_latency() -> None:
    scene = FedScene()
    scene.update(make_result(7, (0, 0, 0)))
    state = RunState(7, status=Status.TRACKING, reason=Reason.NONE, num_inliers=123, frames_per_second=12.34)
    assert status_text(scene.snapshot(), state).split("    ") == [
        "frame 7", "123 inliers", "0 landmarks", "12.3 frames/s",
    ]  # fmt: skip
    line = status_text(scene.snapshot(), follow(lost(8)))
    assert Reason.TOO_FEW_MATCHES.value in line
    assert "inliers" not in line
    assert "latency 0 ms" in line


def event_cases() -> list[tuple[MapEvent, str]]:
    loop = LoopClosed(0, 12, 90, 57, np.eye(4), np.eye(4))
    similarity = Similarity(1.0, np.eye(3), np.zeros(3))
    return [
        (loop, "loop closed: frame 12 seen again, 57 landmarks agree"),
        (SegmentJoined(1, 0, similarity), "segment 2 joined to segment 1"),
        (SegmentBegun(1), "segment 2 begins"),
        (LandmarksRecalled(0, np.arange(9)), "known place: 9 landmarks recalled"),
    ]


@pytest.mark.parametrize(("event", "text"), event_cases(), ids=lambda value: type(value).__name__)
def test_what_happens_to_the_map_is_said_for_a_while(event: MapEvent, text: str) -> None:
    monitor = RunMonitor()
    state = follow(make_result(90, (0, 0, 0), events=(event,)), monitor=monitor)
    assert note_text(state) == f"frame 90: {text}"
    assert text in note_text(follow(make_result(91, (0, 0, 0)), monitor=monitor))
    assert note_text(follow(make_result(91 + NOTE_FRAMES, (0, 0, 0)), monitor=monitor)) == ""


def test_the_first_segment_is_no_news() -> None:
    assert note_text(follow(make_result(0, (0, 0, 0), events=(SegmentBegun(0),)))) == ""


def test_a_camera_that_is_found_again_is_news() -> None:
    state = follow(make_result(0, (0, 0, 0)), lost(1), lost(2), lost(3), make_result(4, (0, 0, 1)))
    assert note_text(state) == "frame 4: relocalised after 3 lost frames"


@pytest.mark.parametrize("reason", [Reason.BAD_IMAGE, Reason.OUT_OF_ORDER, Reason.REPEATED_FRAME])
def test_a_frame_that_could_not_be_placed_at_all_does_not_make_the_next_one_a_relocalisation(
    reason: Reason,
) -> None:
    assert note_text(follow(make_result(0, (0, 0, 0)), lost(1, reason), make_result(2, (0, 0, 1)))) == ""


def test_the_help_has_every_key_and_every_layer() -> None:
    keys = dict(KEYS)
    assert keys.keys() >= {"Space", "S", "F", "T", "P", "H", "Q"}
    layers = [keys[str(number)].removeprefix("show or hide ") for number in range(1, 7)]
    assert layers == [layer.value for layer in Layer]
