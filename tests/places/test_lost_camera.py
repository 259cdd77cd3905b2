"""The front-end on round trips with known answers: cameras that are carried off, joined segments."""

import numpy as np
import pytest
from round_trip import (
    BENT,
    EITHER_SENSOR,
    FLAT,
    NOTICE,
    Drive,
    RoundTrip,
    drive,
    error,
    recalled_after,
    statuses,
)

from vo_frontend.map_events import (
    LandmarksAdded,
    LandmarksRecalled,
    SegmentEnded,
    SegmentJoined,
)
from vo_frontend.types import Status

DARK = (None,) * 13  # longer than a lost segment is kept
BLINK = (None,) * 4


@EITHER_SENSOR
def test_segments_join_where_the_second_reaches_the_first(
    monkeypatch: pytest.MonkeyPatch, mono: bool
) -> None:
    driven = drive(FLAT, [*range(30), *DARK, *range(40, 80)], monkeypatch, mono=mono)
    (joined,) = driven.events(SegmentJoined)
    assert (joined.segment_id, joined.into_segment_id) == (1, 0)
    if not mono:
        assert joined.similarity.scale == 1.0
    assert set(driven.trajectory.segment_ids.tolist()) == {0}
    assert driven.results[-1].segment_id == 0
    assert error(driven, FLAT.truth(driven.sections), mono=mono) < 0.03


@EITHER_SENSOR
def test_a_camera_that_is_carried_off_for_a_moment_is_found_again(
    monkeypatch: pytest.MonkeyPatch, mono: bool
) -> None:
    driven = drive(FLAT, [*range(40), *BLINK, *range(8, 25)], monkeypatch, mono=mono)
    assert recalled_after(driven, 44)
    assert set(driven.trajectory.segment_ids.tolist()) == {0}
    assert driven.events(SegmentEnded) == []
    assert statuses(driven, range(46, 61)) == {Status.TRACKING}
    assert error(driven, FLAT.truth(driven.sections), mono=mono) < 0.04


@EITHER_SENSOR
def test_a_segment_that_was_given_up_goes_on_where_the_camera_comes_back_and_ids_go_on_too(
    monkeypatch: pytest.MonkeyPatch, mono: bool
) -> None:
    driven = drive(FLAT, [*range(40), *DARK, *range(8, 25)], monkeypatch, mono=mono)
    assert [event.segment_id for event in driven.events(SegmentEnded)] == [0]
    assert set(driven.trajectory.segment_ids.tolist()) == {0}
    assert statuses(driven, range(57, 70)) == {Status.TRACKING}
    assert error(driven, FLAT.truth(driven.sections), mono=mono) < 0.03
    ids = np.concatenate([event.ids for event in driven.events(LandmarksAdded)])
    np.testing.assert_array_equal(ids, np.arange(len(ids)))


@pytest.mark.parametrize(
    ("mono", "away"),
    [
        (True, DARK),
        pytest.param(False, DARK, marks=pytest.mark.slow),
        pytest.param(True, BLINK, marks=pytest.mark.slow),
        pytest.param(False, BLINK, marks=pytest.mark.slow),
    ],
)
def test_a_loop_after_the_camera_was_found_again_corrects_both_parts(
    monkeypatch: pytest.MonkeyPatch, mono: bool, away: tuple[None, ...]
) -> None:
    """What follows must hang on what was found, or the graph of all motions falls into two."""
    pytest.importorskip("gtsam")
    sections = [*range(35), *away, *range(8, 80)]
    driven = drive(BENT, sections, monkeypatch, mono=mono, settings=[NOTICE])
    assert set(driven.trajectory.segment_ids.tolist()) == {0}
    bent = error(Drive([], driven.trajectory, driven.sections), BENT.poses(driven.sections), mono=mono)
    assert bent > 0.2
    assert error(driven, BENT.truth(driven.sections), mono=mono) < 0.2 * bent


def test_views_that_waited_before_a_segment_went_on_start_no_map_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Frame 41 waits for a second view, 42 is recognised; after another loss, 62 shows the place of 41."""
    sections = [*range(25), *DARK, *[35] * 3, *range(8, 16), *DARK, *range(10, 24)]
    driven = drive(FLAT, sections, monkeypatch, mono=True)
    assert [event.segment_id for event in driven.events(SegmentEnded)][:2] == [0, 0]
    frames = driven.trajectory.frame_indices
    assert (np.diff(frames) > 0).all()
    assert error(driven, FLAT.truth(driven.sections), mono=True) < 0.03


@EITHER_SENSOR
def test_two_rooms_that_look_the_same_stay_two_rooms(monkeypatch: pytest.MonkeyPatch, mono: bool) -> None:
    """The second looks as the first does, ten paces on; in between the camera blinks."""
    twins = RoundTrip(looks_like={30 + k: k for k in range(20)})
    sections = [*range(42), *BLINK[:2], *range(44, 56)]
    driven = drive(twins, sections, monkeypatch, mono=mono, settings=[NOTICE])
    assert recalled_after(driven, 0) == [k for k in recalled_after(driven, 0) if k > 50]
    assert statuses(driven, range(44, 56)) == {Status.TRACKING}
    assert error(driven, twins.truth(driven.sections), mono=mono) < 0.03


@EITHER_SENSOR
def test_another_world_is_a_segment_of_its_own(monkeypatch: pytest.MonkeyPatch, mono: bool) -> None:
    driven = drive(FLAT, [*range(20), *DARK, *range(35, 50)], monkeypatch, mono=mono)
    assert set(driven.trajectory.segment_ids.tolist()) == {0, 1}
    assert driven.events(SegmentJoined) == []
    assert driven.events(LandmarksRecalled) == []
    for segment_id in (0, 1):
        assert error(driven, FLAT.truth(driven.sections), mono=mono, segment_id=segment_id) < 0.03


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_whatever_becomes_of_the_camera_the_map_stays_whole(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """It is carried off at random, again and again; :func:`drive` checks the map after every frame."""
    rng = np.random.default_rng(seed)
    trip = RoundTrip(bend_deg=float(rng.choice([0, 0.05])), climb=float(rng.choice([0, 0.012])))
    sections: list[int | None] = []
    while len(sections) < 180:
        first = int(rng.integers(0, 100))
        sections += range(first, first + int(rng.integers(2, 60)))
        sections += [None] * int(rng.choice([0, 1, 4, 13]))
    driven = drive(trip, sections[:200], monkeypatch, mono=bool(seed % 2), settings=[NOTICE])
    assert (np.diff(driven.trajectory.frame_indices) > 0).all()
    assert np.isfinite(driven.trajectory.T_world_cam).all()
    ids = np.concatenate([event.ids for event in driven.events(LandmarksAdded)])
    np.testing.assert_array_equal(ids, np.arange(len(ids)))
