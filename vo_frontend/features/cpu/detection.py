"""Keypoint detection on a score map: what ``networks/detection.py`` defines, without temporaries."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.aligned import aligned_zeros
from vo_frontend.compute.compilation import exact_kernel, part
from vo_frontend.compute.matmul import padded
from vo_frontend.compute.simd import LANES, equal_lanes, larger, load, lowest_bit, splat, store
from vo_frontend.features.cpu.coarse_blocks import corner
from vo_frontend.features.window import RADIUS_PX, TEMPERATURE

NUM_PASSES = 3  # the later ones find maxima of what the earlier ones leave uncovered
HALO = (2 * NUM_PASSES - 1) * RADIUS_PX  # rows around a pixel that decide about it
WINDOW = 2 * RADIUS_PX + 1
ZERO, ONE, TWO = np.float32(0), np.float32(1), np.float32(2)
LOWEST = np.float32(1e-45)  # the smallest score above zero
SHARPNESS = np.float32(TEMPERATURE)


def make_planes(num_threads: int, height: int, width: int) -> NDArray[np.float32]:
    """Allocate what ``find_maxima`` needs for a (height, width) score map: (threads, rows, row length)."""
    rows = -(-height // num_threads) + 2 * HALO + 2 * RADIUS_PX
    return aligned_zeros((num_threads, rows, 2 * RADIUS_PX + padded(width, LANES) + LANES))


@part
def window_max_row(
    plane: NDArray[np.float32], y: int, column_max: NDArray[np.float32], target: NDArray[np.float32]
) -> None:
    """Write the maximum of the 5x5 windows whose first row is y.

    plane: (rows, row length); column_max, target: (row length,), both written.
    """
    for x in range(0, plane.shape[1] - LANES + 1, LANES):
        value = larger(load(plane, (y, x)), load(plane, (y + 1, x)))
        value = larger(value, larger(load(plane, (y + 2, x)), load(plane, (y + 3, x))))
        store(larger(value, load(plane, (y + 4, x))), column_max, (x,))
    for x in range(0, plane.shape[1] - 2 * LANES + 1, LANES):
        value = larger(load(column_max, (x,)), load(column_max, (x + 1,)))
        value = larger(value, larger(load(column_max, (x + 2,)), load(column_max, (x + 3,))))
        store(larger(value, load(column_max, (x + 4,))), target, (x,))


@exact_kernel
def find_maxima(
    strip: int,
    num_strips: int,
    score_map: NDArray[np.float32],
    border_first_px: int,
    border_last_px: int,
    planes: NDArray[np.float32],
    found: NDArray[np.int32],
    counts: NDArray[np.int64],
) -> None:
    """List the local maxima above zero inside the border.

    Args:
        strip, num_strips: which share of the rows to do.
        score_map: (H, W) float32, not negative.
        border_first_px, border_last_px: rows and columns without keypoints.
        planes: see ``make_planes``.
        found: (num_strips, pixels) int32, written: flat positions of maxima, in no order.
        counts: (num_strips,) int64, written: how many there are.
    """
    height, width = score_map.shape
    start, stop = height * strip // num_strips, height * (strip + 1) // num_strips
    top, bottom = max(start - HALO, 0), min(stop + HALO, height)
    plane = planes[strip]  # what no maximum covers yet, with RADIUS_PX zeros around it
    for y in range(top, bottom):
        for x in range(width):
            plane[RADIUS_PX + y - top, RADIUS_PX + x] = score_map[y, x]
    for y in range(RADIUS_PX + bottom - top, len(plane)):
        for x in range(plane.shape[1]):
            plane[y, x] = ZERO
    column_max, row_max = np.zeros(plane.shape[1], np.float32), np.zeros(plane.shape[1], np.float32)
    new = np.empty((plane.size, 2), np.int32)
    count = 0
    for _ in range(NUM_PASSES):
        num_new = 0
        for y in range(bottom - top):
            window_max_row(plane, y, column_max, row_max)
            for first in range(0, width, LANES):
                highest = larger(load(row_max, (first,)), splat(LOWEST))
                peaks = equal_lanes(load(plane, (y + RADIUS_PX, RADIUS_PX + first)), highest)
                while peaks:
                    new[num_new, 0], new[num_new, 1] = y, first + lowest_bit(peaks)
                    num_new += 1
                    peaks &= peaks - 1
        for k in range(num_new):
            y, x = new[k, 0] + top, new[k, 1]
            for row in range(new[k, 0], new[k, 0] + WINDOW):
                for column in range(x, x + WINDOW):
                    plane[row, column] = ZERO
            inside = (
                border_first_px <= x < width - border_last_px
                and border_first_px <= y < height - border_last_px
            )
            if inside and start <= y < stop:
                found[strip, count] = y * width + x
                count += 1
    counts[strip] = count


@exact_kernel
def refine(
    strip: int,
    num_strips: int,
    score_map: NDArray[np.float32],
    found: NDArray[np.int32],
    keypoints: NDArray[np.float32],
    scores: NDArray[np.float32],
) -> None:
    """Move maxima to the soft-argmax of their 5x5 window.

    Args:
        strip, num_strips: which share of the maxima to do.
        score_map: (H, W) float32.
        found: (N,) int32 flat positions at least two pixels from the edges.
        keypoints: (N, 2) float32, written: x, y in px.
        scores: (N,) float32, written: the score map there.
    """
    height, width = score_map.shape
    for k in range(len(found) * strip // num_strips, len(found) * (strip + 1) // num_strips):
        x, y = found[k] % width, found[k] // width
        peak = score_map[y, x]
        for dy in range(-RADIUS_PX, RADIUS_PX + 1):
            for dx in range(-RADIUS_PX, RADIUS_PX + 1):
                peak = max(peak, score_map[y + dy, x + dx])
        weights, sum_x, sum_y = ZERO, ZERO, ZERO
        for dy in range(-RADIUS_PX, RADIUS_PX + 1):
            for dx in range(-RADIUS_PX, RADIUS_PX + 1):
                weight = np.exp((score_map[y + dy, x + dx] - peak) / SHARPNESS)
                weights += weight
                sum_x += weight * np.float32(dx)
                sum_y += weight * np.float32(dy)
        # The official rounding, see vo_frontend.features.networks.detection.refine.
        last_x, last_y = np.float32(width - 1), np.float32(height - 1)
        normalized_x = TWO * (np.float32(x) + sum_x / weights) / last_x - ONE
        normalized_y = TWO * (np.float32(y) + sum_y / weights) / last_y - ONE
        refined_x = (normalized_x + ONE) / TWO * last_x
        refined_y = (normalized_y + ONE) / TWO * last_y
        keypoints[k, 0], keypoints[k, 1] = refined_x, refined_y
        left, right, w_left, w_right = corner(refined_x, width)
        top, bottom, w_top, w_bottom = corner(refined_y, height)
        scores[k] = w_top * (w_left * score_map[top, left] + w_right * score_map[top, right]) + w_bottom * (
            w_left * score_map[bottom, left] + w_right * score_map[bottom, right]
        )
