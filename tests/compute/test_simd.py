"""Operations on vectors that are more than one instruction."""

from typing import Any

import numpy as np
import pytest
import torch
from numba import njit
from numpy.typing import NDArray

from vo_frontend.compute import simd_lanes
from vo_frontend.compute.simd import LANES, load, prefetch, store, widen
from vo_frontend.compute.simd_lanes import pick, total, transpose

Floats = NDArray[np.float32]


def test_the_sum_of_lanes_counts_each_of_them_once() -> None:
    @njit
    def run(values: Floats) -> np.float32:
        return total(load(values, (0,)))

    for lane in range(LANES):
        values = np.zeros(LANES, np.float32)
        values[lane] = lane + 1
        assert run(values) == lane + 1


@pytest.mark.parametrize("has_instruction", [True, False])
def test_lanes_are_picked_by_number(monkeypatch: pytest.MonkeyPatch, has_instruction: bool) -> None:
    if not has_instruction:
        monkeypatch.setattr(simd_lanes, "PERMUTE", {})

    @njit
    def run(values: Floats, lanes: NDArray[np.int32], target: Floats) -> None:
        prefetch(values, (1, 0))
        store(pick(load(values, (1, 0)), lanes, (1,)), target, (0,))

    rng = np.random.default_rng(0)
    values, lanes = np.zeros((2, LANES), np.float32), rng.integers(0, LANES, LANES + 1).astype(np.int32)
    values[1] = rng.standard_normal(LANES)
    target = np.zeros(LANES, np.float32)
    run(values, lanes, target)
    np.testing.assert_array_equal(target, values[1, lanes[1:]])


@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
def test_a_square_is_copied_with_its_axes_swapped(dtype: type) -> None:
    @njit
    def run(source: NDArray[Any], target: NDArray[Any]) -> None:
        transpose(source, (0, 1, 2), target, (3, 4))

    numbers = np.random.default_rng(0).integers(0, 2**15, (2, LANES + 3, LANES + 7))
    source: NDArray[Any] = numbers.astype(dtype)
    target: NDArray[Any] = np.zeros((LANES + 5, LANES + 9), dtype)
    run(source, target)
    expected: NDArray[Any] = np.zeros_like(target)
    expected[3 : 3 + LANES, 4 : 4 + LANES] = source[0, 1 : 1 + LANES, 2 : 2 + LANES].T
    np.testing.assert_array_equal(target, expected)


def test_bfloat16_is_stored_as_torch_rounds_it_and_read_back_exactly() -> None:
    @njit
    def copy(source: NDArray[Any], target: NDArray[Any]) -> None:
        for k in range(0, len(source), LANES):
            store(load(source, (k,)), target, (k,))

    rng = np.random.default_rng(0)
    halfway = np.array([1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8, 1 + 2**-8 + 2**-20])
    values = np.concatenate(
        [halfway, rng.standard_normal(2**12 - 4) * np.logspace(-38, 30, 2**12 - 4)]
    ).astype(np.float32)
    stored, back = np.zeros(len(values), np.uint16), np.zeros(len(values), np.float32)
    copy(values, stored)
    expected = torch.tensor(values).bfloat16()
    np.testing.assert_array_equal(stored, expected.view(torch.int16).numpy().view(np.uint16))
    copy(stored, back)
    np.testing.assert_array_equal(back, expected.float().numpy())

    @njit
    def read(source: NDArray[Any], target: Floats) -> None:
        for k in range(len(source)):
            target[k] = widen(source[k])

    for source in (stored, back):
        read(source, values)
        np.testing.assert_array_equal(values, back)
