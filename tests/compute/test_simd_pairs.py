"""Pairs of bfloat16 against float32 arithmetic on what they are rounded to."""

from typing import Any

import numpy as np
import pytest
import torch
from numba import njit
from numpy.typing import NDArray

from vo_frontend.compute.simd import LANES, load, store
from vo_frontend.compute.simd_pairs import (
    HALF_LANES,
    HAS_PAIRS,
    fraction,
    half_of,
    is_paired,
    multiply_add,
    pair_up,
    paired,
    scale_by_power,
    store_interleaved,
    store_joined,
    transpose_pairs,
)

Floats = NDArray[np.float32]
Pairs = NDArray[np.uint32]
needs_pairs = pytest.mark.skipif(not HAS_PAIRS, reason="this processor has no AVX512-BF16")


def random(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def rounded(values: Floats) -> Floats:
    """What torch rounds to bfloat16."""
    return np.asarray(torch.tensor(values).bfloat16().float().numpy())


def halves(pairs: Pairs) -> Floats:
    """The lower and the upper half of pairs (...), (..., 2)."""
    both = np.stack([pairs << np.uint32(16), pairs & np.uint32(0xFFFF0000)], axis=-1)
    return np.ascontiguousarray(both).view(np.float32)


@pytest.mark.parametrize("channels", [4, 5])
def test_channels_are_paired_as_torch_rounds_them_and_filled_up_by_zero(channels: int) -> None:
    values = random(100, channels)
    values[0, :2] = 1 + 2**-8, 1 + 3 * 2**-8  # halfway between two
    back = halves(pair_up(values)).reshape(100, -1)
    np.testing.assert_array_equal(back[:, :channels], rounded(values))
    assert not back[:, channels:].any()


def test_scalars_are_paired_and_read_back() -> None:
    @njit
    def run(low: np.float32, high: np.float32, target: Pairs, back: Floats) -> None:
        target[0] = paired(low, high)
        back[0], back[1] = half_of(target[0], 0), half_of(target[0], 3)

    target, back = np.zeros(1, np.uint32), np.zeros(2, np.float32)
    for low, high in random(50, 2):
        run(low, high, target, back)
        np.testing.assert_array_equal(target, pair_up(np.array([low, high])))
        np.testing.assert_array_equal(back, rounded(np.array([low, high])))


@pytest.mark.parametrize("dtype", [np.float32, np.uint16, np.uint32])
def test_kernels_know_which_arrays_hold_pairs(dtype: type) -> None:
    @njit
    def run(array: NDArray[Any]) -> bool:
        return is_paired(array)

    assert run(np.zeros(1, dtype)) == (dtype is np.uint32)


@pytest.mark.parametrize("dtype", [np.float32, np.uint16, np.uint32])
def test_a_weight_multiplies_what_it_is_a_pair_of_or_not(dtype: type) -> None:
    if dtype is np.uint32 and not HAS_PAIRS:
        pytest.skip("this processor has no AVX512-BF16")

    @njit
    def run(weight: NDArray[Any], a: NDArray[Any], b: Floats, target: Floats) -> None:
        store(multiply_add(weight[0], load(a, (0,)), load(b, (0,))), target, (0,))

    weight, values, b = random(1, 2), random(LANES, 2, seed=1), random(LANES, seed=2)
    target = np.zeros(LANES, np.float32)
    if dtype is np.uint32:
        run(pair_up(weight)[:, 0], pair_up(values)[:, 0], b, target)
        expected = b + rounded(values) @ rounded(weight)[0]
    elif dtype is np.uint16:
        run(pair_up(weight)[:, 0].astype(np.uint16), np.ascontiguousarray(values[:, 0]), b, target)
        expected = b + rounded(weight)[0, 0] * values[:, 0]
    else:
        run(weight[:, 0], np.ascontiguousarray(values[:, 0]), b, target)
        expected = b + weight[0, 0] * values[:, 0]
    np.testing.assert_allclose(target, expected, rtol=1e-6, atol=1e-6)


@needs_pairs
def test_vectors_are_rounded_side_by_side_or_one_channel_with_the_next() -> None:
    @njit
    def run(values: Floats, interleaved: Pairs, joined: Pairs) -> None:
        store_interleaved(load(values, (0, 0)), load(values, (1, 0)), interleaved, (1, 3))
        store_joined(load(values, (0, 0)), joined, (1, 2))

    values = random(2, LANES)
    values[0, :2] = 1 + 2**-8, 1 + 3 * 2**-8
    interleaved, joined = np.zeros((2, LANES + 5), np.uint32), np.zeros((2, HALF_LANES + 5), np.uint32)
    run(values, interleaved, joined)
    np.testing.assert_array_equal(interleaved[1, 3:-2], pair_up(values.T)[:, 0])
    np.testing.assert_array_equal(joined[1, 2:-3], pair_up(values[0]))
    for untouched in (interleaved[1, :3], interleaved[1, -2:], joined[1, :2], joined[1, -3:]):
        assert not untouched.any()


@needs_pairs
def test_half_a_square_of_pairs_is_copied_with_its_axes_swapped() -> None:
    @njit
    def run(source: Pairs, target: Pairs) -> None:
        transpose_pairs(source, (0, 1, 2), target, (3, 4))

    rng = np.random.default_rng(0)
    source = rng.integers(0, 2**32, (1, HALF_LANES + 3, LANES + 7), dtype=np.uint32)
    target = np.zeros((LANES + 5, HALF_LANES + 9), np.uint32)
    run(source, target)
    expected = np.zeros_like(target)
    expected[3 : 3 + LANES, 4 : 4 + HALF_LANES] = source[0, 1 : 1 + HALF_LANES, 2 : 2 + LANES].T
    np.testing.assert_array_equal(target, expected)


@needs_pairs
def test_powers_of_two_fall_into_whole_part_and_fraction() -> None:
    @njit
    def run(values: Floats, fractions: Floats, scaled: Floats) -> None:
        for k in range(0, len(values), LANES):
            store(fraction(load(values, (k,))), fractions, (k,))
            store(scale_by_power(load(values, (0,)), load(values, (k,))), scaled, (k,))

    values = (20 * random(4 * LANES)).astype(np.float32)
    fractions, scaled = np.zeros_like(values), np.zeros_like(values)
    run(values, fractions, scaled)
    np.testing.assert_array_equal(fractions, values - np.floor(values))
    np.testing.assert_array_equal(scaled, np.tile(values[:LANES], 4) * np.exp2(np.floor(values)))
