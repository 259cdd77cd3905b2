"""The verdict of a run: known answers, and an advice for everything that can go wrong."""

import dataclasses

import numpy as np
import pytest

from vo_frontend.reports.advice import ADVICE
from vo_frontend.reports.frame_table import FrameTable, Gap
from vo_frontend.reports.verdict import Outcome, PathSummary, Verdict, judge
from vo_frontend.types import Reason, Status


def frames(num_inliers: list[int]) -> FrameTable:
    """Make a table of tracked frames."""
    n, numbers = len(num_inliers), np.arange(len(num_inliers))
    zeros = np.zeros(n, np.int64)
    states = (Status.TRACKING,) * n, (Reason.NONE,) * n
    return FrameTable(numbers, numbers / 10, *states, zeros, np.array(num_inliers), zeros, np.ones(n))


def path(num_frames: int = 100, num_poses: int = 100, **changes: float | str | None) -> PathSummary:
    known: dict[str, object] = {
        "longest_segment": num_poses, "num_segments": min(num_poses, 1), "length": 50.0, "extent": 10.0,
        "point_distance": 5.0,
    }  # fmt: skip
    return PathSummary(num_frames, num_poses, **{**known, **changes})  # type: ignore[arg-type]


def gap(num_frames: int, reason: Reason = Reason.TOO_FEW_MATCHES) -> Gap:
    return Gap(10, num_frames, Status.LOST, reason)


def verdict(summary: PathSummary, *gaps: Gap, failure: str | None = None) -> Verdict:
    return judge(summary, frames([100] * summary.num_poses), gaps, failure=failure)


@pytest.mark.parametrize(
    ("summary", "outcome"),
    [
        (path(), Outcome.WORKED),
        (path(num_poses=98), Outcome.WORKED),
        (path(num_poses=97), Outcome.WITH_LOSSES),
        (path(num_segments=2, longest_segment=60), Outcome.WITH_LOSSES),
        (path(num_segments=3, longest_segment=49), Outcome.FAILED),
        (path(num_poses=50), Outcome.WITH_LOSSES),
        (path(num_poses=49), Outcome.FAILED),
        (path(num_poses=0), Outcome.FAILED),
        (path(num_frames=0, num_poses=0), Outcome.FAILED),
        (path(ate_m=1.9, extent_gt_m=10.0), Outcome.WORKED),
        (path(ate_m=2.1, extent_gt_m=10.0), Outcome.WITH_LOSSES),
        (path(extent=0.2, ate_m=0.1, extent_gt_m=0.2), Outcome.WORKED),  # it turned on the spot
    ],
)
def test_a_run_is_judged_by_the_poses_that_it_found(summary: PathSummary, outcome: Outcome) -> None:
    assert verdict(summary).outcome is outcome


def test_many_dropped_frames_are_said_with_what_to_do_and_few_are_not() -> None:
    def dropped(number: int) -> Verdict:
        return judge(path(), frames([100] * 100), [], num_dropped=number)

    assert dropped(2).findings == ()
    (found,) = dropped(25).findings
    assert found.what.startswith("20% of the frames came while an earlier one was worked on")
    assert "--config realtime" in found.advice
    assert dropped(25).outcome is Outcome.WORKED


def test_a_run_that_broke_off_has_losses_and_says_why_first() -> None:
    found = verdict(path(), failure="run/map.ply: cannot write (No space left on device)")
    assert found.outcome is Outcome.WITH_LOSSES
    assert "No space left on device" in found.findings[0].what


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.NONE])
def test_every_reason_without_a_pose_has_an_advice(reason: Reason) -> None:
    found = verdict(path(num_poses=90), gap(10, reason))
    assert found.findings[0].what == f"10 frames without a pose: {reason.value}"
    assert found.findings[0].advice == ADVICE[reason]
    assert len(ADVICE[reason].split()) >= 6
    assert ADVICE[reason].endswith(".")


def test_reasons_are_added_up_and_the_most_frequent_comes_first() -> None:
    gaps = gap(3, Reason.BAD_IMAGE), gap(2), gap(1, Reason.BAD_IMAGE), gap(5)
    found = [each.what for each in verdict(path(num_poses=89), *gaps).findings]
    assert found == ["7 frames without a pose: too few matches", "4 frames without a pose: bad image"]


def test_one_frame_is_not_many() -> None:
    assert verdict(path(num_poses=99), gap(1)).findings[0].what.startswith("1 frame without")


def test_a_healthy_run_has_no_findings_and_says_how_long_its_path_is() -> None:
    found = verdict(path(length=12.34, length_unit="map units"))
    assert found.findings == ()
    assert found.sentence == "100 of 100 frames have a pose; the path is 12.34 map units long."
    assert found.text().startswith("WORKED: 100 of 100 frames")


def test_ground_truth_is_part_of_the_sentence() -> None:
    assert "0.5 m off the truth" in verdict(path(ate_m=0.5, extent_gt_m=10.0)).sentence


def test_a_camera_that_hardly_moved_is_told_that_its_rotation_counts() -> None:
    (found,) = verdict(path(extent=0.2)).findings
    assert found.what == "The camera hardly moved: 0.2 m about its mean position, with landmarks 5 m away"


def test_poses_on_few_landmarks_are_pointed_out() -> None:
    (found,) = judge(path(), frames([100] * 50 + [14, 9, 15] + [100] * 47), []).findings
    assert found.what == "Few landmarks hold 2 poses: 9 at frame 51, where 100 are usual"


def test_the_lines_of_a_verdict_fit_a_terminal() -> None:
    lines = verdict(path(num_poses=50), *[gap(5, reason) for reason in Reason]).text().splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[1].startswith("  - ")


def test_a_verdict_is_plain_values_for_metrics() -> None:
    found = verdict(path(num_poses=97), gap(3)).to_mapping()
    assert found["outcome"] == "worked with losses"
    assert found["findings"][0]["advice"] == ADVICE[Reason.TOO_FEW_MATCHES]


def test_frames_whose_depths_were_not_believed_are_named_though_they_have_poses() -> None:
    table = frames([100] * 100)
    reasons = (Reason.WRONG_DEPTHS,) * 8 + table.reasons[8:]
    found = judge(path(), dataclasses.replace(table, reasons=reasons), [])
    assert found.outcome is Outcome.WORKED
    (finding,) = found.findings
    assert finding.what == "8 frames tracked without depth: depths disagree with the map"
    assert finding.advice == ADVICE[Reason.WRONG_DEPTHS]
