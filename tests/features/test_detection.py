import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vo_frontend.features.networks.detection import detect, local_maxima, refine
from vo_frontend.features.networks.sizes import Border
from vo_frontend.features.window import TEMPERATURE

BORDER = Border(first_px=2, last_px=2)


def slow_local_maxima(score_map: Tensor) -> Tensor:
    def pool(values: Tensor) -> Tensor:
        return F.max_pool2d(values[None, None], 5, stride=1, padding=2)[0, 0]

    kept = score_map == pool(score_map)
    for _ in range(2):
        covered = pool(kept.float()) > 0
        remainder = torch.where(covered, torch.zeros_like(score_map), score_map)
        kept = kept | ((remainder == pool(remainder)) & ~covered)
    return kept


def random_scores(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.rand(height, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [(64, 64), (65, 97), (7, 40)])
def test_local_maxima_equal_those_of_max_pooling(size: tuple[int, int]) -> None:
    scores = random_scores(*size)
    assert torch.equal(local_maxima(scores), slow_local_maxima(scores))
    quantized = (scores * 8).round() / 8  # many ties
    assert torch.equal(local_maxima(quantized), slow_local_maxima(quantized))


def test_a_second_pass_finds_the_lower_peak_that_a_suppressed_one_hid() -> None:
    scores = torch.zeros(20, 40)
    scores[10, 10], scores[10, 12], scores[10, 14] = 0.9, 0.8, 0.7
    found = local_maxima(scores) & (scores > 0)
    assert found.nonzero().tolist() == [[10, 10], [10, 14]]


def test_refinement_equals_the_soft_argmax_written_as_loops() -> None:
    scores = random_scores(40, 50)
    x, y = torch.tensor([5, 20, 47]), torch.tensor([6, 30, 37])
    refined = refine(scores, x, y)
    for k in range(3):
        total, mean = 0.0, np.zeros(2)
        for dy in range(-2, 3):
            for dx in range(-2, 3):
                weight = np.exp(float(scores[y[k] + dy, x[k] + dx]) / TEMPERATURE)
                total += weight
                mean += weight * np.array([dx, dy])
        expected = np.array([int(x[k]), int(y[k])]) + mean / total
        np.testing.assert_allclose(refined[k].numpy(), expected, atol=1e-4)


def test_a_symmetric_peak_stays_at_its_pixel() -> None:
    scores = torch.zeros(32, 32)
    scores[12, 20] = 1.0
    scores[11, 20] = scores[13, 20] = scores[12, 19] = scores[12, 21] = 0.5
    keypoints, values = detect(scores, 10, BORDER)
    np.testing.assert_allclose(keypoints.numpy(), [[20, 12]], atol=1e-5)
    np.testing.assert_allclose(values.numpy(), [1.0], atol=1e-4)


def test_the_budget_takes_the_best_and_filler_is_dropped() -> None:
    scores = torch.zeros(64, 64)
    for k in range(9):
        scores[6 * k + 5, 30] = 0.1 + 0.1 * k
    assert len(detect(scores, 100, BORDER)[0]) == 9
    keypoints, _ = detect(scores, 3, BORDER)
    np.testing.assert_allclose(keypoints[:, 1].numpy(), [53, 47, 41], atol=1e-4)


def test_a_map_of_zeros_has_no_keypoint() -> None:
    keypoints, scores = detect(torch.zeros(64, 64), 100, BORDER)
    assert keypoints.shape == (0, 2)
    assert scores.shape == (0,)


@pytest.mark.parametrize(("border", "first", "last"), [(Border(2, 2), 2, 61), (Border(3, 2), 3, 61)])
def test_the_border_is_as_wide_as_its_family_says(border: Border, first: int, last: int) -> None:
    for position in range(64):
        scores = torch.zeros(64, 64)
        scores[position, 32] = 1.0
        assert len(detect(scores, 5, border)[0]) == (first <= position <= last)
        assert len(detect(scores.T.contiguous(), 5, border)[0]) == (first <= position <= last)
