"""Arithmetic of ALIKED in pairs of bfloat16 against float32 sums of what is rounded."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from callable_parts import callable_part
from feature_inputs import make_color_image, make_image, random_aliked
from numba import njit
from numpy.typing import NDArray

from vo_frontend.compute.simd_pairs import HAS_PAIRS, pair_up
from vo_frontend.features.cpu import fine_pairs, workspace
from vo_frontend.features.cpu.convolution import (
    MARGIN,
    Planar,
    convolve_row,
    neighbours,
    pack_bias,
    pack_kernel,
    planar,
    row_length,
)
from vo_frontend.features.cpu.fine_blocks import Convolution
from vo_frontend.features.cpu.fine_pairs import PairedSecondBlock, residual_row
from vo_frontend.features.cpu.network import CpuAliked

pytestmark = pytest.mark.skipif(not HAS_PAIRS, reason="this processor has no AVX512-BF16")
ROUNDING = 2**-8  # of bfloat16, relative, at most


def random(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def rounded(values: NDArray[np.float32]) -> torch.Tensor:
    return torch.tensor(values).bfloat16().float()


def to_pairs(feature_map: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Planar map of pairs of (C, H, W), with a last row of zeros."""
    channels, height, width = feature_map.shape
    target = np.zeros((height + 1, (channels + 1) // 2, row_length(width)), np.uint32)
    target[:-1, :, MARGIN : MARGIN + width] = pair_up(feature_map.transpose(1, 2, 0)).transpose(0, 2, 1)
    return target


def to_map(target: NDArray[np.uint32], width: int) -> NDArray[np.float32]:
    """Feature map (C, H, W) of a planar map of pairs."""
    both = np.stack([target << np.uint32(16), target & np.uint32(0xFFFF0000)], axis=2).view(np.float32)
    return both.reshape(len(target), -1, target.shape[2]).transpose(1, 0, 2)[..., MARGIN : MARGIN + width]


@njit
def convolve(
    source: Planar,
    kernel: NDArray[np.uint32],
    bias: NDArray[np.float32],
    target: Planar,
    width: int,
    activate: bool,
) -> None:
    for y in range(len(target)):
        if kernel.shape[2] == 9:
            slots = neighbours(y, len(target))
            convolve_row(source, slots, kernel, bias, target, y, width, False, activate)
        else:
            convolve_row(source, (y,), kernel, bias, target, y, width, False, activate)


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize(("inputs", "outputs", "width"), [(3, 8, 31), (6, 5, 48), (8, 1, 97)])
def test_rows_equal_the_convolution_of_what_is_rounded(
    size: int, inputs: int, outputs: int, width: int
) -> None:
    x, weight, bias = random(inputs, 7, width), random(outputs, inputs, size, size, seed=1), random(outputs)
    target, pairs = planar(7, outputs, width), planar(7, outputs, width, np.uint32)
    arguments = to_pairs(x), pack_kernel(weight, paired=True), pack_bias(bias)
    convolve(*arguments, target, width, False)
    expected = F.conv2d(rounded(x), rounded(weight), torch.tensor(bias), padding=size // 2)
    found = target[:, :outputs, MARGIN : MARGIN + width].transpose(1, 0, 2)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)
    pairs[:, :, MARGIN + width] = 1
    convolve(*arguments, pairs, width, True)
    found = to_map(pairs, width)[:outputs]
    np.testing.assert_allclose(found, F.selu(expected).numpy(), rtol=ROUNDING, atol=4e-4)
    assert not pairs[:, :, MARGIN - 1].any()
    assert not pairs[:, :, MARGIN + width].any()


@njit
def run_residual(
    ring: Planar, source: Planar, y: int, weights: PairedSecondBlock, target: Planar, width: int
) -> None:
    residual_row(ring, source, y, weights, target, 0, width)


def test_a_residual_row_is_a_convolution_plus_a_shortcut() -> None:
    width = 40
    x, inner = random(8, 5, width), random(16, 3, width, seed=1)
    weight, shortcut = random(16, 16, 3, 3, seed=2), random(16, 8, 1, 1, seed=3)
    bias, target = random(16, seed=4), planar(1, 16, width, np.uint32)
    second = Convolution(pack_kernel(weight, paired=True), pack_bias(bias))
    to_sum = Convolution(pack_kernel(shortcut, paired=True), pack_bias(np.zeros(16, np.float32)))
    weights = PairedSecondBlock(second, second, to_sum, second, second)
    run_residual(to_pairs(inner), to_pairs(x), 4, weights, target, width)
    expected = F.conv2d(rounded(inner), rounded(weight), torch.tensor(bias), padding=(0, 1))[:, 0]
    expected += F.conv2d(rounded(x), rounded(shortcut))[:, 4]
    found = to_map(target, width)[:, 0]
    np.testing.assert_allclose(found, F.selu(expected).numpy(), rtol=ROUNDING, atol=4e-4)


def test_pooling_equals_that_of_torch() -> None:
    average_2x2, average_4x4 = (
        callable_part(pool) for pool in (fine_pairs.average_2x2_pairs, fine_pairs.average_4x4_pairs)
    )
    x = random(8, 8, 32)
    source, halved = to_pairs(x), planar(4, 8, 16, np.uint32)
    quartered, table = planar(2, 8, 8), np.zeros((2 * 8, 8), np.float32)
    for y in range(0, 8, 2):
        average_2x2(source, y, halved, 16)
    columns = np.zeros((2, row_length(32)), np.float32)
    average_4x4(source[:4], quartered, table, 0, 8, columns)
    average_4x4(source[4:8], quartered, table, 1, 8, columns)
    expected = F.avg_pool2d(rounded(x), 2)
    np.testing.assert_allclose(to_map(halved, 16), expected.numpy(), rtol=ROUNDING, atol=1e-6)
    expected = F.avg_pool2d(rounded(x), 4)
    planes = quartered[:, :, MARGIN : MARGIN + 8].transpose(1, 0, 2)
    np.testing.assert_allclose(planes, expected.numpy(), atol=1e-6)
    np.testing.assert_allclose(table, expected.reshape(8, -1).T.numpy(), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "size"), [("aliked-t16", (97, 131)), ("aliked-n16", (75, 161)), ("aliked-n32", (64, 97))]
)
@pytest.mark.parametrize("is_grey", [True, False])
def test_scores_and_descriptors_stay_near_those_of_float32(
    name: str, size: tuple[int, int], is_grey: bool
) -> None:
    image = make_image(*size) if is_grey else make_color_image(*size)
    network = random_aliked(name)
    keypoints = np.random.default_rng(0).uniform(0, np.array(size[::-1]) - 1, (60, 2)).astype(np.float32)
    score_maps, descriptors = [], []
    for precision in ("fp32", "bf16"):
        cpu = CpuAliked(network.config, network.arrays(), 2, precision)
        score_maps.append(cpu.score_map(image))
        descriptors.append(cpu.describe(keypoints))
    difference = np.abs(score_maps[0] - score_maps[1])
    assert 0 < difference.max() < 4 * ROUNDING
    cosine = np.sum(descriptors[0] * descriptors[1], axis=1)
    assert 0.99 < cosine.min() < cosine.max() < 1 + 1e-6


def test_the_number_of_threads_changes_nothing() -> None:
    image, network = make_image(97, 131), random_aliked()
    outputs = []
    for num_threads in (1, 2, 5):
        cpu = CpuAliked(network.config, network.arrays(), num_threads, "bf16")
        score_map = cpu.score_map(image)
        keypoints, _ = cpu.detect(score_map, 60)
        outputs.append((score_map.copy(), keypoints, cpu.describe(keypoints)))
    for other in outputs[1:]:
        for ours, expected in zip(other, outputs[0], strict=True):
            np.testing.assert_array_equal(ours, expected)


def test_only_bfloat16_is_arithmetic_in_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert workspace.choose_map_types("bf16").paired
    assert not workspace.choose_map_types("fp32").paired
    monkeypatch.setattr(workspace, "HAS_PAIRS", False)
    assert workspace.choose_map_types("bf16") == workspace.STORED_BF16
