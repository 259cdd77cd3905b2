"""Whether a run worked, why not, and what to do next: one judgement for terminal, report and metrics."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from textwrap import fill as wrap
from typing import Any

import numpy as np

from vo_frontend.reports.advice import ADVICE
from vo_frontend.reports.frame_table import FrameTable, Gap
from vo_frontend.types import Reason

WORKED_SHARE = 0.98  # of the frames that have a pose, all in one segment
USABLE_SHARE = 0.5  # of the frames in the longest segment; below it the run is of no use
BELIEVABLE_SHARE = 0.2  # rms error over rms extent of the path, above which its shape is not to be trusted
WEAK_SHARE = 0.15  # inliers of a pose over the median of the run, below which it may be wrong
STILL_SHARE = 0.05  # rms extent of the path over the distance of landmarks, below which positions say little
LINE_WIDTH = 100


class Outcome(Enum):
    """Says in words how a run went."""

    WORKED = "worked"
    WITH_LOSSES = "worked with losses"
    FAILED = "did not work"


@dataclass(frozen=True, slots=True)
class Finding:
    """Names something that went wrong, and what to do about it."""

    what: str
    advice: str


@dataclass(frozen=True, slots=True)
class PathSummary:
    """Tells what the verdict needs to know of the poses."""

    num_frames: int
    num_poses: int
    longest_segment: int  # its poses
    num_segments: int
    length: float = 0.0  # along the longest segment; of the true path where that is known
    length_unit: str = "m"
    extent: float = 0.0  # of the longest segment: rms distance of its positions from their mean
    point_distance: float = 0.0  # median distance of its landmarks from the path
    unit: str = "m"  # of both: "m" or "map units"
    ate_m: float | None = None  # rms position error of the longest segment; None without ground truth
    extent_gt_m: float | None = None  # of the true path, at the same poses

    @property
    def is_still(self) -> bool:
        """Return whether the camera hardly moved, for all that it could see."""
        return self.num_poses > 1 and self.extent < STILL_SHARE * self.point_distance

    @property
    def posed_share(self) -> float:
        """Return the share of frames that have a pose."""
        return self.num_poses / max(self.num_frames, 1)

    @property
    def error_share(self) -> float:
        """Return the rms error over the rms extent of the path; 0 where either is unknown."""
        return self.ate_m / self.extent_gt_m if self.ate_m and self.extent_gt_m else 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """States how a run went: the outcome, one sentence, and what was found, worst first."""

    outcome: Outcome
    sentence: str
    findings: tuple[Finding, ...]

    def text(self) -> str:
        """Write the verdict as lines for a terminal."""
        lines = [wrap(f"{self.outcome.value.upper()}: {self.sentence}", LINE_WIDTH)]
        for finding in self.findings:
            text = f"- {finding.what}. {finding.advice}"
            lines.append(wrap(text, LINE_WIDTH, initial_indent="  ", subsequent_indent="    "))
        return "\n".join(lines)

    def to_mapping(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "outcome": self.outcome.value,
            "sentence": self.sentence,
            "findings": [{"what": each.what, "advice": each.advice} for each in self.findings],
        }


def judge(
    path: PathSummary,
    table: FrameTable,
    gaps: Sequence[Gap],
    *,
    failure: str | None = None,
    num_dropped: int = 0,
) -> Verdict:
    """Judge a run by the frames that have a pose, and by ground truth where there is some.

    Args:
        path: what is known of the poses.
        table: what happened to each frame.
        gaps: every stretch of frames without a pose.
        failure: message of the error that broke the run off; None: it ended by itself or by the user.
        num_dropped: frames of a live source that nobody took in time.
    """
    findings = [*_broken_off(failure), *_apart(path), *_without_pose(gaps), *_far_off(path)]
    findings += [*_without_depths(table), *_weak(table), *_still(path), *_late(path, num_dropped)]
    if not path.num_poses or path.longest_segment < USABLE_SHARE * path.num_frames:
        outcome = Outcome.FAILED
    elif (
        failure or _far_off(path) or path.num_segments > 1 or path.num_poses < WORKED_SHARE * path.num_frames
    ):
        outcome = Outcome.WITH_LOSSES
    else:
        outcome = Outcome.WORKED
    return Verdict(outcome, _sentence(path), tuple(findings))


def _sentence(path: PathSummary) -> str:
    if not path.num_frames:
        return "no frame has come in."
    if not path.num_poses:
        return f"none of {path.num_frames} frames has a pose."
    where = "" if path.num_segments == 1 else f", in {path.num_segments} separate segments"
    length = f"{path.length:.4g} {path.length_unit}"
    along = "the path" if path.num_segments == 1 else f"the longest, of {path.longest_segment} frames,"
    text = f"{path.num_poses} of {path.num_frames} frames have a pose{where}; {along} is {length} long"
    if path.ate_m is not None:
        text += f", and {path.ate_m:.3g} m off the truth (ATE rmse)"
    return text + "."


def _broken_off(failure: str | None) -> list[Finding]:
    if failure is None:
        return []
    return [Finding(f"The run broke off: {failure}", "What it had found until then is in the run folder.")]


def _apart(path: PathSummary) -> list[Finding]:
    if path.num_segments < 2:
        return []
    scale = "an origin" if path.unit == "m" else "an origin and a scale"
    return [
        Finding(
            f"Tracking started {path.num_segments} times, and each segment has {scale} of its own",
            "Use one segment alone, or pass a place again that was seen before the loss: segments that show "
            "the same place are joined.",
        )
    ]


def _without_pose(gaps: Sequence[Gap]) -> list[Finding]:
    """Name the reasons of frames without a pose, the most frequent first."""
    frames: Counter[Reason] = Counter()
    for gap in gaps:
        frames[gap.reason] += gap.num_frames
    return [
        Finding(f"{_count(number, 'frame')} without a pose: {reason.value}", ADVICE[reason])
        for reason, number in frames.most_common()
        if reason in ADVICE
    ]


def _without_depths(table: FrameTable) -> list[Finding]:
    number = table.reasons.count(Reason.WRONG_DEPTHS)
    if not number:
        return []
    what = f"{_count(number, 'frame')} tracked without depth: {Reason.WRONG_DEPTHS.value}"
    return [Finding(what, ADVICE[Reason.WRONG_DEPTHS])]


def _far_off(path: PathSummary) -> list[Finding]:
    if path.is_still or path.error_share <= BELIEVABLE_SHARE:
        return []
    return [
        Finding(
            f"Position errors are {path.error_share:.0%} of the extent of the path",
            "Do not trust its shape. Check the calibration, and see in the report when the errors begin.",
        )
    ]


def _weak(table: FrameTable) -> list[Finding]:
    """Name the poses that far fewer landmarks hold than usual."""
    inliers = table.num_inliers[table.is_tracked]
    if not len(inliers):
        return []
    usual, weak = float(np.median(inliers)), inliers[inliers < WEAK_SHARE * np.median(inliers)]
    if not len(weak):
        return []
    worst = int(table.frame_indices[table.is_tracked][np.argmin(inliers)])
    poses = _count(len(weak), "pose")
    return [
        Finding(
            f"Few landmarks hold {poses}: {weak.min()} at frame {worst}, where {usual:g} are usual",
            "Look at the worst moments in report.html: what happened there may have bent the path.",
        )
    ]


def _still(path: PathSummary) -> list[Finding]:
    if not path.is_still:
        return []
    moved, far = f"{path.extent:.2g} {path.unit}", f"{path.point_distance:.2g} {path.unit}"
    return [
        Finding(
            f"The camera hardly moved: {moved} about its mean position, with landmarks {far} away",
            "Its rotation is meaningful, its positions and their scale say little.",
        )
    ]


def _late(path: PathSummary, num_dropped: int) -> list[Finding]:
    share = num_dropped / max(path.num_frames + num_dropped, 1)
    if share <= 1 - WORKED_SHARE:
        return []
    return [
        Finding(
            f"{share:.0%} of the frames came while an earlier one was worked on, and were dropped",
            "Give each frame less to do: --config realtime, fewer --keypoints, --resize 0.5 for frames of "
            "your own.",
        )
    ]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
