"""Compiled loops over the sightings of landmarks.

A sighting is a row of two tables: ``keyframe``, and ``following``, the row of the next sighting of the same
landmark, END after the last. ``first`` holds the row where the list of each landmark begins, ``free`` (1,)
where the list of unused rows begins.
"""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.compute.compilation import called_with, kernel

END = -1

Rows = NDArray[np.int32]


@called_with("(i4[::1], i4[::1], i4[::1], i4[::1], i8[::1], i8)")
@kernel
def link(first: Rows, keyframe: Rows, following: Rows, free: Rows, ids: NDArray[np.int64], row: int) -> None:
    """Note that a keyframe sees landmarks (L,). At least L rows must be free."""
    for landmark_id in ids:
        sighting = free[0]
        free[0] = following[sighting]
        keyframe[sighting] = row
        following[sighting] = first[landmark_id]
        first[landmark_id] = sighting


@called_with("(i4[::1], i4[::1], i4[::1], i4[::1], i8[::1], i8)")
@kernel
def unlink(first: Rows, keyframe: Rows, following: Rows, free: Rows, ids: NDArray[np.int64], row: int) -> int:
    """Forget that a keyframe, or with END any, sees landmarks (L,). Returns how many sightings it forgot."""
    num_freed = 0
    for landmark_id in ids:
        before = END
        sighting = first[landmark_id]
        while sighting != END:
            after = following[sighting]
            if row == END or keyframe[sighting] == row:
                if before == END:
                    first[landmark_id] = after
                else:
                    following[before] = after
                following[sighting] = free[0]
                free[0] = sighting
                num_freed += 1
            else:
                before = sighting
            sighting = after
    return num_freed


@called_with("(i4[::1], i4[::1], i8[::1], i8[::1])")
@kernel
def append_lists(
    first: Rows, following: Rows, kept_ids: NDArray[np.int64], gone_ids: NDArray[np.int64]
) -> None:
    """Hang the lists of landmarks (P,) on those of others (P,), pair after pair."""
    for i in range(len(kept_ids)):
        kept, gone = kept_ids[i], gone_ids[i]
        if first[gone] == END:
            continue
        if first[kept] == END:
            first[kept] = first[gone]
        else:
            last = first[kept]
            while following[last] != END:
                last = following[last]
            following[last] = first[gone]
        first[gone] = END


@called_with("(i4[::1], i4[::1], i4[::1], i8[::1], i8)")
@kernel
def count_shared(
    first: Rows, keyframe: Rows, following: Rows, ids: NDArray[np.int64], num_keyframes: int
) -> NDArray[np.int64]:
    """Count how many of the landmarks (L,), each there once, every keyframe (K,) sees."""
    counts = np.zeros(num_keyframes, np.int64)
    last_counted = np.full(num_keyframes, -1, np.int64)  # merged lists may hold a keyframe twice
    for landmark_id in ids:
        sighting = first[landmark_id]
        while sighting != END:
            row = keyframe[sighting]
            if last_counted[row] != landmark_id:
                last_counted[row] = landmark_id
                counts[row] += 1
            sighting = following[sighting]
    return counts


@called_with("(i4[::1], i4[::1], i4[::1], i8[::1], b1[::1])")
@kernel
def count_views(
    first: Rows, keyframe: Rows, following: Rows, ids: NDArray[np.int64], counts_row: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Count the keyframes, of those that count (K,), that see each landmark (L,), each there once."""
    counts = np.zeros(len(ids), np.int64)
    last_counted = np.full(len(counts_row), -1, np.int64)
    for i in range(len(ids)):
        sighting = first[ids[i]]
        while sighting != END:
            row = keyframe[sighting]
            if counts_row[row] and last_counted[row] != ids[i]:
                last_counted[row] = ids[i]
                counts[i] += 1
            sighting = following[sighting]
    return counts


@called_with("(i4[::1], i4[::1], i4[::1], i8[::1], i8[::1])")
@kernel
def newest_view(
    first: Rows,
    keyframe: Rows,
    following: Rows,
    ids: NDArray[np.int64],
    frame_index_of_row: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Find the row of the newest keyframe that sees each landmark (L,), -1 where none does."""
    newest = np.full(len(ids), -1, np.int64)
    for i in range(len(ids)):
        sighting = first[ids[i]]
        while sighting != END:
            row = keyframe[sighting]
            if newest[i] < 0 or frame_index_of_row[row] > frame_index_of_row[newest[i]]:
                newest[i] = row
            sighting = following[sighting]
    return newest
