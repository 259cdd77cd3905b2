"""Absolute trajectory error and the statistics that all errors share (Sturm et al., IROS 2012)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ErrorStatistics:
    """Summary of one kind of error, in the unit of that error."""

    rmse: float
    mean: float
    median: float
    max: float


def summarize(errors: NDArray[np.float64]) -> ErrorStatistics:
    """Summarize errors (P,), P > 0, in their own unit."""
    return ErrorStatistics(
        rmse=float(np.sqrt(np.mean(errors**2))),
        mean=float(np.mean(errors)),
        median=float(np.median(errors)),
        max=float(np.max(errors)),
    )


def position_errors(
    positions_estimate: NDArray[np.float64], positions_ground_truth: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Measure the distance (N,) from aligned positions (N, 3) to their ground truth (N, 3), in its unit."""
    return np.linalg.norm(positions_estimate - positions_ground_truth, axis=1)
