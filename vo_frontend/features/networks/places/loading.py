"""Backbones and networks for places by name, with their weights."""

import io
from pathlib import Path

import torch

from vo_frontend.errors import VoError, WeightsError, did_you_mean
from vo_frontend.features.loading import load_weights, make_network
from vo_frontend.features.networks.aliked.network import AlikedNetwork
from vo_frontend.features.networks.aliked.variants import ALIKED_VARIANTS
from vo_frontend.features.networks.places.aliked_backbone import AlikedBackbone
from vo_frontend.features.networks.places.backbone import Backbone
from vo_frontend.features.networks.places.layouts import load_torchvision_resnet
from vo_frontend.features.networks.places.lite0_middle import Lite0Middle
from vo_frontend.features.networks.places.lite0_weights import load_lite0
from vo_frontend.features.networks.places.network import (
    LITE0_SIZES,
    RESNET_SIZES,
    HeadSizes,
    PlaceNetwork,
    make_delg,
)
from vo_frontend.features.networks.places.resnet import BLOCKS
from vo_frontend.features.networks.places.state import Layout, load_state, read_state
from vo_frontend.features.weights import (
    OWN_WEIGHTS,
    Progress,
    WeightsFile,
    find_or_download,
    read_verified,
)

BACKBONES = ("lite0", "lite0-middle", *BLOCKS, *ALIKED_VARIANTS)
THESE_HEADS = Layout("these heads", lambda ours: ours)
DELG_LITE0 = WeightsFile(
    "delg-lite0", "", 859507, "e28c7ec19b1c773ac9e790813ee402ff28fbcd0c5fa5404904e95f9f088a9ac5"
)
ALIKED_SIZES = HeadSizes(embedding=128, code=16, hidden=32)  # no more than the tiny trunk has channels


def load_backbone(
    name: str,
    *,
    weights: Path | None = None,
    weights_dir: Path | None = None,
    report: Progress | None = None,
) -> Backbone:
    """Build a backbone with its weights.

    Args:
        name: one of ``BACKBONES``.
        weights: state dict of torchvision, for a ResNet.
        weights_dir: folder with the official files of ALIKED, see :mod:`vo_frontend.features.weights`.
        report: progress of a download: file name, bytes received, bytes expected.

    Raises:
        VoError: unknown name.
        WeightsError: the weights are nowhere to be found, or do not fit.
    """
    _check_name(name)
    if name == "lite0":
        return load_lite0()
    if name == "lite0-middle":
        return Lite0Middle(load_lite0())
    if name in BLOCKS:
        if weights is None:
            raise WeightsError(f"{name}: comes without weights; name a state dict of torchvision's {name}")
        return load_torchvision_resnet(weights, name)
    network = make_network(name)
    assert isinstance(network, AlikedNetwork)
    load_weights(network, name, find_or_download(name, weights_dir, report))
    return AlikedBackbone(network)


def head_sizes(name: str) -> HeadSizes:
    """Return the sizes of DELG's heads on a backbone of ``BACKBONES``.

    Raises:
        VoError: unknown name.
    """
    _check_name(name)
    if name.startswith("lite0"):
        return LITE0_SIZES
    return RESNET_SIZES if name in BLOCKS else ALIKED_SIZES


def load_heads(network: PlaceNetwork, path: Path) -> None:
    """Load heads that were trained here: ``torch.save`` of ``network.heads().state_dict()``.

    Raises:
        WeightsError: the file cannot be read, or names the tensor that does not fit.
    """
    load_state(network.heads(), read_state(path), THESE_HEADS, str(path))


def load_delg_lite0() -> PlaceNetwork:
    """Build DELG on EfficientNet-lite0 with the heads that the package ships.

    Raises:
        WeightsError: the backbone's package is not installed, or a file was altered.
    """
    network = make_delg(load_backbone("lite0-middle"), LITE0_SIZES, normalizes_first=True)
    path = OWN_WEIGHTS / DELG_LITE0.filename
    state = torch.load(io.BytesIO(read_verified(path, DELG_LITE0)), map_location="cpu", weights_only=True)
    load_state(network.heads(), state, THESE_HEADS, str(path))
    return network


def _check_name(name: str) -> None:
    if name not in BACKBONES:
        raise VoError(f"backbone: unknown name '{name}', {did_you_mean(name, BACKBONES)}")
