"""The sparse deformable descriptor head, with the dense map evaluated only where it is read."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.activations import selu
from vo_frontend.compute.compilation import exact_kernel, part
from vo_frontend.compute.matmul import copy_rows, multiply_rows
from vo_frontend.compute.simd import LANES, add, fma, load, multiply, splat, store, total, widen
from vo_frontend.features.cpu.coarse_blocks import Product, corner
from vo_frontend.features.cpu.convolution import MARGIN, Planar
from vo_frontend.features.cpu.fine_blocks import PaddedSize

BATCH = 24  # keypoints at a time: their samples stay in cache, the large matrix is read once for all of them
PATCH = 9
ZERO, ONE = np.float32(0), np.float32(1)
SHORTEST = np.float32(1e-12)  # vectors are not made longer than this would


class Pyramid(NamedTuple):
    """The four levels of the dense map: the finest as what it is computed from, the others as tables."""

    finest: Planar  # (H, C1, .), output of block 1
    finest_matrix: NDArray[np.float32]  # (C1, Q), followed by SELU
    level2: NDArray[Any]  # (h * w, Q), float32 or bfloat16
    level3: NDArray[np.float32]  # (h * w, Q)
    level4: NDArray[np.float32]  # (h * w, Q)


class DescriptorHead(NamedTuple):
    """Weights of the head, for M positions and dim channels."""

    offsets1: Product  # 9 * dim -> 2 * M, pixel by pixel
    offsets2: Product  # 2 * M -> 2 * M, all dx, then all dy
    features: Product  # dim -> dim
    aggregate: Product  # M * dim -> dim


class Scratch(NamedTuple):
    """Buffers of every thread for BATCH keypoints."""

    patches: NDArray[np.float32]  # (threads, BATCH, 9 * dim)
    hidden: NDArray[np.float32]  # (threads, BATCH, 2 * M)
    offsets: NDArray[np.float32]  # (threads, BATCH, 2 * M)
    sampled: NDArray[np.float32]  # (threads, BATCH * M, dim)
    features: NDArray[np.float32]  # (threads, BATCH, M * dim)
    summed: NDArray[np.float32]  # (threads, BATCH, dim)
    x: NDArray[np.int32]  # (threads, 4 * M) pixels to read
    y: NDArray[np.int32]  # (threads, 4 * M)
    weight: NDArray[np.float32]  # (threads, 4 * M) how much each of them counts
    pixels: NDArray[np.float32]  # (threads, 4 * M, dim)


class Pixels(NamedTuple):
    """Pixels of the image without padding, and the length that the feature there is given."""

    x: NDArray[np.int32]  # (4 * M,)
    y: NDArray[np.int32]  # (4 * M,)
    weight: NDArray[np.float32]  # (4 * M,)


@part
def patch_pixels(x: int, y: int, size: tuple[int, int], pixels: Pixels) -> None:
    """Choose the 3x3 pixels around x, y, each with weight 1; 0 outside the image.

    size: height, width of the image in px.
    """
    for tap in range(PATCH):
        tap_x, tap_y = x + tap % 3 - 1, y + tap // 3 - 1
        inside = 0 <= tap_x < size[1] and 0 <= tap_y < size[0]
        pixels.x[tap] = min(max(tap_x, 0), size[1] - 1)
        pixels.y[tap] = min(max(tap_y, 0), size[0] - 1)
        pixels.weight[tap] = ONE if inside else ZERO


@part
def bilinear_pixels(x: np.float32, y: np.float32, size: tuple[int, int], pixels: Pixels, first: int) -> None:
    """Choose the four pixels around x, y in px, with their weights, 0 outside the image.

    size: height, width of the image in px. pixels: written from index ``first`` on.
    """
    left, right, w_left, w_right = corner(x, size[1])
    top, bottom, w_top, w_bottom = corner(y, size[0])
    for k in range(4):
        pixels.x[first + k] = right if k % 2 else left
        pixels.y[first + k] = bottom if k // 2 else top
        pixels.weight[first + k] = (w_right if k % 2 else w_left) * (w_bottom if k // 2 else w_top)


@part
def read_finest(
    finest: Planar,
    matrix: NDArray[np.float32],
    pixels: Pixels,
    count: int,
    padded_size: PaddedSize,
    features: NDArray[np.float32],
) -> None:
    """Evaluate the finest level at ``count`` pixels, into the first columns of ``features`` (P, dim).

    finest: planar map (H, C1, .); matrix: (C1, Q).
    """
    for k in range(0, matrix.shape[1], LANES):
        for i in range(count):
            x, y = MARGIN + padded_size.left + pixels.x[i], padded_size.top + pixels.y[i]
            value = splat(ZERO)
            for c in range(matrix.shape[0]):
                value = fma(splat(widen(finest[y, c, x])), load(matrix, (c, k)), value)
            store(selu(value), features, (i, k))


@part
def read_level(
    level: NDArray[Any],
    stride: int,
    pixels: Pixels,
    count: int,
    padded_size: PaddedSize,
    features: NDArray[np.float32],
    column: int,
) -> None:
    """Read a coarser level (h * w, Q), corners aligned, into ``features`` (P, dim) from ``column`` on."""
    width, height = padded_size.width // stride, padded_size.height // stride
    x_scale = np.float32((width - 1) / (padded_size.width - 1))
    y_scale = np.float32((height - 1) / (padded_size.height - 1))
    for i in range(count):
        x = np.float32(padded_size.left + pixels.x[i]) * x_scale
        y = np.float32(padded_size.top + pixels.y[i]) * y_scale
        left, top = min(int(x), width - 2), min(int(y), height - 2)
        w_right, w_bottom = x - np.float32(left), y - np.float32(top)
        w_left, w_top = ONE - w_right, ONE - w_bottom
        upper = np.uint32(top * width + left)
        lower = np.uint32(upper + width)
        for k in range(0, level.shape[1], LANES):
            value = multiply(splat(w_top * w_left), load(level, (upper, k)))
            value = fma(splat(w_top * w_right), load(level, (upper + 1, k)), value)
            value = fma(splat(w_bottom * w_left), load(level, (lower, k)), value)
            value = fma(splat(w_bottom * w_right), load(level, (lower + 1, k)), value)
            store(value, features, (i, column + k))


@part
def read_pixels(
    pyramid: Pyramid,
    padded_size: PaddedSize,
    pixels: Pixels,
    count: int,
    features: NDArray[np.float32],
) -> None:
    """Evaluate the dense map at ``count`` pixels into ``features`` (P, dim), each of its weight as length."""
    quarter = features.shape[1] // 4
    read_finest(pyramid.finest, pyramid.finest_matrix, pixels, count, padded_size, features)
    read_level(pyramid.level2, 2, pixels, count, padded_size, features, quarter)
    read_level(pyramid.level3, 8, pixels, count, padded_size, features, 2 * quarter)
    read_level(pyramid.level4, 32, pixels, count, padded_size, features, 3 * quarter)
    scale_rows(features, count, pixels.weight)


@part
def scale_rows(table: NDArray[np.float32], count: int, length: NDArray[np.float32]) -> None:
    """Give the first rows of a table (R, C) the Euclidean length asked for, (count,)."""
    for row in range(count):
        squares = splat(ZERO)
        for k in range(0, table.shape[1], LANES):
            value = load(table, (row, k))
            squares = fma(value, value, squares)
        factor = splat(length[row] / max(np.sqrt(total(squares)), SHORTEST))
        for k in range(0, table.shape[1], LANES):
            store(multiply(factor, load(table, (row, k))), table, (row, k))


@part
def add_fours(features: NDArray[np.float32], num_sums: int, target: NDArray[np.float32], first: int) -> None:
    """Sum each four rows of (4 * num_sums, C) into a row of ``target`` (R, C) from ``first`` on."""
    for i in range(num_sums):
        for k in range(0, features.shape[1], LANES):
            upper = add(load(features, (4 * i, k)), load(features, (4 * i + 1, k)))
            lower = add(load(features, (4 * i + 2, k)), load(features, (4 * i + 3, k)))
            store(add(upper, lower), target, (first + i, k))


@exact_kernel
def describe(
    strip: int,
    num_strips: int,
    keypoints: NDArray[np.float32],
    size: tuple[int, int],
    pyramid: Pyramid,
    padded_size: PaddedSize,
    head: DescriptorHead,
    scratch: Scratch,
    descriptors: NDArray[np.float32],
) -> None:
    """Describe keypoints by features at M positions around each.

    Args:
        strip, num_strips: which share of the keypoints to do.
        keypoints: (N, 2) float32 x, y in px.
        size: height and width of the image without padding, in px.
        pyramid: of the image.
        padded_size: of the image.
        head: weights.
        scratch: buffers of all threads.
        descriptors: (N, dim) float32 of unit length, written.
    """
    offsets1, offsets2, to_features, aggregate = head
    num_positions = scratch.sampled.shape[1] // BATCH
    limit = np.float32(max(size) / 4)
    num_batches = (len(keypoints) + BATCH - 1) // BATCH
    patches, hidden, offsets = scratch.patches[strip], scratch.hidden[strip], scratch.offsets[strip]
    sampled, features = scratch.sampled[strip], scratch.features[strip]
    summed, read = scratch.summed[strip], scratch.pixels[strip]
    pixels = Pixels(scratch.x[strip], scratch.y[strip], scratch.weight[strip])
    ones = np.ones(BATCH, np.float32)
    for batch in range(num_batches * strip // num_strips, num_batches * (strip + 1) // num_strips):
        first = batch * BATCH
        count = min(BATCH, len(keypoints) - first)
        for i in range(count):
            patch_pixels(int(keypoints[first + i, 0]), int(keypoints[first + i, 1]), size, pixels)
            read_pixels(pyramid, padded_size, pixels, PATCH, patches[i].reshape(PATCH, read.shape[1]))
        multiply_rows(patches, count, offsets1.matrix, offsets1.bias, hidden, True)
        multiply_rows(hidden, count, offsets2.matrix, offsets2.bias, offsets, False)
        for i in range(count):
            for m in range(num_positions):
                x = keypoints[first + i, 0] + min(max(offsets[i, m], -limit), limit)
                y = keypoints[first + i, 1] + min(max(offsets[i, num_positions + m], -limit), limit)
                bilinear_pixels(x, y, size, pixels, 4 * m)
            read_pixels(pyramid, padded_size, pixels, 4 * num_positions, read)
            add_fours(read, num_positions, sampled, i * num_positions)
        rows = features.reshape(sampled.shape)
        multiply_rows(sampled, count * num_positions, to_features.matrix, to_features.bias, rows, True)
        multiply_rows(features, count, aggregate.matrix, aggregate.bias, summed, False)
        scale_rows(summed, count, ones)
        copy_rows(summed, 0, descriptors, first, count)
