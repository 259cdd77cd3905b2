"""A segment that goes on: what two views in a row have found needs no other witness."""

import pytest
from round_trip import LAP, RoundTrip, drive, error

from vo_frontend.types import Status

DARK = (None,) * 13  # longer than a lost segment is kept


def test_two_views_of_an_earlier_segment_need_no_other_witness(monkeypatch: pytest.MonkeyPatch) -> None:
    """The map alone, here asked for 80 % of what should be seen, would doubt the pose of the second one."""
    trip, strict = RoundTrip(overlooked=0.3), ["tracking.min_found_share=0.8"]
    sections = [*range(40), *DARK, *range(LAP + 12, LAP + 14)]
    driven = drive(trip, sections, monkeypatch, mono=True, settings=strict)
    assert [result.segment_id for result in driven.results[52:]] == [1, 1, 0]
    assert [result.status for result in driven.results[53:]] == [Status.INITIALIZING, Status.TRACKING]
    assert error(driven, trip.truth(driven.sections), mono=True) < 0.03
