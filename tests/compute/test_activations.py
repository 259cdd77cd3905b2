"""Activations against NumPy in double precision."""

from collections.abc import Callable

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray

from vo_frontend.compute import activations
from vo_frontend.compute.simd import LANES, Vector, load, store
from vo_frontend.compute.simd_pairs import HAS_PAIRS

Floats = NDArray[np.float32]


def apply(function: Callable[[Vector], Vector]) -> Callable[[Floats], NDArray[np.float64]]:
    """Compile a function of vectors as one of arrays (N,), N a multiple of LANES."""

    @njit
    def run(values: Floats, result: Floats) -> None:
        for k in range(0, len(values), LANES):
            store(function(load(values, (k,))), result, (k,))

    def apply_to(values: Floats) -> NDArray[np.float64]:
        result = np.empty_like(values)
        run(values, result)
        return result.astype(np.float64)

    return apply_to


def test_activations_are_as_exact_as_single_precision_allows() -> None:
    x = np.concatenate([np.linspace(-120, 30, 2**14), np.linspace(-1e-3, 1e-3, 2**10)]).astype(np.float32)
    exact = x.astype(np.float64)
    alpha, scale = 1.6732632423543772, 1.0507009873554805
    expected = scale * np.where(exact > 0, exact, alpha * np.expm1(np.minimum(exact, 0)))
    error = np.abs(apply(activations.selu)(x) - expected)
    assert np.all(error <= 2.5e-7 * np.maximum(1, np.abs(expected)))
    error = np.abs(apply(activations.sigmoid)(x) - 1 / (1 + np.exp(-exact)))
    assert error.max() <= 1.5e-7


@pytest.mark.skipif(not HAS_PAIRS, reason="this processor has no AVX512-BF16")
def test_the_short_selu_errs_by_a_tenth_of_what_bfloat16_rounds() -> None:
    x = np.concatenate([np.linspace(-1e4, -20, 2**8), np.linspace(-20, 30, 2**14), np.zeros(LANES)])
    exact = x.astype(np.float32).astype(np.float64)
    expected = 1.0507009873554805 * np.where(
        exact > 0, exact, 1.6732632423543772 * np.expm1(np.minimum(exact, 0))
    )
    found = apply(activations.short_selu)(x.astype(np.float32))
    assert np.all(np.abs(found - expected) <= np.maximum(2e-4, 1e-6 * np.abs(expected)))
    np.testing.assert_array_equal(found[-LANES:], 0)
