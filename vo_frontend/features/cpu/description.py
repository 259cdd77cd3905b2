"""The sparse deformable descriptor head, with the dense map evaluated only where it is read."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.compilation import exact_kernel, part
from vo_frontend.compute.matmul import copy_rows, multiply_rows, put_columns
from vo_frontend.compute.simd import LANES, add, load
from vo_frontend.features.cpu.coarse_blocks import Product
from vo_frontend.features.cpu.dense_map import (
    PATCH,
    Pixels,
    Pyramid,
    bilinear_pixels,
    fetch_pixels,
    locate,
    patch_pixels,
    read_pixels,
    scale_rows,
)
from vo_frontend.features.cpu.fine_blocks import PaddedSize

BATCH = 24  # keypoints at a time: their samples stay in cache, the large matrix is read once for all of them


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
    sampled: NDArray[Any]  # (threads, BATCH * M, dim), or half as many pairs
    features: NDArray[Any]  # (threads, BATCH, M * dim), or half as many pairs
    summed: NDArray[np.float32]  # (threads, BATCH, dim)
    x: NDArray[np.int32]  # (threads, 2, 4 * M) pixels to read, of a keypoint and of the next one
    y: NDArray[np.int32]  # (threads, 2, 4 * M)
    weight: NDArray[np.float32]  # (threads, 2, 4 * M) how much each of them counts
    corner: NDArray[np.uint32]  # (threads, 2, 3, 4 * M) where they lie in the coarser levels, see ``Pixels``
    right: NDArray[np.float32]  # (threads, 2, 3, 4 * M)
    bottom: NDArray[np.float32]  # (threads, 2, 3, 4 * M)
    pixels: NDArray[np.float32]  # (threads, 4 * M, dim)


@part
def add_fours(features: NDArray[np.float32], num_sums: int, target: NDArray[Any], first: int) -> None:
    """Sum each four rows of (4 * num_sums, C) into a row of ``target`` (R, C) from ``first`` on."""
    for i in range(num_sums):
        for k in range(0, features.shape[1], LANES):
            upper = add(load(features, (4 * i, k)), load(features, (4 * i + 1, k)))
            lower = add(load(features, (4 * i + 2, k)), load(features, (4 * i + 3, k)))
            put_columns(add(upper, lower), target, first + i, k)


@part
def pixels_of(scratch: Scratch, strip: int, turn: int) -> Pixels:
    """Choose the lists of one thread and turn."""
    return Pixels(
        scratch.x[strip, turn],
        scratch.y[strip, turn],
        scratch.weight[strip, turn],
        scratch.corner[strip, turn],
        scratch.right[strip, turn],
        scratch.bottom[strip, turn],
    )


@part
def aim_at_patch(
    keypoints: NDArray[np.float32],
    index: int,
    size: tuple[int, int],
    pyramid: Pyramid,
    padded_size: PaddedSize,
    pixels: Pixels,
) -> None:
    """List the pixels of a keypoint's patch, and ask for them; ``index``: of the keypoint."""
    patch_pixels(int(keypoints[index, 0]), int(keypoints[index, 1]), size, pixels)
    locate(pixels, PATCH, padded_size)
    fetch_pixels(pyramid, padded_size, pixels, PATCH)


@part
def aim_at_positions(
    keypoints: NDArray[np.float32],
    index: int,
    offsets: NDArray[np.float32],
    row: int,
    size: tuple[int, int],
    pyramid: Pyramid,
    padded_size: PaddedSize,
    pixels: Pixels,
) -> None:
    """List the pixels around a keypoint's M positions, and ask for them.

    offsets: (R, 2 * M or more) px, all dx, then all dy; its ``row`` belongs to the keypoint at ``index``.
    """
    limit, num_positions = np.float32(max(size) / 4), len(pixels.x) // 4
    for m in range(num_positions):
        x = keypoints[index, 0] + min(max(offsets[row, m], -limit), limit)
        y = keypoints[index, 1] + min(max(offsets[row, num_positions + m], -limit), limit)
        bilinear_pixels(x, y, size, pixels, 4 * m)
    locate(pixels, 4 * num_positions, padded_size)
    fetch_pixels(pyramid, padded_size, pixels, 4 * num_positions)


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
    num_batches = (len(keypoints) + BATCH - 1) // BATCH
    patches, hidden, offsets = scratch.patches[strip], scratch.hidden[strip], scratch.offsets[strip]
    sampled, features = scratch.sampled[strip], scratch.features[strip]
    summed, read = scratch.summed[strip], scratch.pixels[strip]
    both = (pixels_of(scratch, strip, 0), pixels_of(scratch, strip, 1))  # by turns
    ones = np.ones(BATCH, np.float32)
    for batch in range(num_batches * strip // num_strips, num_batches * (strip + 1) // num_strips):
        first = batch * BATCH
        count = min(BATCH, len(keypoints) - first)
        aim_at_patch(keypoints, first, size, pyramid, padded_size, both[0])
        for i in range(count):
            if i + 1 < count:
                aim_at_patch(keypoints, first + i + 1, size, pyramid, padded_size, both[(i + 1) % 2])
            patch = patches[i].reshape(PATCH, read.shape[1])
            read_pixels(pyramid, padded_size, both[i % 2], PATCH, patch)
        multiply_rows(patches, count, offsets1.matrix, offsets1.bias, hidden, True)
        multiply_rows(hidden, count, offsets2.matrix, offsets2.bias, offsets, False)
        aim_at_positions(keypoints, first, offsets, 0, size, pyramid, padded_size, both[0])
        for i in range(count):
            if i + 1 < count:
                aim_at_positions(
                    keypoints, first + i + 1, offsets, i + 1, size, pyramid, padded_size, both[(i + 1) % 2]
                )
            read_pixels(pyramid, padded_size, both[i % 2], 4 * num_positions, read)
            add_fours(read, num_positions, sampled, i * num_positions)
        rows = features.reshape(sampled.shape)
        multiply_rows(sampled, count * num_positions, to_features.matrix, to_features.bias, rows, True)
        multiply_rows(features, count, aggregate.matrix, aggregate.bias, summed, False)
        scale_rows(summed, count, ones)
        copy_rows(summed, 0, descriptors, first, count)
