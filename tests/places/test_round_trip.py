"""The front-end on round trips with known answers: loops, and ways that are known."""

import logging
import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from round_trip import (
    BENT,
    EITHER_SENSOR,
    FLAT,
    LAP,
    NOTICE,
    Drive,
    RoundTrip,
    drive,
    error,
    recalled_after,
    statuses,
)

from vo_frontend.atlas.pose_graph_process import PoseGraphProcess
from vo_frontend.geometry.alignment import align
from vo_frontend.map_events import (
    KeyframeAdded,
    KeyframeMerged,
    KeyframesMoved,
    LandmarksRecalled,
    LandmarksRemoved,
    LandmarksRetired,
    LoopClosed,
)
from vo_frontend.mapping.keyframe import View
from vo_frontend.places.index import Candidates
from vo_frontend.places.memory import PlaceMemory
from vo_frontend.types import Status

ONCE_ROUND = tuple(range(80))  # and a third of a second lap
MONO_DRIFT = 0.1  # of its own, in a window so small


def gap(driven: Drive) -> float:
    """How far apart the poses of two passes are, which should be none, as a share of the lap's radius."""
    positions = driven.trajectory.T_world_cam[:, :3, 3]
    truth = FLAT.truth(driven.sections)[:, :3, 3]
    scale = align(positions[:20], truth[:20], with_scale=True).scale  # of the first pass
    where = {int(section): row for row, section in enumerate(driven.sections)}
    both = [(where[k], where[k + LAP]) for k in range(5, 15) if k in where and k + LAP in where]
    assert both
    apart = np.linalg.norm([positions[i] - positions[j] for i, j in both], axis=1)
    return float(scale * apart.mean() / (LAP * 0.5 / (2 * np.pi)))


@EITHER_SENSOR
def test_a_loop_is_found_and_takes_nine_tenths_of_the_drift_away(
    monkeypatch: pytest.MonkeyPatch, mono: bool
) -> None:
    pytest.importorskip("gtsam")
    trip = RoundTrip(bend_deg=0.005, climb=0.006, growth=0.0005 if mono else 0.0)
    odometry = drive(trip, ONCE_ROUND, monkeypatch, mono=mono, settings=["places.enabled=false"])
    slam = drive(trip, ONCE_ROUND, monkeypatch, mono=mono, settings=[NOTICE])
    truth = trip.truth(odometry.sections)
    own = error(odometry, trip.poses(odometry.sections), mono=mono)
    assert own < (MONO_DRIFT if mono else 0.03), "it drifts with its world and hardly beside it"
    before, after = error(odometry, truth, mono=mono), error(slam, trip.truth(slam.sections), mono=mono)
    assert before > 0.25
    assert after < 0.15 * before
    assert gap(slam) < 0.1 * gap(odometry)
    assert recalled_after(slam, 0)[0] >= LAP - 10, "not before it is back"
    assert statuses(slam, range(2, 80)) == {Status.TRACKING}


@pytest.mark.slow
def test_a_loop_moves_keyframes_that_left_long_ago_and_never_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("gtsam")
    driven = drive(BENT, ONCE_ROUND, monkeypatch, settings=[NOTICE])
    is_closed = [any(isinstance(event, LoopClosed) for event in result.events) for result in driven.results]
    closing = driven.results[is_closed.index(True)]
    moved = [event for event in closing.events if isinstance(event, KeyframesMoved)]
    frames = np.concatenate([event.frame_indices for event in moved])
    known = {event.frame_index for event in driven.events(KeyframeAdded)}
    known -= {event.frame_index for event in driven.events(KeyframeMerged)}
    assert {k for k in known if k <= closing.frame_index} == set(frames.tolist())
    np.testing.assert_allclose(driven.trajectory.T_world_cam[0], np.eye(4), atol=1e-5)


@EITHER_SENSOR
@pytest.mark.slow
def test_a_way_without_drift_is_recalled_and_stays_as_exact_as_it_was(
    monkeypatch: pytest.MonkeyPatch, mono: bool
) -> None:
    driven = drive(FLAT, ONCE_ROUND, monkeypatch, mono=mono)
    assert recalled_after(driven, 0)[0] >= LAP - 10
    assert error(driven, FLAT.truth(driven.sections), mono=mono) < 0.05


