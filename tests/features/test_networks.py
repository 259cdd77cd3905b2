"""The shortcuts of the networks against the definitions that they replace."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from feature_inputs import random_aliked, random_network
from torch import Tensor

from vo_frontend.features.loading import make_network
from vo_frontend.features.networks.alike import AlikeNetwork
from vo_frontend.features.networks.aliked.deformable_conv import deformable_conv3x3
from vo_frontend.features.networks.pyramid import FeaturePyramid
from vo_frontend.features.networks.sampling import sample_bilinear
from vo_frontend.features.networks.trunk import FeatureNetwork

NUM_PARAMETERS = {
    "aliked-t16": 192100,
    "aliked-n16": 677356,
    "aliked-n16rot": 677356,
    "aliked-n32": 979500,
    "alike-t": 82728,
    "alike-s": 175992,
    "alike-n": 329168,
    "alike-l": 653984,
}


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bilinear_or_zero(feature_map: Tensor, x: float, y: float) -> Tensor:
    """Definition: feature_map (C, H, W), zeros outside."""
    _, height, width = feature_map.shape
    total = torch.zeros(feature_map.shape[0])
    for corner_y in (int(np.floor(y)), int(np.floor(y)) + 1):
        for corner_x in (int(np.floor(x)), int(np.floor(x)) + 1):
            if 0 <= corner_x < width and 0 <= corner_y < height:
                weight = (1 - abs(x - corner_x)) * (1 - abs(y - corner_y))
                total += weight * feature_map[:, corner_y, corner_x]
    return total


def dense_map(pyramid: FeaturePyramid) -> Tensor:
    """Definition: all levels upsampled and concatenated, without padding, (dim, H, W)."""
    size = pyramid.levels[0].shape[-2:]
    levels = [F.interpolate(m, size=size, mode="bilinear", align_corners=True) for m in pyramid.levels]
    return pyramid.padding.crop(torch.cat(levels, dim=1))[0]


@torch.inference_mode()
def make_pyramid(network: FeatureNetwork, height: int = 65, width: int = 97) -> FeaturePyramid:
    return network.feature_pyramid(torch.rand(1, 3, height, width, generator=generator()))


@pytest.mark.parametrize(("name", "count"), NUM_PARAMETERS.items())
def test_networks_have_as_many_parameters_as_the_official_ones(name: str, count: int) -> None:
    assert sum(parameter.numel() for parameter in make_network(name).parameters()) == count


def test_bilinear_sampling_counts_zero_outside_the_map() -> None:
    feature_map = torch.rand(3, 6, 9, generator=generator())
    positions = torch.rand(50, 2, generator=generator(1)) * torch.tensor([13.0, 10.0]) - 2
    sampled = sample_bilinear(feature_map[None], positions[:, 0], positions[:, 1])
    expected = torch.stack([bilinear_or_zero(feature_map, float(x), float(y)) for x, y in positions])
    torch.testing.assert_close(sampled, expected)


@pytest.mark.parametrize("size", [(5, 7), (12, 9)])
def test_deformable_convolution_without_offsets_is_convolution(size: tuple[int, int]) -> None:
    x = torch.randn(1, 4, *size, generator=generator())
    weight, bias = torch.randn(6, 4, 3, 3, generator=generator(1)), torch.randn(6, generator=generator(2))
    ours = deformable_conv3x3(x, torch.zeros(1, 18, *size), weight, bias)
    torch.testing.assert_close(ours, F.conv2d(x, weight, bias, padding=1))


def test_deformable_convolution_equals_its_definition() -> None:
    height, width = 6, 8
    x = torch.randn(1, 3, height, width, generator=generator())
    offsets = 2 * torch.randn(1, 18, height, width, generator=generator(1))
    weight = torch.randn(2, 3, 3, 3, generator=generator(2))
    expected = torch.zeros(1, 2, height, width)
    for row in range(height):
        for column in range(width):
            for tap in range(9):
                dy, dx = offsets[0, 2 * tap : 2 * tap + 2, row, column].tolist()
                sample = bilinear_or_zero(x[0], column - 1 + tap % 3 + dx, row - 1 + tap // 3 + dy)
                expected[0, :, row, column] += weight[:, :, tap // 3, tap % 3] @ sample
    torch.testing.assert_close(deformable_conv3x3(x, offsets, weight, None), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["aliked-t16", "alike-t"])
def test_the_pyramid_reads_and_projects_the_dense_map(name: str) -> None:
    pyramid = make_pyramid(random_network(name))
    dense = dense_map(pyramid)
    assert dense.shape[1:] == pyramid.image_size == (65, 97)
    y, x = torch.meshgrid(torch.arange(65), torch.arange(97), indexing="ij")
    read = pyramid.pixels(x.flatten(), y.flatten())
    torch.testing.assert_close(read.T.reshape(dense.shape), dense, rtol=1e-4, atol=1e-5)
    weight = torch.randn(5, len(dense), 1, 1, generator=generator(3))
    projected = pyramid.padding.crop(pyramid.project(weight))
    torch.testing.assert_close(projected, F.conv2d(dense[None], weight), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["aliked-t16", "alike-t", "alike-l"])
@torch.inference_mode()
def test_folding_batch_norm_changes_nothing_but_rounding(name: str) -> None:
    network = random_network(name)
    image = torch.rand(1, 3, 65, 97, generator=generator())
    pyramid, score_map = network(image)
    folded = copy.deepcopy(network).for_inference()
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    folded_pyramid, folded_score_map = folded(image)
    torch.testing.assert_close(folded_score_map, score_map, rtol=1e-4, atol=1e-5)
    for ours, reference in zip(folded_pyramid.levels, pyramid.levels, strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-3, atol=1e-4)


@torch.inference_mode()
def test_the_aliked_score_map_is_the_score_head_on_the_dense_map() -> None:
    network = random_aliked()
    pyramid, score_map = network(torch.rand(1, 3, 64, 96, generator=generator()))
    expected = torch.sigmoid(network.score_head(dense_map(pyramid)[None]))[0, 0]
    torch.testing.assert_close(score_map, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["alike-t", "alike-l"])
@torch.inference_mode()
def test_alike_scores_and_descriptors_come_from_its_dense_head(name: str) -> None:
    network = random_network(name)
    assert isinstance(network, AlikeNetwork)
    pyramid, score_map = network(torch.rand(1, 3, 65, 97, generator=generator()))
    dense = dense_map(pyramid)[None]
    if network.convhead1 is not None:
        dense = F.relu(network.convhead1(dense))
    output = network.convhead2(dense)[0]
    torch.testing.assert_close(score_map, torch.sigmoid(output[-1]), rtol=1e-4, atol=1e-5)
    descriptor_map = F.normalize(output[:-1], dim=0)
    keypoints = torch.tensor([[3.0, 4.0], [50.25, 20.5], [94.9, 62.1]])
    expected = torch.stack([bilinear_or_zero(descriptor_map, float(x), float(y)) for x, y in keypoints])
    described = network.describe(pyramid, keypoints)
    torch.testing.assert_close(described, F.normalize(expected, dim=1), rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_sparse_deformable_descriptors_equal_their_definition() -> None:
    network = random_aliked()
    head = network.desc_head
    head.offset_conv.get_parameter("2.weight").mul_(20)  # far enough to leave the map
    pyramid = make_pyramid(network)
    features = F.normalize(dense_map(pyramid), dim=0)  # (dim, H, W)
    bordered = F.pad(features, (1, 1, 1, 1))
    keypoints = torch.tensor([[2.0, 2.0], [40.7, 30.2], [94.6, 62.9], [0.3, 0.1], [96.0, 64.0]])
    expected = []
    for x, y in keypoints.tolist():
        patch = bordered[:, int(y) : int(y) + 3, int(x) : int(x) + 3]
        offsets = head.offset_conv(patch[None]).flatten().clamp(-97 / 4, 97 / 4)
        total = torch.zeros(64)
        for m in range(16):
            sample = bilinear_or_zero(features, x + float(offsets[m]), y + float(offsets[16 + m]))
            total += F.selu(head.sf_conv.weight[:, :, 0, 0] @ sample) @ head.agg_weights[m]
        expected.append(total / total.norm())
    torch.testing.assert_close(
        network.describe(pyramid, keypoints), torch.stack(expected), rtol=1e-3, atol=1e-4
    )


def test_gradients_reach_every_parameter_of_aliked() -> None:
    network = random_aliked().train()
    pyramid, score_map = network(torch.rand(1, 3, 64, 64, generator=generator()))
    keypoints = torch.tensor([[20.3, 30.6], [40.1, 10.2]])
    (score_map.sum() + network.describe(pyramid, keypoints)[:, 0].sum()).backward()
    missing = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert missing == []
