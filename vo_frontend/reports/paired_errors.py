"""The errors of several runs of one sequence at the frames that all of them have placed."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from vo_frontend.reports.comparison import RecordedRun
from vo_frontend.reports.error_log import ERRORS_NAME, PoseErrors, read_errors
from vo_frontend.reports.run_metrics import format_value


@dataclass(frozen=True, slots=True, eq=False)
class PairedErrors:
    """Holds the position errors of R runs at the N frames that all have in their longest segment."""

    labels: Sequence[str]  # (R,)
    distances_m: NDArray[np.float64]  # (N,) travelled, as the first run has it
    position_errors_m: NDArray[np.float64]  # (R, N)

    @property
    def differences_m(self) -> NDArray[np.float64]:
        """Return how much larger the error of each run is than that of the first: (R, N)."""
        return self.position_errors_m - self.position_errors_m[0]

    def rows(self) -> list[list[str]]:
        """List rows of quantity, a value for each run, and unit: the errors at the shared frames alone."""
        errors_m, differences_m = self.position_errors_m, self.differences_m
        rmse_m = np.sqrt((errors_m**2).mean(axis=1)).tolist()
        medians_m = np.median(differences_m, axis=1).tolist()
        shares = (100 * (differences_m < 0).mean(axis=1)).tolist()
        first, *_ = self.labels
        return [
            ["frames paired", *[str(errors_m.shape[1])] * len(rmse_m), ""],
            ["ATE rmse, paired", *map(format_value, rmse_m), "m"],
            [f"error minus that of {first}, median", "", *map(format_value, medians_m[1:]), "m"],
            [f"better than {first}", "", *map(format_value, shares[1:]), "% of frames"],
        ]


def pair_errors(runs: Sequence[RecordedRun]) -> PairedErrors | None:
    """Pair the errors of runs by time stamp; None for runs of several sequences, or without errors to pair.

    Raises:
        VoError: the errors of a run cannot be read.
    """
    if len(runs) < 2 or len({run.sequence for run in runs}) > 1:
        return None
    longest = [longest_errors(run) for run in runs]
    found = [errors for errors in longest if errors is not None]
    if len(found) < len(runs):
        return None
    shared = reduce(np.intersect1d, [errors.timestamps_ns for errors in found])
    if not len(shared):
        return None
    rows = [np.searchsorted(errors.timestamps_ns, shared) for errors in found]
    return PairedErrors(
        [run.label for run in runs],
        found[0].distances_m[rows[0]],
        np.array([errors.position_errors_m[at] for errors, at in zip(found, rows, strict=True)]),
    )


def longest_errors(run: RecordedRun) -> PoseErrors | None:
    """Read the errors of the longest segment of a run, None where it has no ground truth.

    Raises:
        VoError: they cannot be read.
    """
    segments = read_errors(run.folder / ERRORS_NAME)
    return max(segments, key=lambda segment: len(segment.timestamps_ns), default=None)
