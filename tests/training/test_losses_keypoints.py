"""Differentiable keypoint detection and its correspondences: known answers, gradients, borders."""

import math
from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from vo_frontend.features.networks.detection import detect
from vo_frontend.features.networks.sizes import Border
from vo_frontend.training.local_features.losses.correspondence import (
    are_not_shown,
    far_from_earlier,
    mutual_partners,
    nearest_partners,
    random_partners,
    warp_points,
)
from vo_frontend.training.local_features.losses.keypoints import detect_keypoints

BORDER = Border(first_px=2, last_px=2)


def blob_map(
    centres: Sequence[tuple[int, int]], height: int = 32, width: int = 40, sigma_px: float = 1.0
) -> Tensor:
    """Score map with Gaussian peaks of height 0.9, float64."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    blobs = [torch.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma_px**2)) for cx, cy in centres]
    return 0.9 * torch.stack(blobs).double().amax(dim=0)


def identity_warp(height: int, width: int) -> Tensor:
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([x, y], dim=-1).double()


def test_training_finds_the_keypoints_that_extraction_finds() -> None:
    score_map = torch.rand(48, 64, generator=torch.Generator().manual_seed(0))
    positions, scores = detect(score_map, 20, BORDER)
    found = detect_keypoints(score_map, 20, BORDER)
    by_row = positions[:, 1].round() * 64 + positions[:, 0].round()
    ours = found.positions[:, 1].round() * 64 + found.positions[:, 0].round()
    order, our_order = by_row.argsort(), ours.argsort()
    torch.testing.assert_close(found.positions[our_order], positions[order], atol=1e-4, rtol=0)
    torch.testing.assert_close(found.scores[our_order], scores[order], atol=1e-4, rtol=0)


def test_a_symmetric_peak_is_found_at_its_centre_and_a_sharp_one_disperses_less() -> None:
    flat, sharp = (detect_keypoints(blob_map([(20, 12)], sigma_px=sigma), 1, BORDER) for sigma in (1.5, 0.5))
    for found in (flat, sharp):
        torch.testing.assert_close(found.positions, torch.tensor([[20.0, 12.0]]).double())
        assert found.scores.item() == pytest.approx(0.9)
    assert sharp.dispersity < flat.dispersity


def test_the_position_is_the_soft_argmax_of_its_window() -> None:
    score_map = torch.zeros(9, 9, dtype=torch.float64)
    score_map[4, 4], score_map[4, 5] = 0.9, 0.6
    found = detect_keypoints(score_map, 1, BORDER)
    weight = math.exp(6), math.exp(9), 23.0  # exp(s / 0.1) of the right one, the maximum, the others
    total = sum(weight)
    # The 23 zeros of the window sum to -1 in x: all but the one at +1.
    assert found.positions[0].tolist() == pytest.approx([4 + (weight[0] - 1) / total, 4])


def test_no_keypoint_starts_in_the_border() -> None:
    found = detect_keypoints(blob_map([(1, 10), (20, 30), (38, 5), (10, 10)]), 1, BORDER)
    torch.testing.assert_close(found.positions, torch.tensor([[10.0, 10.0]]).double())


def test_gradients_reach_the_score_map_through_position_score_and_dispersity() -> None:
    score_map = (0.5 * torch.rand(9, 9, generator=torch.Generator().manual_seed(1))).double()
    score_map[4, 4] = 0.9
    score_map.requires_grad_()

    def outputs(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        found = detect_keypoints(values, 1, BORDER)
        return found.positions, found.scores, found.dispersity

    assert torch.autograd.gradcheck(outputs, (score_map,))


def test_a_point_is_warped_bilinearly_and_its_gradient_is_the_slope_of_the_warp() -> None:
    warp = 2 * identity_warp(8, 10) + torch.tensor([3.0, -1.0])
    covisible = torch.ones(8, 10, dtype=torch.bool)
    points = torch.tensor([[2.25, 3.5], [9.0, 7.0], [0.0, 0.0]]).double().requires_grad_()
    warped = warp_points(points, warp, covisible)
    torch.testing.assert_close(warped, 2 * points + torch.tensor([3.0, -1.0]))
    (slope,) = torch.autograd.grad(warped.sum(), points)
    torch.testing.assert_close(slope, torch.full_like(points, 2))


def test_a_point_with_a_hidden_neighbour_has_no_warp_and_spoils_no_gradient() -> None:
    warp, covisible = identity_warp(8, 10), torch.ones(8, 10, dtype=torch.bool)
    warp[3, 3], covisible[3, 3] = torch.nan, False
    points = torch.tensor([[2.5, 2.5], [5.5, 5.5]]).double().requires_grad_()
    warped = warp_points(points, warp, covisible)
    assert warped.isnan().all(dim=1).tolist() == [True, False]
    (slope,) = torch.autograd.grad(warped[1].sum(), points)
    assert slope.tolist() == [[0, 0], [1, 1]]


def test_partners_are_the_nearest_within_reach() -> None:
    warped = torch.tensor([[0.0, 0.0], [torch.nan, torch.nan], [10.0, 0.0], [50.0, 50.0]])
    points = torch.tensor([[11.0, 0.0], [0.5, 0.5], [10.5, 0.5]])
    index, partner = nearest_partners(warped, points, max_distance_px=3)
    assert (index.tolist(), partner.tolist()) == ([0, 2], [1, 2])
    assert len(nearest_partners(warped, points[:0], 3)[0]) == 0


def test_mutual_partners_are_one_to_one_and_equal_those_of_the_whole_table() -> None:
    generator = torch.Generator().manual_seed(0)
    points0, points1 = (100 * torch.rand(n, 2, generator=generator) for n in (200, 150))
    warped0, warped1 = points0 + 0.5, points1 - 0.5
    warped0[:20], warped1[100:] = torch.nan, torch.nan
    table = 0.5 * (torch.cdist(warped0, points1) + torch.cdist(points0, warped1)).nan_to_num(1e9)
    expected = [
        (i, j) for i, j in enumerate(table.argmin(dim=1).tolist())
        if table[:, j].argmin() == i and table[i, j] <= 5
    ]  # fmt: skip
    index0, index1 = mutual_partners(points0, points1, warped0, warped1, 5)
    assert list(zip(index0.tolist(), index1.tolist(), strict=True)) == expected
    assert len(expected) > 30
    assert len(set(index1.tolist())) == len(index1)
    assert len(mutual_partners(points0, points1[:0], warped0, warped1[:0], 5)[0]) == 0


def test_points_beside_an_earlier_one_are_told() -> None:
    points = torch.tensor([[10.0, 10], [11, 10], [13, 10], [40, 40], [40, 41.9]])
    assert far_from_earlier(points, 2.0).tolist() == [True, False, True, True, False]
    assert far_from_earlier(points, 0.0).all()


def test_points_are_known_not_to_be_shown_where_the_warp_is_known_and_not_covisible() -> None:
    warp, covisible = identity_warp(8, 10), torch.ones(8, 10, dtype=torch.bool)
    covisible[2], covisible[3], warp[3] = False, False, torch.nan
    points = torch.tensor([[5.0, 1.2], [5.0, 2.2], [5.0, 3.1]]).double()
    assert are_not_shown(points, warp, covisible).tolist() == [False, True, False]


def test_random_partners_are_covisible_and_seeded() -> None:
    warp, covisible = identity_warp(8, 10) + 1, torch.zeros(8, 10, dtype=torch.bool)
    covisible[2:4, 5] = True
    here, there = random_partners(warp, covisible, 50, torch.Generator().manual_seed(3))
    again, _ = random_partners(warp, covisible, 50, torch.Generator().manual_seed(3))
    assert {tuple(point) for point in here.tolist()} == {(5, 2), (5, 3)}
    torch.testing.assert_close(there, here + 1)
    torch.testing.assert_close(again, here)
    nothing, _ = random_partners(warp, covisible & False, 50, torch.Generator())
    assert len(nothing) == 0
