"""ArcFace against its definition, and which losses of DELG reach which weights."""

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from vo_frontend.features.networks.places.efficientnet_lite import EfficientNetLite0
from vo_frontend.features.networks.places.heads import DelfHead
from vo_frontend.features.networks.places.lite0_middle import Lite0Middle
from vo_frontend.features.networks.places.network import LITE0_SIZES, PlaceNetwork, make_delg
from vo_frontend.training.engine.distributed import Group
from vo_frontend.training.engine.run_config import OptimizationConfig
from vo_frontend.training.engine.trainer import Trainer
from vo_frontend.training.places.arcface import arcface_logits
from vo_frontend.training.places.batches import ImageBatch
from vo_frontend.training.places.model import PlaceModel, network_weights
from vo_frontend.training.places.objective import PlaceLosses, PlaceObjective
from vo_frontend.training.places.train_config import PlaceLossConfig

MARGIN_RAD, SCALE = 0.1, 45.25
NUM_PLACES = 5
SMALL = dataclasses.replace(LITE0_SIZES, embedding=16)


def test_arcface_is_the_cosine_of_the_angle_and_the_margin() -> None:
    angles = torch.linspace(0.01, np.pi - 0.2, 40, dtype=torch.float64)
    cosines = torch.stack([angles.cos(), torch.zeros(40, dtype=torch.float64)], dim=1)
    logits = arcface_logits(cosines, torch.zeros(40, dtype=torch.long), MARGIN_RAD, SCALE)
    torch.testing.assert_close(logits[:, 0], SCALE * (angles + MARGIN_RAD).cos(), rtol=0, atol=1e-6)
    torch.testing.assert_close(logits[:, 1], torch.zeros(40, dtype=torch.float64), rtol=0, atol=0)


def test_an_angle_that_the_margin_would_carry_round_has_none() -> None:
    angles = torch.tensor([np.pi - 0.099, np.pi - 0.05])
    logits = arcface_logits(angles.cos()[:, None], torch.zeros(2, dtype=torch.long), MARGIN_RAD, SCALE)
    torch.testing.assert_close(logits[:, 0], SCALE * angles.cos())


@pytest.mark.parametrize("cosine", [1.0, -1.0])
def test_the_gradient_of_arcface_is_finite_where_the_angle_has_no_slope(cosine: float) -> None:
    cosines = torch.tensor([[cosine, 0.3]], requires_grad=True)
    loss = F.cross_entropy(arcface_logits(cosines, torch.tensor([0]), MARGIN_RAD, SCALE), torch.tensor([0]))
    torch.autograd.backward(loss)
    assert loss.isfinite()
    assert cosines.grad is not None
    assert cosines.grad.isfinite().all()


def test_without_a_margin_arcface_is_the_softmax_of_scaled_cosines() -> None:
    cosines = torch.rand(8, 6, generator=torch.Generator().manual_seed(0)) * 1.8 - 0.9
    labels = torch.arange(8) % 6
    torch.testing.assert_close(arcface_logits(cosines, labels, 0.0, SCALE), SCALE * cosines)


def delg_model(*, trains_backbone: bool = True) -> PlaceModel:
    torch.manual_seed(0)
    network = make_delg(Lite0Middle(EfficientNetLite0()), SMALL)
    return PlaceModel(network, NUM_PLACES, trains_backbone=trains_backbone).train()


def views() -> ImageBatch:
    images = torch.rand(6, 3, 96, 128, generator=torch.Generator().manual_seed(1))
    return ImageBatch(torch.arange(6) % NUM_PLACES, images)


def losses_of(model: PlaceModel, config: PlaceLossConfig = PlaceLossConfig()) -> PlaceLosses:  # noqa: B008
    return PlaceObjective(config)(model, views(), torch.Generator())


def largest_gradients(model: PlaceModel, loss: Tensor) -> dict[str, float]:
    names, values = zip(*model.named_parameters(), strict=True)
    found = torch.autograd.grad(loss, values, allow_unused=True)
    return {
        name: 0.0 if gradient is None else float(gradient.abs().max())
        for name, gradient in zip(names, found, strict=True)
    }


