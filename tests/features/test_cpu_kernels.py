"""Every kernel of ALIKED on the CPU against a slow twin."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from callable_parts import callable_part
from numba import njit
from numpy.typing import NDArray

from vo_frontend.compute.matmul import COLUMNS, STEP, pack_matrix, padded
from vo_frontend.compute.simd import LANES
from vo_frontend.compute.threads import ThreadTeam
from vo_frontend.features.cpu import fine_blocks
from vo_frontend.features.cpu.coarse_blocks import (
    TAPS,
    Deformable,
    DualLayout,
    Product,
    deformable_layer,
    pool_4x4,
)
from vo_frontend.features.cpu.convolution import (
    MARGIN,
    TILE,
    Planar,
    convolve_row,
    neighbours,
    pack_bias,
    pack_kernel,
    planar,
    row_length,
)
from vo_frontend.features.cpu.detection import find_maxima, make_planes, refine
from vo_frontend.features.cpu.fine_blocks import (
    Convolution,
    PaddedSize,
)
from vo_frontend.features.cpu.score_head import ThreeGrids, level_rows_at, make_grid, sum_levels
from vo_frontend.features.cpu.winograd import FourRows, convolve_rows, make_sums, pack_kernel_sums
from vo_frontend.features.networks import detection
from vo_frontend.features.networks.aliked.deformable_conv import deformable_conv3x3
from vo_frontend.features.networks.sampling import sample_bilinear

average_2x2 = callable_part(fine_blocks.average_2x2)
average_4x4 = callable_part(fine_blocks.average_4x4)
fill_input_row = callable_part(fine_blocks.fill_input_row)
rows_around = callable_part(fine_blocks.rows_around)


def random(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def to_planar(feature_map: NDArray[np.float32]) -> NDArray[np.float32]:
    """Planar map of (C, H, W), with a last row of zeros."""
    channels, height, width = feature_map.shape
    target = np.zeros((height + 1, channels, row_length(width)), np.float32)
    target[:-1, :, MARGIN : MARGIN + width] = feature_map.transpose(1, 0, 2)
    return target


@njit
def convolve(
    source: Planar,
    kernel: NDArray[np.float32],
    bias: NDArray[np.float32],
    target: Planar,
    width: int,
    accumulate: bool,
    activate: bool,
) -> None:
    for y in range(len(target)):
        if kernel.shape[2] == 9:
            slots = neighbours(y, len(target))
            convolve_row(source, slots, kernel, bias, target, y, width, accumulate, activate)
        else:
            convolve_row(source, (y,), kernel, bias, target, y, width, accumulate, activate)


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize(("inputs", "outputs", "width"), [(3, 8, 31), (5, 6, 48), (8, 1, 97)])
def test_rows_equal_the_convolution_of_torch(size: int, inputs: int, outputs: int, width: int) -> None:
    x, weight = random(inputs, 7, width), random(outputs, inputs, size, size, seed=1)
    bias = random(outputs, seed=2)
    target = planar(7, outputs, width)
    arguments = pack_kernel(weight), pack_bias(bias), target, width
    convolve(to_planar(x), *arguments, False, False)
    expected = F.conv2d(torch.tensor(x), torch.tensor(weight), torch.tensor(bias), padding=size // 2)
    once = target[:, :outputs, MARGIN : MARGIN + width].transpose(1, 0, 2).copy()
    np.testing.assert_allclose(once, expected.numpy(), rtol=1e-4, atol=1e-5)
    convolve(to_planar(x), *arguments, True, True)
    twice = target[:, :outputs, MARGIN : MARGIN + width].transpose(1, 0, 2)
    expected = F.selu(expected + F.conv2d(torch.tensor(x), torch.tensor(weight), padding=size // 2))
    np.testing.assert_allclose(twice, expected.numpy(), rtol=1e-4, atol=1e-5)
    assert not target[:, :, MARGIN - 1].any()
    assert not target[:, :, MARGIN + width].any()


@njit
def convolve_all_rows(
    source: Planar, weights: FourRows, target: Planar, width: int, accumulate: bool, sums: Planar
) -> None:
    for y in range(0, len(target), 4):
        around = rows_around(y, len(target))
        rows = (y, y + 1, y + 2, y + 3)
        convolve_rows(source, around, weights, target, rows, width, accumulate, accumulate, sums)


@pytest.mark.parametrize(("inputs", "outputs", "width"), [(3, 8, 31), (5, 6, 48), (32, 32, 97)])
def test_four_rows_at_a_time_equal_the_convolution_of_torch(inputs: int, outputs: int, width: int) -> None:
    x, weight = random(inputs, 8, width), np.float32(0.1) * random(outputs, inputs, 3, 3, seed=1)
    bias = random(outputs, seed=2)
    target = planar(8, outputs, width)
    arguments = to_planar(x), FourRows(pack_kernel_sums(weight), pack_bias(bias)), target, width
    sums = make_sums(1, inputs)[0]
    convolve_all_rows(*arguments, False, sums)
    exact = torch.tensor(x).double(), torch.tensor(weight).double()
    expected = F.conv2d(*exact, torch.tensor(bias).double(), padding=1)
    once = target[:, :outputs, MARGIN : MARGIN + width].transpose(1, 0, 2).copy()
    np.testing.assert_allclose(once, expected.numpy(), rtol=1e-5, atol=4e-5)
    convolve_all_rows(*arguments, True, sums)
    twice = target[:, :outputs, MARGIN : MARGIN + width].transpose(1, 0, 2)
    expected = F.selu(expected + F.conv2d(*exact, padding=1))
    np.testing.assert_allclose(twice, expected.numpy(), rtol=1e-5, atol=4e-5)
    assert not target[:, :, MARGIN + width].any()


def test_rows_outside_a_map_are_its_row_of_zeros() -> None:
    assert rows_around(-3, 8) == (8, 8, 8, 8, 0, 1)
    assert rows_around(5, 8) == (4, 5, 6, 7, 8, 8)
    assert rows_around(1, 8) == (0, 1, 2, 3, 4, 5)


def test_pooling_equals_that_of_torch() -> None:
    x = random(8, 8, 32)
    halved, quartered, coarse = planar(4, 8, 16), planar(2, 8, 8), planar(3, 8, 8)
    table, coarse_table = np.zeros((2 * 8, 8), np.float32), np.zeros((2 * 8, 8), np.float32)
    source = to_planar(x)
    for y in range(0, 8, 2):
        average_2x2(source, y, halved, 16)
    average_4x4(source[:4], quartered, table, 0, 8)
    average_4x4(source[4:8], quartered, table, 1, 8)
    pool_4x4(0, 1, np.ascontiguousarray(x.reshape(8, -1).T), 32, DualLayout(coarse, coarse_table))
    expected = F.avg_pool2d(torch.tensor(x), 2).numpy()
    np.testing.assert_allclose(halved[:, :, MARGIN : MARGIN + 16].transpose(1, 0, 2), expected, atol=1e-6)
    expected = F.avg_pool2d(torch.tensor(x), 4).numpy()
    for pooled, rows in ((quartered, table), (coarse[:2], coarse_table)):
        planes = pooled[:, :, MARGIN : MARGIN + 8].transpose(1, 0, 2)
        np.testing.assert_allclose(planes, expected, atol=1e-6)
        np.testing.assert_allclose(rows, expected.reshape(8, -1).T, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_input_rows_repeat_the_edges_of_the_image(channels: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 9, channels), np.uint8)
    padded_size = PaddedSize(height=8, width=16, top=1, left=3)
    pixels = torch.tensor(image).permute(2, 0, 1)[None].float() / 255
    expected = F.pad(pixels, (3, 4, 1, 2), mode="replicate")[0].numpy()
    target = np.zeros((1, channels, row_length(16)), np.float32)
    for y in range(8):
        fill_input_row(image, padded_size, y, target, 0)
        np.testing.assert_array_equal(target[0, :, MARGIN : MARGIN + 16], expected[:, y])
    for y in (-1, 8):
        fill_input_row(image, padded_size, y, target, 0)
        assert not target.any()


@pytest.mark.parametrize("num_threads", [1, 2])
def test_the_deformable_layer_equals_the_deformable_convolution_of_the_reference(num_threads: int) -> None:
    inputs, outputs, height, width = 16, 32, 6, 9
    x, offset_weight = random(inputs, height, width), random(18, inputs, 3, 3, seed=1) * np.float32(0.25)
    offset_bias, weight, bias = random(18, seed=2), random(outputs, inputs, 3, 3, seed=3), random(outputs)
    shortcut = random(height * width, 16, seed=4)
    shortcut_weight = random(16, outputs, seed=5)
    rows = np.concatenate([weight.transpose(2, 3, 1, 0).reshape(-1, outputs), shortcut_weight])
    weights = Deformable(
        Convolution(pack_kernel(offset_weight), pack_bias(offset_bias)),
        Product(pack_matrix(rows), pack_matrix(bias[None]).ravel()),
    )
    target = DualLayout(planar(height + 1, outputs, width), np.zeros((height * width, outputs), np.float32))
    padded_rows = padded(padded(width, LANES), STEP)
    ThreadTeam(num_threads).run(
        deformable_layer,
        DualLayout(to_planar(x), np.ascontiguousarray(x.reshape(inputs, -1).T)),
        shortcut,
        weights,
        width,
        target,
        np.zeros((num_threads, 1, 20, row_length(width)), np.float32),
        np.zeros((num_threads, padded_rows, TAPS * inputs + 16), np.float32),
        np.zeros((num_threads, padded_rows, padded(outputs, COLUMNS)), np.float32),
    )
    batch = torch.tensor(x)[None]
    offsets = F.conv2d(batch, torch.tensor(offset_weight), torch.tensor(offset_bias), padding=1)
    offsets = offsets.clamp(-9 / 4, 9 / 4)
    convolved = deformable_conv3x3(batch, offsets, torch.tensor(weight), torch.tensor(bias))[0].flatten(1)
    expected = F.selu(convolved.T + torch.tensor(shortcut @ shortcut_weight)).numpy()
    np.testing.assert_allclose(target.table, expected, rtol=1e-3, atol=1e-4)
    back = target.planar[:-1, :, MARGIN : MARGIN + width].transpose(0, 2, 1).reshape(-1, outputs)
    np.testing.assert_array_equal(back, target.table)


@njit
def sum_rows(coarse: tuple[Planar, ...], grids: ThreeGrids, y: int, rows: Planar, tiles: Planar) -> None:
    level_rows_at(coarse, grids, y, rows)
    for k in range(len(tiles)):
        sum_levels(rows, grids, TILE * k, tiles[k : k + 1])


def test_the_sum_of_the_coarse_levels_equals_the_interpolation_of_torch() -> None:
    height, width = 96, 160
    levels = [random(8, height // stride, width // stride, seed=stride) for stride in (2, 8, 32)]
    a, b, c = (make_grid(height, width, level.shape[1], level.shape[2]) for level in levels)
    coarse = to_planar(levels[0]), to_planar(levels[1]), to_planar(levels[2])
    rows = np.zeros((3, 8, row_length(width // 2)), np.float32)
    tiles = np.zeros((-(-width // TILE), 8, TILE), np.float32)

    expected = sum(
        F.interpolate(torch.tensor(level)[None], size=(height, width), mode="bilinear", align_corners=True)
        for level in levels
    )
    assert isinstance(expected, torch.Tensor)
    for y in (0, 1, 50, height - 1):
        sum_rows(coarse, (a, b, c), y, rows, tiles)
        found = tiles.transpose(1, 0, 2).reshape(8, -1)[:, :width]
        np.testing.assert_allclose(found, expected[0, :, y].numpy(), rtol=1e-4, atol=3e-5)


@pytest.mark.parametrize("num_threads", [1, 2, 3])
@pytest.mark.parametrize("size", [(64, 64), (65, 97), (71, 130)])
def test_maxima_are_those_of_the_reference(size: tuple[int, int], num_threads: int) -> None:
    height, width = size
    smooth = torch.rand(height, width, generator=torch.Generator().manual_seed(0))
    team, planes = ThreadTeam(num_threads), make_planes(num_threads, height, width)
    found = np.zeros((num_threads, -(-height // num_threads) * width), np.int32)
    counts = np.zeros(num_threads, np.int64)
    for scores in (smooth, (8 * smooth).round() / 8, torch.zeros(size), torch.ones(size)):
        team.run(find_maxima, scores.numpy(), 3, 2, planes, found, counts)
        ours = np.concatenate([part[:count] for part, count in zip(found, counts, strict=True)])
        expected = detection.local_maxima(scores) & (scores > 0)
        y, x = np.nonzero(expected.numpy()[3:-2, 3:-2])
        np.testing.assert_array_equal(np.sort(ours), (y + 3) * width + x + 3)


def test_refinement_is_that_of_the_reference() -> None:
    scores = torch.rand(65, 97, generator=torch.Generator().manual_seed(0)) / 4
    found = np.array([2 * 97 + 2, 30 * 97 + 94, 62 * 97 + 50, 40 * 97 + 40], np.int32)
    keypoints, values = np.zeros((4, 2), np.float32), np.zeros(4, np.float32)
    refine(0, 1, scores.numpy(), found, keypoints, values)
    x, y = torch.tensor(found % 97).long(), torch.tensor(found // 97).long()
    expected = detection.refine(scores, x, y)
    np.testing.assert_allclose(keypoints, expected.numpy(), atol=2e-5)
    sampled = sample_bilinear(scores[None, None], expected[:, 0], expected[:, 1])[:, 0]
    np.testing.assert_allclose(values, sampled.numpy(), atol=1e-5)
