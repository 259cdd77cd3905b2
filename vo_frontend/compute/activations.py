"""Activation functions on vectors of float32."""

import numpy as np

from vo_frontend.compute.compilation import part
from vo_frontend.compute.simd import (
    ROUNDING,
    Vector,
    add,
    divide,
    fma,
    larger,
    multiply,
    rounded_power_of_two,
    smaller,
    splat,
    subtract,
)
from vo_frontend.compute.simd_pairs import fraction, scale_by_power

SELU_SCALE = np.float32(1.0507009873554805)
SELU_NEGATIVE = np.float32(1.0507009873554805 * 1.6732632423543772)
ZERO, ONE, TWO, MINUS_ONE = np.float32(0), np.float32(1), np.float32(2), np.float32(-1)
LOG2_E = np.float32(1.4426950408889634)
LOWEST, HIGHEST = np.float32(-126), np.float32(126)  # powers of two that float32 holds
# (2**f - 1) / f for |f| <= 1/2 within 1.6e-8, highest power first; minimax.
C5, C4, C3 = np.float32(1.5469701611e-4), np.float32(1.3390866807e-3), np.float32(9.6180308610e-3)
C2, C1, C0 = np.float32(5.5503569543e-2), np.float32(2.4022650719e-1), np.float32(6.9314718246e-1)
# 2**f within 1.03e-4 of itself for 0 <= f <= 1, and exactly 1 and 2 at the ends.
S1, S2, S3 = np.float32(0.69542435), np.float32(0.22630768), np.float32(0.07826797)
NEGATIVE_S1, NEGATIVE_S2, NEGATIVE_S3 = SELU_NEGATIVE * S1, SELU_NEGATIVE * S2, SELU_NEGATIVE * S3


@part
def power_of_two_minus_one(x: Vector) -> Vector:
    """Compute 2**x - 1 for -126 <= x <= 126, within 2e-7 of max(1, 2**x)."""
    shifted = add(x, splat(np.float32(ROUNDING)))
    f = subtract(x, subtract(shifted, splat(np.float32(ROUNDING))))
    p = fma(fma(splat(C5), f, splat(C4)), f, splat(C3))
    p = multiply(fma(fma(fma(p, f, splat(C2)), f, splat(C1)), f, splat(C0)), f)
    scale = rounded_power_of_two(shifted)
    return fma(scale, p, add(scale, splat(MINUS_ONE)))


@part
def selu(x: Vector) -> Vector:
    """Apply the scaled exponential linear unit (G. Klambauer et al., NeurIPS 2017)."""
    exponent = smaller(multiply(x, splat(LOG2_E)), splat(ZERO))
    negative = power_of_two_minus_one(larger(exponent, splat(LOWEST)))
    return fma(negative, splat(SELU_NEGATIVE), multiply(larger(x, splat(ZERO)), splat(SELU_SCALE)))


@part
def short_selu(x: Vector) -> Vector:
    """Apply ``selu`` within 2e-4, a tenth of what rounding 1 to bfloat16 costs; needs ``HAS_PAIRS``."""
    exponent = smaller(multiply(x, splat(LOG2_E)), splat(ZERO))
    f = fraction(exponent)
    p = fma(
        fma(fma(splat(NEGATIVE_S3), f, splat(NEGATIVE_S2)), f, splat(NEGATIVE_S1)), f, splat(SELU_NEGATIVE)
    )
    positive = fma(larger(x, splat(ZERO)), splat(SELU_SCALE), splat(-SELU_NEGATIVE))
    return add(scale_by_power(p, exponent), positive)


@part
def sigmoid(x: Vector) -> Vector:
    """Compute 1 / (1 + exp(-x))."""
    exponent = smaller(larger(multiply(x, splat(-LOG2_E)), splat(LOWEST)), splat(HIGHEST))
    return divide(splat(ONE), add(power_of_two_minus_one(exponent), splat(TWO)))
