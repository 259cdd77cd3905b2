"""Read unit-length features from the levels of a pyramid, forwards and backwards, one pixel at a time.

Levels are (h, w, C) float32 arrays, finest first, at least 2x2, C a multiple of ``LANES``. The dense map at
pixel (x, y) of the finest level is the concatenation of all levels, bilinear with aligned corners. P samples
are weighted sums of K such features, each scaled to unit length.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.compilation import exact_kernel, part
from vo_frontend.compute.simd import LANES, add, fma, load, multiply, splat, store
from vo_frontend.compute.simd_lanes import total

Array = NDArray[np.float32]
ZERO, ONE = np.float32(0), np.float32(1)
EPSILON = np.float32(1e-12)  # as torch.nn.functional.normalize


@exact_kernel
def sample_units(levels: tuple[Array, ...], x: Any, y: Any, weight: Array) -> Array:
    """Sample P weighted sums of K features at integer pixels of the finest level.

    levels: (h, w, C) each; x, y: (P, K) int64; weight: (P, K). Returns (P, dim), dim = 4 C.
    """
    finest, level2, level3, level4 = levels
    feature = np.empty(4 * finest.shape[2], np.float32)
    samples = np.zeros((len(x), len(feature)), np.float32)
    for p in range(x.shape[0]):
        for k in range(x.shape[1]):
            if weight[p, k] != ZERO:
                scale = splat(weight[p, k] / read(finest, level2, level3, level4, x[p, k], y[p, k], feature))
                for c in range(0, len(feature), LANES):
                    store(fma(scale, load(feature, (c,)), load(samples, (p, c))), samples, (p, c))
    return samples


@exact_kernel
def sample_units_backward(
    levels: tuple[Array, ...],
    x: Any,
    y: Any,
    weight: Array,
    gradient: Array,
    level_gradients: tuple[Array, ...],
) -> Array:
    """Differentiate :func:`sample_units` by the levels and the weights.

    gradient: (P, dim) of the samples; level_gradients: (h, w, C) each, added to. Returns (P, K) of weights.
    """
    finest, level2, level3, level4 = levels
    finest_gradient, gradient2, gradient3, gradient4 = level_gradients
    feature = np.empty(4 * finest.shape[2], np.float32)
    weight_gradient = np.empty_like(weight)
    for p in range(x.shape[0]):
        for k in range(x.shape[1]):
            length = read(finest, level2, level3, level4, x[p, k], y[p, k], feature)
            products = splat(ZERO)
            for c in range(0, len(feature), LANES):
                products = fma(load(feature, (c,)), load(gradient, (p, c)), products)
            along = total(products) / length
            weight_gradient[p, k] = along
            if weight[p, k] != ZERO:
                # Of w f / |f|: w (g - u (u . g)) / |f| with u = f / |f|.
                scale, back = splat(weight[p, k] / length), splat(-along / length)
                for c in range(0, len(feature), LANES):
                    value = multiply(scale, fma(back, load(feature, (c,)), load(gradient, (p, c))))
                    store(value, feature, (c,))
                spread(finest_gradient, gradient2, gradient3, gradient4, x[p, k], y[p, k], feature)
    return weight_gradient


@part
def read(finest, level2, level3, level4, x, y, feature):  # type: ignore[no-untyped-def]
    """Write the dense map of levels (h, w, C) at pixel (x, y) to ``feature`` (dim,). Returns its length."""
    size, num_channels = finest.shape[:2], finest.shape[2]
    squares = splat(ZERO)
    for c in range(0, num_channels, LANES):
        value = load(finest, (y, x, c))
        squares = fma(value, value, squares)
        store(value, feature, (c,))
    squares = add(squares, read_level(level2, size, x, y, feature, num_channels))
    squares = add(squares, read_level(level3, size, x, y, feature, 2 * num_channels))
    squares = add(squares, read_level(level4, size, x, y, feature, 3 * num_channels))
    return max(np.sqrt(total(squares)), EPSILON)


@part
def read_level(level, size, x, y, feature, first):  # type: ignore[no-untyped-def]
    """Write one level (h, w, C) at a pixel of the finest to ``feature[first:]`` (C,).

    ``size`` is that of the finest level, (height, width). Returns sums of squares, one vector of lanes.
    """
    top, w_bottom = place(y, size[0], level.shape[0])
    left, w_right = place(x, size[1], level.shape[1])
    w_top, w_left = ONE - w_bottom, ONE - w_right
    squares = splat(ZERO)
    for c in range(0, level.shape[2], LANES):
        value = multiply(splat(w_top * w_left), load(level, (top, left, c)))
        value = fma(splat(w_top * w_right), load(level, (top, left + 1, c)), value)
        value = fma(splat(w_bottom * w_left), load(level, (top + 1, left, c)), value)
        value = fma(splat(w_bottom * w_right), load(level, (top + 1, left + 1, c)), value)
        squares = fma(value, value, squares)
        store(value, feature, (first + c,))
    return squares


@part
def spread(finest, level2, level3, level4, x, y, gradient):  # type: ignore[no-untyped-def]
    """Add the gradient (dim,) of the dense map at pixel (x, y) to those of the levels (h, w, C)."""
    size, num_channels = finest.shape[:2], finest.shape[2]
    for c in range(0, num_channels, LANES):
        accumulate(finest, y, x, c, load(gradient, (c,)), ONE)
    spread_level(level2, size, x, y, gradient, num_channels)
    spread_level(level3, size, x, y, gradient, 2 * num_channels)
    spread_level(level4, size, x, y, gradient, 3 * num_channels)


@part
def spread_level(level, size, x, y, gradient, first):  # type: ignore[no-untyped-def]
    """Add ``gradient[first:]`` (C,) at a pixel of the finest level to the gradient (h, w, C) of one level."""
    top, w_bottom = place(y, size[0], level.shape[0])
    left, w_right = place(x, size[1], level.shape[1])
    w_top, w_left = ONE - w_bottom, ONE - w_right
    for c in range(0, level.shape[2], LANES):
        value = load(gradient, (first + c,))
        accumulate(level, top, left, c, value, w_top * w_left)
        accumulate(level, top, left + 1, c, value, w_top * w_right)
        accumulate(level, top + 1, left, c, value, w_bottom * w_left)
        accumulate(level, top + 1, left + 1, c, value, w_bottom * w_right)


@part
def accumulate(level, y, x, c, value, weight):  # type: ignore[no-untyped-def]
    """Add ``weight * value``, one vector of lanes, to ``level[y, x, c:]`` of (h, w, C)."""
    store(fma(splat(weight), value, load(level, (y, x, c))), level, (y, x, c))


@part
def place(pixel, size, level_size):  # type: ignore[no-untyped-def]
    """Place a pixel of the finest level on an axis of a coarser one: the pixel before, and how far on."""
    position = np.float32(pixel) * (np.float32(level_size - 1) / np.float32(size - 1))
    first = min(np.int64(position), level_size - 2)
    return first, position - np.float32(first)
