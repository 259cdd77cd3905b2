"""Activations against NumPy in double precision."""

from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.typing import NDArray

from vo_frontend.compute import activations
from vo_frontend.compute.simd import LANES, Vector, load, store

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
