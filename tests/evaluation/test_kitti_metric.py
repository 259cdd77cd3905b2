"""KITTI's t_rel and r_rel against a loop written from the benchmark's definition."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.errors import TrajectoryError
from vo_frontend.evaluation.kitti_metric import SHORT_LENGTHS_M, STANDARD_LENGTHS_M, kitti_errors
from vo_frontend.geometry import se3


def drive(num_poses: int, step_m: float, seed: int = 0) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    T = [np.eye(4)]
    for _ in range(num_poses - 1):
        T.append(T[-1] @ se3.exp(np.array([0, 0, step_m, *rng.normal(scale=0.02, size=3)])))
    return np.array(T)


def slow_twin(
    T_est: NDArray[np.float64], T_gt: NDArray[np.float64], lengths: tuple[float, ...], step: int
) -> tuple[float, float, int]:
    """One piece at a time, matrices inverted in full, angle from the trace: as in the devkit."""
    distance = [0.0]
    for before, after in zip(T_gt, T_gt[1:], strict=False):
        distance.append(distance[-1] + float(np.linalg.norm(after[:3, 3] - before[:3, 3])))
    t_errors, r_errors = [], []
    for first in range(0, len(T_gt), step):
        for length in lengths:
            last = next((i for i in range(first, len(T_gt)) if distance[i] > distance[first] + length), None)
            if last is None:
                continue
            delta_gt = np.linalg.inv(T_gt[first]) @ T_gt[last]
            error = np.linalg.inv(np.linalg.inv(T_est[first]) @ T_est[last]) @ delta_gt
            t_errors.append(np.linalg.norm(error[:3, 3]) / length)
            angle = np.arccos(np.clip(0.5 * (np.trace(error[:3, :3]) - 1), -1, 1))
            r_errors.append(np.rad2deg(angle) / length)
    return float(100 * np.mean(t_errors)), float(100 * np.mean(r_errors)), len(t_errors)


@pytest.mark.parametrize(
    ("step_m", "lengths", "step"), [(1.1, STANDARD_LENGTHS_M, 10), (0.1, SHORT_LENGTHS_M, 1)]
)
def test_both_kinds_of_lengths_equal_the_slow_twin(
    step_m: float, lengths: tuple[float, ...], step: int
) -> None:
    T_gt = drive(450, step_m)
    noise = np.array([se3.exp(x) for x in np.random.default_rng(1).normal(scale=0.01, size=(450, 6))])
    T_est = T_gt @ noise
    found = kitti_errors(T_est, T_gt)
    t_rel, r_rel, count = slow_twin(T_est, T_gt, lengths, step)
    assert found.t_rel_percent == pytest.approx(t_rel, rel=1e-9)
    assert found.r_rel_deg_per_100m == pytest.approx(r_rel, rel=1e-6)
    assert found.num_pieces == count
    assert found.is_standard is (lengths is STANDARD_LENGTHS_M)


def test_a_scale_five_percent_too_large_is_a_drift_of_five_percent() -> None:
    T_gt = np.tile(np.eye(4), (301, 1, 1))
    T_gt[:, 2, 3] = np.arange(301)
    T_est = T_gt.copy()
    T_est[:, 2, 3] *= 1.05
    found = kitti_errors(T_est, T_gt)
    assert found.lengths_m == (100.0, 200.0)
    # The last pose of a piece is the first one beyond its length, one metre here.
    assert found.t_rel_percent == pytest.approx(5.0, rel=0.02)
    assert found.r_rel_deg_per_100m == 0.0


def test_a_path_shorter_than_five_metres_has_no_drift() -> None:
    with pytest.raises(TrajectoryError, match=r"path of 4\.00 m is shorter than 5 m"):
        kitti_errors(drive(41, 0.1), drive(41, 0.1))