@pytest.mark.parametrize("term", ["reconstruction", "attention", "attention_decay"])
def test_the_local_losses_do_not_reach_the_backbone_nor_the_global_half(term: str) -> None:
    model = delg_model()
    reached = largest_gradients(model, getattr(losses_of(model), term))
    assert not any(size for name, size in reached.items() if not name.startswith(("network.local", "local")))
    assert any(size for name, size in reached.items() if name.startswith("network.local_head."))


def test_the_global_loss_reaches_the_backbone_and_nothing_of_the_local_half() -> None:
    model = delg_model()
    reached = largest_gradients(model, losses_of(model).global_descriptor)
    assert not any(size for name, size in reached.items() if name.startswith(("network.local", "local")))
    for name in (
        "network.backbone.stem.conv.weight",
        "network.global_head.whitening.weight",
        "global_classes",
    ):
        assert reached[name] > 0, name


def test_the_total_is_the_weighted_sum_and_each_term_its_definition() -> None:
    model = delg_model().eval()
    config = PlaceLossConfig(reconstruction_weight=3.0, attention_weight=0.5, attention_decay=0.01)
    losses, batch = losses_of(model, config), views()
    local_map, global_map = model.network.backbone(batch.images)
    maps = model.network.apply_heads(local_map, global_map)
    assert maps.local is not None
    assert maps.local.reconstruction is not None
    squared = (maps.local.reconstruction - local_map).square().mean()
    torch.testing.assert_close(losses.reconstruction, squared)
    weighted = maps.local.attention * F.normalize(local_map, dim=1)
    assert model.local_classes is not None
    logits = model.local_classes(weighted.mean(dim=(2, 3)))
    torch.testing.assert_close(losses.attention, F.cross_entropy(logits, batch.labels))
    expected = (
        losses.global_descriptor
        + 3.0 * losses.reconstruction
        + 0.5 * losses.attention
        + 0.005 * losses.attention_decay
    )
    torch.testing.assert_close(losses.total, expected)


def trained_for_a_step(model: PlaceModel, method: str) -> dict[str, Tensor]:
    config = OptimizationConfig(
        steps=2, accumulation=1, warmup_steps=0, method=method, learning_rate=0.1, max_gradient_norm=1e9
    )
    trainer = Trainer(model, PlaceObjective(PlaceLossConfig()), config, seed=0, group=Group())
    trainer.train_step(0, [views()])
    return trainer.weights()


@pytest.mark.parametrize("method", ["adam", "sgd"])
def test_a_frozen_backbone_keeps_its_weights_and_statistics_and_heads_do_not(method: str) -> None:
    model = delg_model(trains_backbone=False)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    after = trained_for_a_step(model, method)
    for name, value in after.items():
        if name.startswith("network.backbone."):
            assert torch.equal(value, before[name]), name
    for name in ("network.global_head.whitening.weight", "network.local_head.attention.conv1.weight"):
        assert not torch.equal(after[name], before[name]), name


def test_only_what_recognises_places_is_exported() -> None:
    model = delg_model()
    weights = dict(model.state_dict())
    heads = network_weights(weights, trains_backbone=False)
    assert heads.keys() == model.network.heads().state_dict().keys()
    assert network_weights(weights, trains_backbone=True).keys() == model.network.state_dict().keys()


def test_delf_learns_descriptors_with_the_backbone_then_attention_without() -> None:
    backbone = Lite0Middle(EfficientNetLite0())
    first = PlaceModel(PlaceNetwork(backbone), NUM_PLACES, trains_backbone=True).train()
    losses = losses_of(first)
    assert losses.global_descriptor == losses.reconstruction == 0
    assert largest_gradients(first, losses.attention)["network.backbone.stem.conv.weight"] > 0
    network = PlaceNetwork(backbone, None, DelfHead(backbone.local_channels, 8))
    second = PlaceModel(network, NUM_PLACES, trains_backbone=False).train()
    losses = losses_of(second)
    assert losses.global_descriptor == losses.reconstruction == 0
    trained = (name for name, value in second.named_parameters() if value.requires_grad)
    assert {name.split(".")[-3] for name in trained if "attention" in name} == {"attention"}
    assert losses.attention.requires_grad
