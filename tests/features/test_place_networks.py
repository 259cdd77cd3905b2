"""Backbones and heads of DELF and DELG against their definitions."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from feature_inputs import random_aliked
from place_inputs import noise, random_delg_lite0, randomize
from torch import Tensor, nn

from vo_frontend.features.networks.aliked.deformable_conv import DeformableConv
from vo_frontend.features.networks.places.aliked_backbone import AlikedBackbone
from vo_frontend.features.networks.places.backbone import Backbone
from vo_frontend.features.networks.places.efficientnet_lite import EfficientNetLite0
from vo_frontend.features.networks.places.heads import Attention, Autoencoder, GlobalHead
from vo_frontend.features.networks.places.lite0_middle import Lite0Middle
from vo_frontend.features.networks.places.network import LITE0_SIZES, make_delf, make_delg, make_raw_gem
from vo_frontend.features.networks.places.pca import fit_pca
from vo_frontend.features.networks.places.pooling import attention_mean, attention_sum, gem, unit_mean
from vo_frontend.features.networks.places.resnet import (
    ResNetBackbone,
    keras_config,
    torchvision_config,
)


def make_backbone(name: str) -> Backbone:
    if name == "lite0":
        return EfficientNetLite0()
    if name == "lite0-middle":
        return Lite0Middle(EfficientNetLite0())
    if name == "aliked-t16":
        return AlikedBackbone(random_aliked())
    if name == "keras":
        return ResNetBackbone(keras_config("resnet50"))
    if name == "keras-32":
        return ResNetBackbone(keras_config("resnet50", subsamples_local=True))
    return ResNetBackbone(torchvision_config(name))


@pytest.mark.parametrize("name", ["lite0", "lite0-middle", "aliked-t16", "resnet50", "keras", "keras-32"])
@torch.inference_mode()
def test_maps_have_the_channels_and_strides_that_a_backbone_states(name: str) -> None:
    backbone = make_backbone(name)
    randomize(backbone)
    images = noise(192, 256, batch=2)
    local_map, global_map = backbone(images)
    assert local_map.shape[:2] == (2, backbone.local_channels)
    assert global_map.shape[:2] == (2, backbone.global_channels)
    for feature_map, stride in (
        (local_map, backbone.local_stride_px),
        (global_map, backbone.global_stride_px),
    ):
        height, width = feature_map.shape[2:]
        assert abs(192 / stride - height) <= 1
        assert abs(256 / stride - width) <= 1
    assert backbone.receptive_field(256).stride_px == backbone.local_stride_px
    assert global_map.min() >= 0
    assert (local_map.min() < 0) == backbone.local_is_signed
    torch.testing.assert_close(backbone.local_map(images), local_map)
    torch.testing.assert_close(backbone(images[1:])[1], global_map[1:], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "size_px", "first_center_px"),
    [
        ("resnet50", 267, 0),
        ("resnet101", 811, 0),
        ("keras", 291, 3),
        ("keras-32", 291, 3),
        ("lite0", 339, 15),
        ("lite0-middle", 339, 15),
    ],
)
def test_receptive_fields_have_their_known_sizes(name: str, size_px: int, first_center_px: float) -> None:
    with torch.device("meta"):
        field = make_backbone(name).receptive_field(640)
    assert (field.size_px, field.first_center_px) == (size_px, first_center_px)


@pytest.mark.parametrize(
    ("name", "width"),
    [("lite0", 400), ("aliked-t16", 150), ("resnet50", 352), ("keras", 352), ("keras", 361)],
)
def test_a_cell_sees_the_pixels_of_its_receptive_field_and_no_other(name: str, width: int) -> None:
    backbone = make_backbone(name).eval().double()
    # Weighted means of positive numbers: nothing cancels, and nothing reaches the limit of ReLU6.
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 0.5 / module.weight[0].numel())
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
    for module in backbone.modules():
        if isinstance(module, DeformableConv):  # displaces nothing
            nn.init.zeros_(module.offset_conv.weight)
    image = (0.7 + 0.3 * noise(96, width)).double().requires_grad_()
    local_map = backbone.local_map(image)
    column = local_map.shape[-1] // 2
    (gradient,) = torch.autograd.grad(local_map[..., local_map.shape[-2] // 2, column].sum(), image)
    seen = gradient.abs().sum(dim=(0, 1, 2)).nonzero()[:, 0]
    field = backbone.receptive_field(width)
    first = field.stride_px * column - field.padding_px
    assert (int(seen[0]), int(seen[-1])) == (first, first + field.size_px - 1)
    assert field.centers_px(column + 1)[column] == first + (field.size_px - 1) / 2


def test_gem_is_the_mean_at_power_1_and_nearly_the_maximum_at_100() -> None:
    x = 5 * noise(6, 7, batch=2) + 0.01
    torch.testing.assert_close(gem(x, 1), x.mean(dim=(2, 3)))
    torch.testing.assert_close(gem(x, 100), x.amax(dim=(2, 3)), rtol=0.05, atol=0)
    expected = x.double().pow(3).mean(dim=(2, 3)).pow(1 / 3).float()
    torch.testing.assert_close(gem(x), expected)


def test_gem_has_the_gradient_of_finite_differences_and_none_below_its_floor() -> None:
    x = noise(3, 4, batch=2).double().requires_grad_()
    power = torch.tensor([3.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(gem, (x, power))
    negative = torch.full((1, 1, 2, 2), -1.0, requires_grad=True)
    pooled = gem(negative)
    assert pooled.item() == pytest.approx(1e-6)
    (gradient,) = torch.autograd.grad(pooled.sum(), negative)
    assert (gradient == 0).all()


def test_attention_and_autoencoder_equal_their_equations() -> None:
    attention, autoencoder = Attention(5, 4), Autoencoder(5, 2)
    randomize(attention)
    randomize(autoencoder, seed=1)
    features = torch.randn(2, 5, 3, 4, generator=torch.Generator().manual_seed(2))

    def linear(layer: nn.Conv2d, x: Tensor) -> Tensor:
        assert layer.bias is not None
        return F.linear(x, layer.weight[..., 0, 0], layer.bias)

    rows = features.permute(0, 2, 3, 1)
    norm = attention.norm
    assert norm.running_mean is not None
    assert norm.running_var is not None
    centered = (linear(attention.conv1, rows) - norm.running_mean) / (norm.running_var + norm.eps).sqrt()
    rated = linear(attention.conv2, (centered * norm.weight + norm.bias).clamp(min=0))
    torch.testing.assert_close(attention(features)[:, 0], torch.log1p(rated.exp())[..., 0])
    code, reconstruction = autoencoder(features)
    torch.testing.assert_close(code, linear(autoencoder.encode, rows).permute(0, 3, 1, 2))
    assert code.min() < 0
    expected = linear(autoencoder.decode, code.permute(0, 2, 3, 1)).clamp(min=0).permute(0, 3, 1, 2)
    torch.testing.assert_close(reconstruction, expected)


def test_attention_weighs_unit_vectors_however_long_the_features_are() -> None:
    features = torch.tensor([[[[3.0, 0.0]], [[4.0, 10.0]]]])  # (3, 4) and (0, 10)
    attention = torch.tensor([[[[2.0, 1.0]]]])
    torch.testing.assert_close(attention_sum(features, attention), torch.tensor([[1.2, 2.6]]))
    torch.testing.assert_close(attention_mean(features, attention), torch.tensor([[0.6, 1.3]]))


def test_scales_are_averaged_as_unit_vectors() -> None:
    descriptors = torch.tensor([[[10.0, 0.0]], [[0.0, 0.1]]])
    torch.testing.assert_close(unit_mean(descriptors), torch.full((1, 2), math.sqrt(0.5)))


def test_a_global_head_normalizes_before_whitening_only_where_asked_to() -> None:
    global_map = noise(4, 5)
    heads = [GlobalHead(3, 2, normalizes_first=first) for first in (False, True)]
    for head in heads:
        randomize(head)
    pooled = gem(global_map)
    for head, vector in zip(heads, (pooled, F.normalize(pooled)), strict=True):
        assert isinstance(head.whitening, nn.Linear)
        torch.testing.assert_close(head(global_map), head.whitening(vector))
    torch.testing.assert_close(GlobalHead(3, None)(global_map), pooled)


def test_a_head_can_start_as_a_whitening_by_principal_components() -> None:
    maps = noise(4, 5, batch=50)
    pooled = gem(maps)
    pca = fit_pca(pooled.numpy(), 2, whitens=True)
    head = GlobalHead(3, 2, normalizes_first=True)
    head.start_from(pca)
    with torch.inference_mode():
        np.testing.assert_allclose(F.normalize(head(maps)), pca.apply(pooled.numpy()), atol=1e-3)
        np.testing.assert_allclose(head(maps).var(dim=0, correction=0), 1, rtol=1e-2)
    for other in (GlobalHead(3, 2), GlobalHead(3, None, normalizes_first=True)):
        with pytest.raises(ValueError, match="no unit vectors"):
            other.start_from(pca)


def test_local_losses_leave_the_backbone_alone_and_the_global_loss_the_local_head() -> None:
    network = random_delg_lite0().train()
    images = noise(96, 128, batch=2)

    def gradients(loss: Tensor) -> dict[str, float]:
        names, values = zip(*network.named_parameters(), strict=True)
        found = torch.autograd.grad(loss, values, allow_unused=True)
        sizes = (0.0 if gradient is None else float(gradient.abs().max()) for gradient in found)
        return dict(zip(names, sizes, strict=True))

    maps = network(images)
    assert maps.local is not None
    assert maps.local.reconstruction is not None
    attended = attention_mean(maps.local_map, maps.local.attention)
    of_local = gradients(
        attended.square().sum() + (maps.local_map - maps.local.reconstruction).square().mean()
    )
    for name, size in of_local.items():
        assert (size > 0) == name.startswith("local_head.") or ".attention.conv1.bias" in name, name
    maps = network(images)
    assert maps.global_descriptor is not None
    of_global = gradients(maps.global_descriptor[:, 0].sum())
    assert not any(size for name, size in of_global.items() if name.startswith("local_head."))
    assert of_global["backbone.stem.conv.weight"] > 0
    assert of_global["global_head.whitening.weight"] > 0


@pytest.mark.parametrize("name", ["lite0", "resnet50", "aliked-t16"])
@torch.inference_mode()
def test_folding_batch_norm_of_places_changes_nothing_but_rounding(name: str) -> None:
    network = make_delg(make_backbone(name), LITE0_SIZES)
    randomize(network)
    images = noise(96, 128)
    before = network(images)
    network = network.for_inference()
    kept = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(kept) == (4 if name == "aliked-t16" else 0)  # behind deformable convolutions
    after = network(images)
    torch.testing.assert_close(after.global_descriptor, before.global_descriptor, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(after.local.attention, before.local.attention, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(after.local.descriptors, before.local.descriptors, rtol=1e-3, atol=1e-3)


def test_a_network_without_the_head_that_is_asked_for_says_so() -> None:
    images = noise(64, 64)
    with pytest.raises(ValueError, match="no global head"):
        make_delf(EfficientNetLite0()).describe(images)
    with pytest.raises(ValueError, match="no local head"):
        make_raw_gem(EfficientNetLite0()).local_maps(images)
