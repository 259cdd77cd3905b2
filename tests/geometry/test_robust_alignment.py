"""Similarity of two cameras from matched landmarks: known answers among wrong matches."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.alignment import Similarity
from vo_frontend.geometry.robust_alignment import (
    AgreementGates,
    LandmarkPairs,
    RobustSimilarity,
    align_robustly,
)

R_A_B = se3.so3_exp(np.array([0.05, -0.4, 0.1]))
T_A_B = np.array([0.6, -0.1, 0.4])
GATES = AgreementGates(max_error=0.006, max_depth_share=0.15)


def make_pairs(
    *, scale: float = 1.0, num: int = 200, share_wrong: float = 0.5, depth_noise: float = 0.0, seed: int = 0
) -> tuple[LandmarkPairs, NDArray[np.bool_]]:
    """Landmarks in both cameras, their depths off by a share; which are matched with another."""
    rng = np.random.default_rng(seed)
    points_b = rng.uniform((-3, -2, 4), (3, 2, 12), size=(num, 3))
    points_a = scale * points_b @ R_A_B.T + T_A_B
    noise = 0.0005 * (depth_noise > 0)
    rays_a, rays_b = (p[:, :2] / p[:, 2:] + noise * rng.normal(size=(num, 2)) for p in (points_a, points_b))
    points_a, points_b = (p * (1 + depth_noise * rng.normal(size=(num, 1))) for p in (points_a, points_b))
    is_wrong = np.arange(num) < share_wrong * num
    other = np.where(is_wrong, np.roll(np.arange(num), 7), np.arange(num))
    return LandmarkPairs(points_a, points_b[other], rays_a, rays_b[other]), is_wrong


def solve(pairs: LandmarkPairs, *, with_scale: bool = True, seed: int = 0) -> RobustSimilarity | None:
    rng = np.random.default_rng(seed)
    return align_robustly(pairs, with_scale=with_scale, gates=GATES, num_trials=300, rng=rng)


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("share_wrong", [0.0, 0.5, 0.7])
def test_a_known_similarity_is_found_exactly_among_wrong_matches(scale: float, share_wrong: float) -> None:
    pairs, is_wrong = make_pairs(scale=scale, share_wrong=share_wrong)
    found = solve(pairs)
    assert found is not None
    assert found.S_a_b.scale == pytest.approx(scale, rel=1e-9)
    assert_allclose(found.S_a_b.R_target_source, R_A_B, atol=1e-9)
    assert_allclose(found.S_a_b.t_target_source, T_A_B, atol=1e-9)
    np.testing.assert_array_equal(found.inliers, ~is_wrong)


@pytest.mark.parametrize("seed", range(5))
def test_noisy_depths_give_scale_and_motion_within_their_noise(seed: int) -> None:
    pairs, is_wrong = make_pairs(scale=2.0, depth_noise=0.03, seed=seed)
    found = solve(pairs)
    assert found is not None
    assert found.S_a_b.scale == pytest.approx(2.0, rel=0.02)
    assert se3.rotation_angle_rad(found.S_a_b.R_target_source.T @ R_A_B) < np.radians(0.1)
    assert np.linalg.norm(found.S_a_b.t_target_source - T_A_B) < 0.05
    assert found.inliers[~is_wrong].mean() > 0.8
    assert found.inliers[is_wrong].mean() < 0.02


@pytest.mark.parametrize("seed", range(3))
def test_no_small_step_from_the_answer_lowers_the_squared_errors_of_its_inliers(seed: int) -> None:
    """Errors are those of both reprojections and of the depths, as shares of the gates."""
    pairs, _ = make_pairs(scale=2.0, depth_noise=0.03, seed=seed)
    found = solve(pairs)
    assert found is not None
    S, k = found.S_a_b, found.inliers

    def cost(step: NDArray[np.float64]) -> float:
        turn, growth = se3.so3_exp(step[3:6]), float(np.exp(step[6]))
        moved = Similarity(
            growth * S.scale, turn @ S.R_target_source, growth * turn @ S.t_target_source + step[:3]
        )
        in_a = moved.transform_points(pairs.points_b[k])
        in_b = (pairs.points_a[k] - moved.t_target_source) @ moved.R_target_source / moved.scale
        in_pixels = [(in_a, pairs.rays_a[k]), (in_b, pairs.rays_b[k])]
        errors = [(p[:, :2] / p[:, 2:] - rays) / GATES.max_error for p, rays in in_pixels]
        depth = np.log(in_a[:, 2] / pairs.points_a[k, 2]) / GATES.max_depth_share
        return float((np.concatenate([errors[0], errors[1], depth[:, None]], axis=1) ** 2).sum())

    for axis in np.eye(7):
        assert min(cost(1e-3 * axis), cost(-1e-3 * axis)) > cost(np.zeros(7))
        slope = (cost(1e-6 * axis) - cost(-1e-6 * axis)) / 2e-6
        curvature = (cost(1e-3 * axis) + cost(-1e-3 * axis) - 2 * cost(np.zeros(7))) / 1e-6
        assert abs(slope / curvature) < 1e-4  # the step that is left


def test_without_scale_a_metric_motion_is_found_and_the_scale_stays_one() -> None:
    pairs, is_wrong = make_pairs()
    found = solve(pairs, with_scale=False)
    assert found is not None
    assert found.S_a_b.scale == 1.0
    assert_allclose(found.S_a_b.t_target_source, T_A_B, atol=1e-9)
    np.testing.assert_array_equal(found.inliers, ~is_wrong)


def test_the_gate_on_depth_tells_scales_apart_that_pixels_cannot() -> None:
    """From one place, a map of any scale projects to the same pixels: without scale nothing must agree."""
    rng = np.random.default_rng(0)
    points = rng.uniform((-3, -2, 4), (3, 2, 12), size=(100, 3))
    rays = points[:, :2] / points[:, 2:]
    pairs = LandmarkPairs(2.0 * points, points, rays, rays)
    found = solve(pairs, with_scale=False)
    assert found is None or found.inliers.sum() < 40
    found = solve(pairs)
    assert found is not None
    assert found.S_a_b.scale == pytest.approx(2.0)
    assert found.inliers.all()


def test_the_same_generator_gives_the_same_bytes_and_nothing_is_changed() -> None:
    pairs, _ = make_pairs(depth_noise=0.05)
    before = pairs.points_a.tobytes(), pairs.points_b.tobytes()
    first, second = solve(pairs, seed=3), solve(pairs, seed=3)
    assert first is not None
    assert second is not None
    assert first.S_a_b.t_target_source.tobytes() == second.S_a_b.t_target_source.tobytes()
    assert (pairs.points_a.tobytes(), pairs.points_b.tobytes()) == before


def test_wrong_matches_alone_agree_on_next_to_nothing() -> None:
    pairs, _ = make_pairs(share_wrong=1.0)
    found = solve(pairs)
    assert found is None or found.inliers.sum() < 10


@pytest.mark.parametrize("num", [0, 1, 3])
def test_three_pairs_prove_nothing(num: int) -> None:
    pairs, _ = make_pairs(share_wrong=0.0)
    few = LandmarkPairs(pairs.points_a[:num], pairs.points_b[:num], pairs.rays_a[:num], pairs.rays_b[:num])
    assert solve(few) is None


@pytest.mark.filterwarnings("error")
def test_equal_points_and_points_behind_a_camera_agree_with_nothing() -> None:
    pairs, _ = make_pairs(share_wrong=0.0, num=20)
    assert solve(replace(pairs, points_a=-pairs.points_a)) is None
    equal = np.tile(pairs.points_b[:1], (20, 1))
    found = solve(replace(pairs, points_b=equal))
    assert found is None or found.inliers.sum() < 20


def test_arrays_that_do_not_belong_together_are_refused() -> None:
    pairs, _ = make_pairs()
    with pytest.raises(ValueError, match=r"got \(\(200, 3\), \(5, 3\)"):
        replace(pairs, points_b=pairs.points_b[:5])
