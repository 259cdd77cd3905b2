"""Random weights, named as each PyTorch project does, give the features of the network they came from."""

from pathlib import Path

import pytest
import torch
from place_inputs import noise, randomize
from place_weight_inputs import SIZES, State, assert_same_features, blocks, random_resnet50, torchvision_state
from torch import Tensor, nn

from vo_frontend.features.networks.places.heads import GlobalHead, HiddenHead
from vo_frontend.features.networks.places.layouts import (
    load_cnnimageretrieval,
    load_pytorch_delg,
    load_torchvision_resnet,
)
from vo_frontend.features.networks.places.network import PlaceNetwork
from vo_frontend.features.networks.places.resnet import ResNetBackbone, ResNetConfig


@pytest.fixture(scope="module")
def resnet50() -> ResNetBackbone:
    return random_resnet50()


def put(state: State, name: str, module: nn.Module) -> None:
    """Write the tensors of a layer under its name, as PyTorch does."""
    state.update({f"{name}.{key}": value.clone() for key, value in module.state_dict().items()})


def port_state(network: PlaceNetwork) -> State:
    """The layout of feymanpriv/DELG, inside a parallel wrapper."""
    assert isinstance(network.backbone, ResNetBackbone)
    assert network.global_head is not None
    assert network.local_head is not None
    state: State = {}
    put(state, "globalmodel.stem.conv", network.backbone.conv1)
    state["globalmodel.stem.conv.weight"] = state["globalmodel.stem.conv.weight"][:, [2, 1, 0]]  # sees BGR
    put(state, "globalmodel.stem.bn", network.backbone.bn1)
    for stage, index, block in blocks(network.backbone):
        prefix = f"globalmodel.s{stage}.b{index + 1}"
        for letter, conv, norm in (
            ("a", block.conv1, block.bn1),
            ("b", block.conv2, block.bn2),
            ("c", block.conv3, block.bn3),
        ):
            put(state, f"{prefix}.f.{letter}", conv)
            put(state, f"{prefix}.f.{letter}_bn", norm)
        if block.downsample is not None:
            put(state, f"{prefix}.proj", block.downsample[0])
            put(state, f"{prefix}.bn", block.downsample[1])
    assert network.global_head.whitening is not None
    put(state, "globalmodel.head.fc", network.global_head.whitening)
    state["globalmodel.head.pool.p"] = network.global_head.power.clone()
    put(state, "localmodel.conv1", network.local_head.attention.conv1)
    put(state, "localmodel.bn", network.local_head.attention.norm)
    put(state, "localmodel.conv2", network.local_head.attention.conv2)
    state["desc_cls.weight"] = torch.zeros(7, SIZES.embedding)
    return {f"module.{key}": value for key, value in state.items()}


def retrieval_state(network: PlaceNetwork) -> State:
    """The layout of cnnimageretrieval: the children of torchvision's network by number."""
    assert isinstance(network.backbone, ResNetBackbone)
    assert network.global_head is not None
    backbone, state = network.backbone, dict[str, Tensor]()
    children = {0: backbone.conv1, 1: backbone.bn1}  # 2 is the ReLU, 3 the max pool
    children |= {4: backbone.layer1, 5: backbone.layer2, 6: backbone.layer3, 7: backbone.layer4}
    for number, module in children.items():
        put(state, f"features.{number}", module)
    assert network.global_head.whitening is not None
    put(state, "whiten", network.global_head.whitening)
    return {**state, "pool.p": network.global_head.power.clone()}


@torch.inference_mode()
def test_torchvision_weights_give_equal_maps(resnet50: ResNetBackbone, tmp_path: Path) -> None:
    torch.save(torchvision_state(resnet50), tmp_path / "resnet50.pth")
    loaded = load_torchvision_resnet(tmp_path / "resnet50.pth", "resnet50").eval()
    for ours, theirs in zip(loaded(noise(96, 128)), resnet50(noise(96, 128)), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("strides_in_1x1", [True, False])
def test_weights_of_the_pytorch_port_give_equal_features(
    resnet50: ResNetBackbone, tmp_path: Path, strides_in_1x1: bool
) -> None:
    backbone = ResNetBackbone(ResNetConfig(strides_in_1x1=strides_in_1x1))
    backbone.load_state_dict(resnet50.state_dict())
    global_head, local_head = GlobalHead(2048, SIZES.embedding), HiddenHead(1024, SIZES.hidden)
    randomize(global_head)
    randomize(local_head)
    global_head.power.fill_(2.5)  # learned there
    network = PlaceNetwork(backbone, global_head, local_head).eval()
    torch.save({"epoch": 3, "model_state": port_state(network), "cfg": "x"}, tmp_path / "port.pyth")
    loaded = load_pytorch_delg(tmp_path / "port.pyth", "resnet50", strides_in_1x1=strides_in_1x1)
    assert_same_features(loaded, network)


def test_weights_of_cnnimageretrieval_give_equal_features(resnet50: ResNetBackbone, tmp_path: Path) -> None:
    global_head = GlobalHead(2048, SIZES.embedding, normalizes_first=True)
    randomize(global_head)
    global_head.power.fill_(2.8)
    network = PlaceNetwork(resnet50, global_head).eval()
    meta = {"architecture": "resnet50", "mean": [0.485, 0.456, 0.406]}
    torch.save({"meta": meta, "state_dict": retrieval_state(network)}, tmp_path / "gem.pth")
    assert_same_features(load_cnnimageretrieval(tmp_path / "gem.pth", "resnet50"), network)