@EITHER_SENSOR
def test_a_known_way_is_not_mapped_again(monkeypatch: pytest.MonkeyPatch, mono: bool) -> None:
    driven = drive(FLAT, range(3 * LAP), monkeypatch, mono=mono)
    added = np.array([event.frame_index for event in driven.events(KeyframeAdded)])
    given_up = np.array([event.frame_index for event in driven.events(KeyframeMerged)])
    new_in_lap = np.bincount(added // LAP) - np.bincount(given_up // LAP, minlength=3)
    window = 12  # what is still in it has not been judged
    assert new_in_lap[0] > 20
    assert new_in_lap[1] <= 2
    assert new_in_lap[2] <= 2 + window
    assert error(driven, FLAT.truth(driven.sections), mono=mono) < 0.05


def test_a_known_way_is_followed_where_nothing_looks_like_the_newest_view(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    look_up = PlaceMemory.look_up

    def until_it_is_back(self: PlaceMemory, view: View, k: int, exclude: NDArray[np.int64]) -> Candidates:
        found = look_up(self, view, k, exclude)
        return found if view.frame_index < LAP + 10 else Candidates(found.ids[:0], found.scores[:0])

    monkeypatch.setattr(PlaceMemory, "look_up", until_it_is_back)
    driven = drive(FLAT, range(3 * LAP), monkeypatch)
    added = np.array([event.frame_index for event in driven.events(KeyframeAdded)])
    given_up = np.array([event.frame_index for event in driven.events(KeyframeMerged)])
    new_in_lap = np.bincount(added // LAP) - np.bincount(given_up // LAP, minlength=3)
    assert new_in_lap[1] <= 2, "not mapped again"
    assert recalled_after(driven, LAP + 20)
    assert error(driven, FLAT.truth(driven.sections), mono=False) < 0.05


def test_a_place_is_known_though_every_visit_shows_other_landmarks_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trip, every_frame = RoundTrip(lap=90, overlooked=0.2), ["keyframes.max_tracked_share=1.0"]
    driven = drive(trip, range(2 * trip.lap), monkeypatch, settings=every_frame)
    added = np.array([event.frame_index for event in driven.events(KeyframeAdded)])
    given_up = np.array([event.frame_index for event in driven.events(KeyframeMerged)])
    new_in_lap = np.bincount(added // trip.lap) - np.bincount(given_up // trip.lap, minlength=2)
    window = 12  # what is still in it has not been judged
    assert new_in_lap[0] > 20
    assert new_in_lap[1] <= 5 + window
    assert error(driven, trip.truth(driven.sections), mono=False) < 0.05
    gone = np.concatenate([event.ids for event in driven.events(LandmarksRemoved)])
    retired = np.concatenate([event.ids for event in driven.events(LandmarksRetired)])
    assert len(np.setdiff1d(gone, retired)) > 100, "what no kept keyframe sees is given up, too"


@pytest.mark.parametrize(("overlooked", "most"), [(0.3, 1.05), (0.45, 1.3), (0.6, 2.2)])
def test_the_archive_does_not_grow_with_every_visit_though_each_shows_much_that_is_new(
    monkeypatch: pytest.MonkeyPatch, overlooked: float, most: float
) -> None:
    trip, num_laps = RoundTrip(lap=70, overlooked=overlooked), 8
    every_frame = ["keyframes.max_tracked_share=1.0"]
    driven = drive(trip, range(num_laps * trip.lap), monkeypatch, settings=every_frame)
    num_kept, after_lap = 0, []
    for result in driven.results:
        for event in result.events:
            num_kept += isinstance(event, KeyframeAdded) - isinstance(event, KeyframeMerged)
        if (result.frame_index + 1) % trip.lap == 0:
            after_lap.append(num_kept)
    assert after_lap[0] > 40
    assert max(after_lap) <= most * after_lap[0]
    assert error(driven, trip.truth(driven.sections), mono=False) < 0.05
    assert not any(event.frame_index == 0 for event in driven.events(KeyframeMerged)), "it is the world"


@EITHER_SENSOR
@pytest.mark.slow
def test_the_same_frames_give_the_same_bytes_whenever_the_solver_was_started(
    monkeypatch: pytest.MonkeyPatch, mono: bool
) -> None:
    pytest.importorskip("gtsam")
    started: list[object] = []
    monkeypatch.setattr(PoseGraphProcess, "start_ahead", started.append)
    first = drive(BENT, ONCE_ROUND, monkeypatch, mono=mono, settings=[NOTICE])
    assert not started
    monkeypatch.undo()
    monkeypatch.setattr("vo_frontend.places.loop_closer.SOLVED_AHEAD", 0)
    second = drive(BENT, ONCE_ROUND, monkeypatch, mono=mono, settings=[NOTICE])
    assert bytes_of(first) == bytes_of(second)


@EITHER_SENSOR
def test_a_memory_that_nothing_is_asked_of_changes_no_bit(
    monkeypatch: pytest.MonkeyPatch, mono: bool
) -> None:
    """Where no place comes again, remembering and forgetting are the same."""
    with_memory, without = (
        drive(FLAT, range(45), monkeypatch, mono=mono, settings=[f"places.enabled={enabled}"])
        for enabled in ("true", "false")
    )
    assert with_memory.events(LandmarksRecalled) == []
    assert bytes_of(with_memory) == bytes_of(without)


def bytes_of(driven: Drive) -> list[bytes]:
    snapshots = [result.map for result in driven.results if result.map is not None]
    arrays: list[NDArray[np.float64]] = [driven.trajectory.T_world_cam]
    arrays += [snapshot.points_world for snapshot in snapshots]
    return [array.tobytes() for array in arrays]


@EITHER_SENSOR
def test_without_gtsam_one_warning_says_what_to_install_and_the_run_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, mono: bool
) -> None:
    monkeypatch.setitem(sys.modules, "gtsam", None)
    with caplog.at_level(logging.WARNING, "vo_frontend.places"):
        driven = drive(BENT, ONCE_ROUND, monkeypatch, mono=mono, settings=[NOTICE])
    (record,) = caplog.records
    assert 'pip install "vo_frontend[slam]"' in record.getMessage()
    assert "\n" not in record.getMessage()
    assert statuses(driven, range(2, 80)) == {Status.TRACKING}
    own = error(driven, BENT.poses(driven.sections), mono=mono)
    assert own < (MONO_DRIFT if mono else 0.03), "the drift stays, and is no jump"


@pytest.mark.slow
def test_without_gtsam_what_does_not_drift_is_recalled_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "gtsam", None)
    driven = drive(FLAT, ONCE_ROUND, monkeypatch)
    assert recalled_after(driven, 0)
    assert caplog.records == []
