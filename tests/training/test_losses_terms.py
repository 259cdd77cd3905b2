"""Each loss: a known answer, its gradient, and nothing to learn from."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vo_frontend.features.networks.sampling import bilinear_corners
from vo_frontend.training.local_features.losses.dense_nre import (
    OUTLIER_SIMILARITY,
    DescriptorMap,
    dense_nre_loss,
)
from vo_frontend.training.local_features.losses.peak import peak_loss
from vo_frontend.training.local_features.losses.reliability import reliability_loss
from vo_frontend.training.local_features.losses.reprojection import reprojection_loss
from vo_frontend.training.local_features.losses.sparse_nre import sparse_nre_loss
from vo_frontend.training.local_features.losses.triplet import triplet_loss

NONE = torch.zeros(0, dtype=torch.long)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def unit(*shape: int, seed: int = 0) -> Tensor:
    return F.normalize(random(*shape, seed=seed), dim=1)


def points(*rows: float | tuple[float, ...]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def test_reprojection_is_the_mean_distance_of_partners_in_both_directions() -> None:
    points0, points1 = points((10, 10), (30, 30)), points((10.5, 11), (80, 80))
    warped0, warped1 = points0 + 0.25, points1 - 0.25
    warped1[1] = torch.nan
    # 0 -> 1: |10.25 - 10.5| + |10.25 - 11|; 1 -> 0: |10.25 - 10| + |10.75 - 10|; (30, 30) is alone.
    assert reprojection_loss(points0, points1, warped0, warped1, 5).item() == pytest.approx(1)
    assert reprojection_loss(points0, points1[1:], warped0, warped1[1:], 5).item() == 0


def test_a_keypoint_has_one_partner_in_the_reprojection_loss() -> None:
    single, cluster = points((20, 20)), points((21, 20), (23, 20), (20, 24))
    loss = reprojection_loss(single, cluster, single, cluster, 5)
    assert loss.item() == pytest.approx(1)
    assert reprojection_loss(cluster, single, cluster, single, 5).item() == pytest.approx(1)


def test_reprojection_moves_both_partners() -> None:
    points0, points1 = 100 * random(6, 2), 100 * random(6, 2)
    points1 += (points0 - points1) * 0.99
    inputs = [tensor.requires_grad_() for tensor in (points0, points1)]
    assert torch.autograd.gradcheck(lambda a, b: reprojection_loss(a, b, a + 0.3, b - 0.2, 5), inputs)


def test_peak_is_the_mean_dispersity_of_salient_keypoints() -> None:
    dispersity, scores = points(0.2, 0.4, 9.0), points(0.5, 0.6, 0.05)
    assert peak_loss(dispersity, scores, 0.1).item() == pytest.approx(0.3)
    assert peak_loss(dispersity, scores, 0.9).item() == 0
    assert torch.autograd.gradcheck(lambda d: peak_loss(d, scores, 0.1), dispersity.requires_grad_())


def test_sparse_nre_is_the_logarithm_of_the_number_of_equal_candidates() -> None:
    same = unit(1, 8).expand(5, 8)
    index = torch.arange(3)
    assert sparse_nre_loss(same, same, index, index, 0.1).item() == pytest.approx(math.log(5))


def test_sparse_nre_of_two_candidates_is_known() -> None:
    descriptors = torch.eye(2, dtype=torch.float64)
    index = torch.arange(2)
    right = sparse_nre_loss(descriptors, descriptors, index, index, 0.5).item()
    wrong = sparse_nre_loss(descriptors, descriptors, index, 1 - index, 0.5).item()
    assert right == pytest.approx(math.log(1 + math.exp(-2)))
    assert wrong == pytest.approx(right + 2)
    assert sparse_nre_loss(descriptors, descriptors, NONE, NONE, 0.5).item() == 0


def test_sparse_nre_gradient() -> None:
    inputs = (unit(4, 6).requires_grad_(), unit(5, 6, seed=1).requires_grad_())
    index, partner = torch.tensor([0, 2, 3]), torch.tensor([4, 1, 1])
    assert torch.autograd.gradcheck(lambda a, b: sparse_nre_loss(a, b, index, partner, 0.1), inputs)


@pytest.mark.parametrize("stride_px", [1, 2])
def test_dense_nre_equals_its_definition(stride_px: int) -> None:
    height, width = 5, 7
    descriptors, table = unit(3, 6), unit(height * width, 6, seed=1)
    warped = stride_px * points((2.25, 3.5), (torch.nan, torch.nan), (6, 0))
    expected = []
    for n in (0, 2):
        probability = torch.softmax((table @ descriptors[n] - 1) / 0.02, dim=0)
        x, y = warped[n] / stride_px
        index, weight = bilinear_corners(x[None], y[None], height, width)
        expected.append(-(probability[index] * weight).sum().log())
    loss = dense_nre_loss(descriptors, warped, DescriptorMap(table, height, width, stride_px), 0.02)
    torch.testing.assert_close(loss, torch.stack(expected).mean())


def test_a_point_that_the_other_image_does_not_show_belongs_into_the_bin() -> None:
    descriptors, table = unit(2, 6), unit(12, 6, seed=1)
    warped = points((2, 1), (torch.nan, torch.nan))
    dense = DescriptorMap(table, 3, 4, 1)
    logits = torch.cat([descriptors @ table.T, torch.full((2, 1), OUTLIER_SIMILARITY).double()], dim=1) / 0.1
    expected = -torch.log_softmax(logits, dim=1)[[0, 1], [6, 12]].mean()
    is_outlier = torch.tensor([False, True])
    torch.testing.assert_close(dense_nre_loss(descriptors, warped, dense, 0.1, is_outlier), expected)
    without = dense_nre_loss(descriptors, warped, dense, 0.1)
    torch.testing.assert_close(dense_nre_loss(descriptors[:1], warped[:1], dense, 0.1), without)


def test_dense_nre_gradient_with_a_bin() -> None:
    warped = points((1.5, 0.5), (torch.nan, torch.nan), (2.0, 2.25))
    is_outlier = torch.tensor([False, True, False])

    def loss(descriptors: Tensor, table: Tensor) -> Tensor:
        return dense_nre_loss(descriptors, warped, DescriptorMap(table, 4, 5, 1), 0.2, is_outlier)

    assert torch.autograd.gradcheck(loss, (unit(3, 2).requires_grad_(), unit(20, 2, seed=1).requires_grad_()))


def test_dense_nre_gradient_passes_through_every_chunk() -> None:
    warped = points(*[(0.3 + n % 4, 1.2 + n % 2) for n in range(70)])

    def loss(descriptors: Tensor, table: Tensor) -> Tensor:
        return dense_nre_loss(descriptors, warped, DescriptorMap(table, 4, 6, 1), 0.2)

    assert torch.autograd.gradcheck(
        loss, (unit(70, 2).requires_grad_(), unit(24, 2, seed=1).requires_grad_())
    )
    nothing = torch.full((70, 2), torch.nan, dtype=torch.float64)
    assert dense_nre_loss(unit(70, 2), nothing, DescriptorMap(unit(24, 2), 4, 6, 1), 0.2).item() == 0


def test_reliability_is_weighted_by_the_scores_of_both_partners() -> None:
    similarity, scores0, scores1 = points(1, 0), points(0.5, 0.5), points(0.8, 0.4)
    unreliability = 1 - math.exp(-1)
    loss = reliability_loss(similarity, scores0, scores1, 1)
    assert loss.item() == pytest.approx(unreliability / 3)
    assert reliability_loss(similarity[:0], scores0[:0], scores1[:0], 1).item() == 0


def test_reliability_raises_reliable_scores_lowers_others_and_leaves_descriptors_alone() -> None:
    similarity, scores0, scores1 = (
        x.requires_grad_() for x in (points(1, 0), points(0.5, 0.5), points(1, 1))
    )
    slope0, slope1 = torch.autograd.grad(
        reliability_loss(similarity, scores0, scores1, 1), (scores0, scores1)
    )
    assert (slope0 < 0).tolist() == (slope1 < 0).tolist() == [True, False]
    assert not reliability_loss(similarity, scores0.detach(), scores1.detach(), 1).requires_grad
    assert torch.autograd.gradcheck(lambda a, b: reliability_loss(similarity, a, b, 1), (scores0, scores1))


def test_triplet_compares_with_the_hardest_negative_that_is_not_near() -> None:
    descriptors0 = points((1, 0))
    descriptors1 = points((1, 0), (0, 1), (-1, 0), (0.8, 0.6))
    is_near = torch.tensor([[True, False, False, True]])
    first = torch.tensor([0])
    loss = triplet_loss(descriptors0, descriptors1, first, first, is_near, margin=2)
    assert loss.item() == pytest.approx(2 - math.sqrt(2), abs=2e-3)
    assert triplet_loss(descriptors0, descriptors1, first, first, is_near, margin=0.5).item() == 0


def test_triplet_gradient() -> None:
    inputs = (unit(4, 6).requires_grad_(), unit(5, 6, seed=1).requires_grad_())
    index, partner = torch.tensor([0, 2]), torch.tensor([4, 1])
    is_near = F.one_hot(partner, 5).bool()
    assert torch.autograd.gradcheck(lambda a, b: triplet_loss(a, b, index, partner, is_near, 1.5), inputs)
