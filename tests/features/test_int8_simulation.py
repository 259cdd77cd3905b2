"""8 bits are simulated where they are meant, and nowhere else."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch
import torch.nn.functional as F

from vo_frontend.features.loading import make_network

TOOL = Path(__file__).parents[2] / "tools" / "simulate_int8.py"


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(TOOL.parent)
    spec = importlib.util.spec_from_file_location("simulate_int8", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_values_move_by_half_a_step_at_most_and_zero_stays(tool: ModuleType) -> None:
    values = torch.linspace(-0.3, 1.7, 1001)
    values[400] = 0.0
    moved = tool.rounded(values, 256)
    assert moved[400] == 0.0
    assert len(moved.unique()) <= 256
    assert (
        float((moved - values).abs().max()) <= 2.0 / 255 * 1.01
    )  # a step at the ends, where zero was rounded


def test_each_output_channel_has_steps_of_its_own(tool: ModuleType) -> None:
    weights = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    weights[2] *= 100.0
    moved = tool.rounded(weights, 256, (1, 2, 3))
    error = (moved - weights).abs().amax((1, 2, 3)) / weights.abs().amax((1, 2, 3))
    assert float(error.max()) <= 0.5 / 127 * 1.001


def test_offsets_and_the_first_layer_stay_exact(tool: ModuleType) -> None:
    network = make_network("aliked-t16").for_inference()
    values = torch.rand(1, 32, 12, 12, generator=torch.Generator().manual_seed(0))
    parameters = dict(network.named_parameters())
    with tool.RoundedConvolutions(network, input_bits=8):
        rounded = {
            name: _convolve(values, parameters[name]) for name in parameters if name.endswith("weight")
        }
    exact = {name: _convolve(values, parameters[name]) for name in rounded}
    same = {name for name in rounded if torch.equal(rounded[name], exact[name])}
    assert "block1.conv1.weight" in same
    assert any("offset_conv" in name for name in same)
    assert all(any(part in name for part in tool.SPARED) for name in same)


def _convolve(values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    return F.conv2d(values[:, : weights.shape[1]].repeat(1, -(-weights.shape[1] // 32), 1, 1), weights)
