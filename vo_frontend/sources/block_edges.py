"""Finds pictures that a video decoder has patched up, by the straight steps that this leaves on its grid.

Where data is lost or wrong, a decoder fills blocks with what it has, from other places and other pictures,
and often without a word. H.264, H.265, VP8 and VP9 smooth the edges of sound blocks, so that steps on the
grid of 8 px are little more frequent than elsewhere. Patched pictures are full of them; one that was put
together from blocks of another, each of them smoothed at its edges, has none.
"""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from vo_frontend.types import Image

GRID_PX = 8  # blocks of all codecs begin at multiples of it, smaller ones between
MIN_STEP = 12  # grey values by which a step must exceed those beside it
NUM_LINES = 64  # that are looked at in each direction
# Share of places with a step, on the grid more than off it. Sound pictures of those codecs have -0.02 to 0.03
# (at the lowest quality up to 0.064, KITTI); those that are patched up in half of their area 0.05 to 0.3, or
# -0.1. Others (MPEG-2 and 4, recordings of Motion JPEG) have up to 0.5, also in their key frames.
MIN_EXCESS = 0.06
MIN_TIMES_KEY_FRAME = 3.0
NUM_KEY_FRAMES = 4  # the newest, of which the soundest counts
MAX_IN_A_ROW = 60  # then it is this video that looks so


class BlockEdges:
    """Compares the steps on the grid of each picture of a video with those of the key frames before.

    A key frame needs no other picture: a sound one shows how the codec itself treats its blocks. Before the
    first one, and where none are known (most cameras), every picture is believed.
    """

    def __init__(self) -> None:
        self._key_frame_excess: deque[float] = deque(maxlen=NUM_KEY_FRAMES)
        self._num_in_a_row = 0

    def is_patched(self, image: Image, *, is_key_frame: bool) -> bool:
        """Tell whether the next picture, (H, W) or (H, W, 3) uint8, was patched up."""
        excess = abs(grid_excess(image if image.ndim == 2 else image[:, :, 1]))  # green is nearest to grey
        if self._num_in_a_row == MAX_IN_A_ROW:
            self._key_frame_excess.clear()
        if is_key_frame:
            self._key_frame_excess.append(excess)
        usual = min(self._key_frame_excess, default=np.inf)
        is_patched = excess > max(MIN_EXCESS, MIN_TIMES_KEY_FRAME * usual)
        self._num_in_a_row = self._num_in_a_row + 1 if is_patched else 0
        return is_patched


def is_key_frame(frame_type: float) -> bool:
    """Tell whether a frame needs no other, from ``cv2.CAP_PROP_FRAME_TYPE``, 0 where that is not known."""
    return round(frame_type) == ord("I")


def grid_excess(grey: NDArray[np.uint8]) -> float:
    """Return how much more of all places on the grid lines of a picture (H, W) have a step than elsewhere."""
    height, width = grey.shape
    rows = grey[:: max(1, height // NUM_LINES)]
    columns = grey[:, :: max(1, width // NUM_LINES)]
    return _excess(rows) + _excess(np.ascontiguousarray(columns.T))


def _excess(lines: NDArray[np.uint8]) -> float:
    """Compare steps along lines (N, L) that are on the grid with those between its quarters."""
    if lines.shape[1] <= 2 * GRID_PX:
        return 0.0
    change = np.abs(np.diff(lines.astype(np.int16), axis=1))
    is_step = change[:, 1:-1] > np.maximum(change[:, :-2], change[:, 2:]) + MIN_STEP
    position = np.arange(2, lines.shape[1] - 1)  # of the pixel after each step
    on_grid, off_grid = position % GRID_PX == 0, position % (GRID_PX // 2) != 0
    return float(is_step[:, on_grid].mean() - is_step[:, off_grid].mean())
