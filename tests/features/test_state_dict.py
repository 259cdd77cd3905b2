"""Weights read without torch."""

import io
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from feature_inputs import random_aliked

from vo_frontend.features.state_dict import parse_state_dict
from vo_frontend.features.weights import WEIGHTS, find_local

CPU_RUN = """
import sys
import numpy as np
from vo_frontend.features import load_extractor
extractor = load_extractor("vof-t16", max_keypoints=50, device="cpu")
assert len(extractor.extract(np.random.default_rng(0).integers(0, 256, (96, 128), np.uint8))) == 50
assert "torch" not in sys.modules
"""


def saved(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def test_the_arrays_are_the_tensors_that_were_saved() -> None:
    state = random_aliked().state_dict()
    state["a part of a storage"] = torch.arange(24.0).reshape(4, 6)[1:3, ::2].T
    state["a number"] = torch.tensor(7)
    state["nothing"] = torch.empty(0, 3)
    arrays = parse_state_dict(saved(state))
    assert list(arrays) == list(state)
    for name, tensor in state.items():
        np.testing.assert_array_equal(arrays[name], tensor.numpy())
        assert arrays[name].dtype == tensor.numpy().dtype


@pytest.mark.parametrize("name", sorted(WEIGHTS))
def test_registered_weights_are_read_as_torch_reads_them(name: str) -> None:
    path = find_local(name)
    if path is None:
        pytest.skip(f"{name}.pth is not on this machine")
    arrays = parse_state_dict(path.read_bytes())
    state = torch.load(path, map_location="cpu", weights_only=True)
    assert list(arrays) == list(state)
    for key, tensor in state.items():
        np.testing.assert_array_equal(arrays[key], tensor.numpy())


@pytest.mark.parametrize(
    "content", [Path("/tmp"), random_aliked(), {"a": torch.zeros(3, dtype=torch.float64)}]
)
def test_a_file_of_anything_else_is_refused_and_makes_no_object(content: object) -> None:
    with pytest.raises(pickle.UnpicklingError, match="expected a state dict"):
        parse_state_dict(saved(content))


@pytest.mark.slow
def test_extraction_on_the_cpu_does_without_torch() -> None:
    subprocess.run([sys.executable, "-c", CPU_RUN], check=True)
