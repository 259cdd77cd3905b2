"""Files that hold no weights, or not those of this network: one line each, and nothing is executed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from place_weight_inputs import State, random_resnet50, torchvision_state

from vo_frontend.errors import WeightsError
from vo_frontend.features.networks.places.layouts import load_torchvision_resnet
from vo_frontend.features.networks.places.resnet import ResNetBackbone
from vo_frontend.features.networks.places.state import read_state


@pytest.fixture(scope="module")
def resnet50() -> ResNetBackbone:
    return random_resnet50()


def without(name: str) -> Callable[[State], State]:
    return lambda state: {key: value for key, value in state.items() if key != name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("layer3.0.conv2.weight"), "no tensor 'layer3.0.conv2.weight'"),
        (
            lambda state: {**state, "bn1.bias": torch.zeros(3)},
            r"'bn1.bias' has shape \(3,\).*expected \(64,\)",
        ),
        (
            lambda state: {**state, "layer5.bias": torch.zeros(3)},
            "'layer5.bias' is no tensor of torchvision's",
        ),
        (lambda state: {"weights": {"bn1.bias": torch.zeros(3)}}, "holds no tensors by name"),
    ],
)
def test_a_tensor_that_does_not_fit_is_one_line_that_names_it(
    resnet50: ResNetBackbone, tmp_path: Path, change: Callable[[State], Any], message: str
) -> None:
    path = tmp_path / "weights.pth"
    torch.save(change(torchvision_state(resnet50)), path)
    with pytest.raises(WeightsError, match=message) as error:
        load_torchvision_resnet(path, "resnet50")
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["weights.pth", "weights.npz"])
def test_files_that_hold_no_weights_are_one_line_each(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(WeightsError, match="cannot be read"):
        read_state(path)
    path.write_bytes(b"no weights at all")
    with pytest.raises(WeightsError, match=name) as error:
        read_state(path)
    assert "\n" not in str(error.value)


def test_nothing_but_tensors_is_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"state_dict": {}, "path": tmp_path}, path)
    with pytest.raises(WeightsError, match="more than tensors"):
        read_state(path)
    np.savez(tmp_path / "weights.npz", bad=np.array([tmp_path], dtype=object))
    with pytest.raises(WeightsError, match="cannot be read"):
        read_state(tmp_path / "weights.npz")
