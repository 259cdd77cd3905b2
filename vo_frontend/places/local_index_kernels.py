"""Compiled loops of the local-feature index: packed codes of 5 bits, and asymmetric distances to them."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.compilation import inlined, kernel

CODE_BITS = 5
CODE_MASK = (1 << CODE_BITS) - 1


@kernel
def pack_codes(numbers: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pack numbers (N, P) of 5 bits, P at most 12, lowest bits first, into bytes (N, ceil(5 P / 8))."""
    count, num_parts = numbers.shape
    num_bytes = (num_parts * CODE_BITS + 7) // 8
    packed = np.empty((count, num_bytes), np.uint8)
    for i in range(count):
        bits = np.uint64(0)
        for part in range(num_parts):
            bits |= np.uint64(numbers[i, part]) << np.uint64(part * CODE_BITS)
        for byte in range(num_bytes):
            packed[i, byte] = np.uint8((bits >> np.uint64(8 * byte)) & np.uint64(255))
    return packed


@kernel
def scan_lists(
    vectors: NDArray[np.float32],
    probes: NDArray[np.int64],
    words: NDArray[np.float32],
    parts: NDArray[np.float32],
    codes: NDArray[np.uint8],
    images: NDArray[np.int32],
    starts: NDArray[np.int64],
    is_allowed: NDArray[np.bool_],
    num_neighbours: int,
) -> NDArray[np.float64]:
    """Add up for each image (I,) the votes of the vectors that have one of its features among their nearest.

    The nearest feature of an image, at squared distance d, votes ``(1 - d / d_last)^2``, where d_last is that
    of the last neighbour: what the query shares with every image counts little.

    Args:
        vectors: (M, D) of the query.
        probes: (M, Q) numbers of the words whose lists are searched.
        words: (W, D) coarse.
        parts: (P, C, D / P) words of each part of the difference.
        codes: (N, B) packed, sorted by coarse word.
        images: (N,) whose features they are.
        starts: (W + 1,) where the list of each word begins.
        is_allowed: (I,) images that take part.
        num_neighbours: features that each vector finds.
    """
    num_parts, num_codes, size = parts.shape
    votes = np.zeros(len(is_allowed), np.float64)
    last_voter = np.full(len(is_allowed), -1, np.int64)
    table = np.empty((num_parts, num_codes), np.float32)
    nearest = np.empty(num_neighbours, np.float32)  # ascending
    found = np.empty(num_neighbours, np.int32)
    for m in range(len(vectors)):
        count = 0
        for probe in probes[m]:
            _fill_table(vectors[m], words[probe], parts, table)
            for i in range(starts[probe], starts[probe + 1]):
                if not is_allowed[images[i]]:
                    continue
                distance = _distance(codes[i], table)
                if count == num_neighbours and distance >= nearest[count - 1]:
                    continue
                if count < num_neighbours:
                    count += 1
                place = count - 1
                while place > 0 and nearest[place - 1] > distance:
                    nearest[place], found[place] = nearest[place - 1], found[place - 1]
                    place -= 1
                nearest[place], found[place] = distance, images[i]
        for n in range(count):
            if last_voter[found[n]] != m:
                last_voter[found[n]] = m
                gain = 1.0 - nearest[n] / max(nearest[count - 1], np.float32(1e-12))
                votes[found[n]] += gain * gain
    return votes


@inlined
def _fill_table(
    vector: NDArray[np.float32],
    word: NDArray[np.float32],
    parts: NDArray[np.float32],
    table: NDArray[np.float32],
) -> None:
    """Fill in the squared distance of each part of ``vector - word`` to each of its words."""
    num_parts, num_codes, size = parts.shape
    for part in range(num_parts):
        for code in range(num_codes):
            total = np.float32(0)
            for axis in range(size):
                at = part * size + axis
                gap = vector[at] - word[at] - parts[part, code, axis]
                total += gap * gap
            table[part, code] = total


@inlined
def _distance(code: NDArray[np.uint8], table: NDArray[np.float32]) -> np.float32:
    """Add up the distances that a packed code (B,) names in the table (P, C)."""
    bits = np.uint64(0)
    for byte in range(len(code)):
        bits |= np.uint64(code[byte]) << np.uint64(8 * byte)
    total = np.float32(0)
    for part in range(len(table)):
        total += table[part, bits & np.uint64(CODE_MASK)]
        bits >>= np.uint64(CODE_BITS)
    return total
