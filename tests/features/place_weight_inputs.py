"""Place networks with random weights, and whether two of them give the same features."""

from collections.abc import Iterator

import torch
from place_inputs import noise, randomize
from torch import Tensor

from vo_frontend.features.networks.places.network import HeadSizes, PlaceNetwork
from vo_frontend.features.networks.places.resnet import Bottleneck, ResNetBackbone, torchvision_config

State = dict[str, Tensor]
SIZES = HeadSizes(embedding=24, code=16, hidden=20)


def random_resnet50() -> ResNetBackbone:
    """torchvision's, with random weights."""
    backbone = ResNetBackbone(torchvision_config("resnet50"))
    randomize(backbone)
    return backbone


def blocks(backbone: ResNetBackbone) -> Iterator[tuple[int, int, Bottleneck]]:
    """Number of the stage from 1, of the block from 0, and the block."""
    for stage, layer in enumerate((backbone.layer1, backbone.layer2, backbone.layer3, backbone.layer4), 1):
        for index, block in enumerate(layer):
            assert isinstance(block, Bottleneck)
            yield stage, index, block


def torchvision_state(backbone: ResNetBackbone) -> State:
    state = {key: value.clone() for key, value in backbone.state_dict().items()}
    return {**state, "fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}


@torch.inference_mode()
def assert_same_features(loaded: PlaceNetwork, expected: PlaceNetwork) -> None:
    images = noise(96, 128)
    ours, theirs = loaded.eval()(images), expected(images)
    torch.testing.assert_close(ours.local_map, theirs.local_map, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours.global_descriptor, theirs.global_descriptor, rtol=1e-4, atol=1e-4)
    if theirs.local is not None:
        torch.testing.assert_close(ours.local.descriptors, theirs.local.descriptors, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(ours.local.attention, theirs.local.attention, rtol=1e-4, atol=1e-4)
