"""Loads DELG networks and their backbones from weights in the layouts of four projects.

None of the files comes with this package; each function says where its weights are from.
"""

import re
from pathlib import Path

import torch
from torch import Tensor

from vo_frontend.features.networks.places.heads import GlobalHead, HiddenHead
from vo_frontend.features.networks.places.network import RESNET_SIZES, HeadSizes, PlaceNetwork, make_delg
from vo_frontend.features.networks.places.pooling import GEM_POWER
from vo_frontend.features.networks.places.resnet import (
    BLOCKS,
    ResNetBackbone,
    ResNetConfig,
    keras_config,
    torchvision_config,
)
from vo_frontend.features.networks.places.state import Layout, State, load_state, read_state

KERAS_WEIGHTS = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
KERAS_BRANCHES = {"1": "2a", "2": "2b", "3": "2c"}  # by the number in our name; 1 is the projection
KERAS_LAYERS = {
    "backbone.conv1": "conv1",
    "backbone.bn1": "bn_conv1",
    "global_head.whitening": "embedding_layer",
    "local_head.attention.conv1": "attn_conv1",
    "local_head.attention.norm": "attention/bn_conv1",  # a second layer of that name
    "local_head.attention.conv2": "attn_conv2",
    "local_head.autoencoder.encode": "autoenc_conv1",
    "local_head.autoencoder.decode": "autoenc_conv2",
}
PYCLS_CONVOLUTIONS = {"1": "a", "2": "b", "3": "c"}
PORT_LAYERS = {
    "backbone.conv1": "globalmodel.stem.conv",
    "backbone.bn1": "globalmodel.stem.bn",
    "global_head.whitening": "globalmodel.head.fc",
    "local_head.attention.conv1": "localmodel.conv1",
    "local_head.attention.norm": "localmodel.bn",
    "local_head.attention.conv2": "localmodel.conv2",
}
BLOCK_NAME = re.compile(r"backbone\.layer(\d)\.(\d+)\.(conv|bn|downsample\.)(\d)\.(\w+)")


def load_torchvision_resnet(path: Path, name: str) -> ResNetBackbone:
    """Load a backbone from torchvision's state dict of "resnet50" or "resnet101".

    Raises:
        WeightsError: the file cannot be read, or names the tensor that does not fit.
    """
    backbone = ResNetBackbone(torchvision_config(name))
    layout = Layout(f"torchvision's {name}", lambda ours: ours, ignored=("fc.",))
    load_state(backbone, read_state(path), layout, str(path))
    return backbone


def load_keras_delg(path: Path, *, subsamples_local: bool = False) -> PlaceNetwork:
    """Load DELG with ResNet-50 from the variables of the authors' Keras model (tensorflow/models).

    Args:
        path: ``numpy.savez`` or ``torch.save`` of all variables under ``<part>/<layer>/<variable>``, e.g.
            "backbone/res4a_branch2a/kernel", "attention/bn_conv1/gamma"; what precedes the part, and
            ":0" behind it, does not matter.
        subsamples_local: local features with a stride of 32 px, as some of their models have.

    Raises:
        WeightsError: the file cannot be read, or names the tensor that does not fit.
    """
    state = _without_biases({_keras_name(name): value for name, value in read_state(path).items()})
    sizes = HeadSizes(
        _num_outputs(state, "embedding_layer/kernel", RESNET_SIZES.embedding),
        _num_outputs(state, "autoenc_conv1/kernel", RESNET_SIZES.code),
        _num_outputs(state, "attn_conv1/kernel", RESNET_SIZES.hidden),
    )
    backbone = ResNetBackbone(keras_config("resnet50", subsamples_local))
    network = make_delg(backbone, sizes, norm_eps=backbone.config.norm_eps)
    ignored = ("desc_fc/", "att_fc/", "cosine_weights", "scale_factor")
    layout = Layout("DELG in Keras with ResNet-50", _keras_name_of, _from_keras, ignored)
    fixed = {"gem/power": torch.tensor([GEM_POWER])}  # a constant of their code, no variable
    load_state(network, {**fixed, **state}, layout, str(path))
    return network


def load_pytorch_delg(path: Path, name: str, *, strides_in_1x1: bool = True) -> PlaceNetwork:
    """Load DELG from a checkpoint of the PyTorch port feymanpriv/DELG, which has no autoencoder.

    Args:
        path: its checkpoint.
        name: "resnet50" or "resnet101".
        strides_in_1x1: its RESNET.STRIDE_1X1, which the checkpoint does not tell.

    Raises:
        WeightsError: the file cannot be read, or names the tensor that does not fit.
    """
    state = read_state(path)
    backbone = ResNetBackbone(ResNetConfig(BLOCKS[name], strides_in_1x1=strides_in_1x1))
    embedding = _num_outputs(state, "globalmodel.head.fc.weight", 512)
    hidden = _num_outputs(state, "localmodel.conv1.weight", RESNET_SIZES.hidden)
    global_head = GlobalHead(backbone.global_channels, embedding)
    network = PlaceNetwork(backbone, global_head, HiddenHead(backbone.local_channels, hidden))
    layout = Layout(f"feymanpriv/DELG with {name}", _port_name_of, _from_port, ("desc_cls.", "att_cls."))
    load_state(network, state, layout, str(path))
    return network


def load_cnnimageretrieval(path: Path, name: str) -> PlaceNetwork:
    """Load GeM and whitening from a network of filipradenovic/cnnimageretrieval-pytorch; no local head.

    Args:
        path: its checkpoint, or only the state dict of it.
        name: "resnet50" or "resnet101".

    Raises:
        WeightsError: the file cannot be read, or names the tensor that does not fit.
    """
    state = read_state(path)
    backbone = ResNetBackbone(torchvision_config(name))
    embedding = _num_outputs(state, "whiten.weight", 0) or None
    network = PlaceNetwork(backbone, GlobalHead(backbone.global_channels, embedding, normalizes_first=True))
    layout = Layout(f"cnnimageretrieval with {name}, GeM", _retrieval_name_of)
    load_state(network, state, layout, str(path))
    return network


def _num_outputs(state: State, name: str, default: int) -> int:
    """Read a size from the weights; Keras keeps outputs last, PyTorch first. A missing one is found later."""
    if name not in state or state[name].ndim < 2:
        return default
    return state[name].shape[-1 if name.endswith("/kernel") else 0]


def _keras_name(variable: str) -> str:
    """Return "<layer>/<variable>", with the part before it where two layers share a name."""
    parts = variable.removesuffix(":0").split("/")
    is_second = len(parts) > 2 and parts[-2] == "bn_conv1" and "attention" in parts[:-2]
    return "/".join(parts[-3:] if is_second and parts[-3] == "attention" else parts[-2:])


def _without_biases(state: State) -> dict[str, Tensor]:
    """Subtract the bias of each convolution from the mean of the batch normalisation behind it."""
    folded = dict(state)
    for name in state:
        layer, _, variable = name.partition("/")
        norm = "bn_conv1" if layer == "conv1" else f"bn{layer[3:]}"
        mean = f"{norm}/moving_mean"
        is_convolution = layer == "conv1" or layer.startswith("res")
        if variable == "bias" and is_convolution and mean in state:
            folded[mean] = state[mean] - folded.pop(name)
    return folded


def _keras_name_of(ours: str) -> str:
    """Name "backbone.layer3.0.conv1.weight" as "res4a_branch2a/kernel"."""
    if ours == "global_head.power":
        return "gem/power"
    if match := BLOCK_NAME.fullmatch(ours):
        stage, block, kind, number, weight = match.groups()
        is_norm = kind == "bn" or (kind == "downsample." and number == "1")
        branch = "1" if kind == "downsample." else KERAS_BRANCHES[number]
        layer = f"{'bn' if is_norm else 'res'}{int(stage) + 1}{'abcdef'[int(block)]}_branch{branch}"
    else:
        part, _, weight = ours.rpartition(".")
        layer = KERAS_LAYERS[part]
        is_norm = "bn_conv1" in layer
    return f"{layer}/{KERAS_WEIGHTS[weight] if is_norm else weight.replace('weight', 'kernel')}"


def _from_keras(ours: str, tensor: Tensor) -> Tensor:
    """Turn HWIO kernels into OIHW, and (inputs, outputs) into (outputs, inputs)."""
    if tensor.ndim == 4:
        return tensor.permute(3, 2, 0, 1)
    return tensor.T if tensor.ndim == 2 else tensor


def _port_name_of(ours: str) -> str:
    """Name "backbone.layer3.0.conv1.weight" as "globalmodel.s3.b1.f.a.weight"."""
    if ours == "global_head.power":
        return "globalmodel.head.pool.p"
    if match := BLOCK_NAME.fullmatch(ours):
        stage, block, kind, number, weight = match.groups()
        prefix = f"globalmodel.s{stage}.b{int(block) + 1}"
        if kind == "downsample.":
            return f"{prefix}.{'proj' if number == '0' else 'bn'}.{weight}"
        return f"{prefix}.f.{PYCLS_CONVOLUTIONS[number]}{'_bn' if kind == 'bn' else ''}.{weight}"
    part, _, weight = ours.rpartition(".")
    return f"{PORT_LAYERS[part]}.{weight}"


def _from_port(ours: str, tensor: Tensor) -> Tensor:
    """Turn the first convolution, which sees BGR, to RGB."""
    return tensor.flip(1) if ours == "backbone.conv1.weight" and tensor.ndim == 4 else tensor


def _retrieval_name_of(ours: str) -> str:
    """Name "backbone.layer3.0.conv1.weight" as "features.6.0.conv1.weight"."""
    if ours == "global_head.power":
        return "pool.p"
    name = ours.replace("global_head.whitening.", "whiten.")
    name = name.replace("backbone.conv1.", "features.0.").replace("backbone.bn1.", "features.1.")
    return re.sub(r"^backbone\.layer(\d)", lambda match: f"features.{int(match[1]) + 3}", name)
