"""The current image with its keypoints, and where their landmarks were seen before. Knows no drawing."""

from collections import deque
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.types import Frame, FrameResult, Image, Reason

MAX_SIDE_PX = 800  # a view shows no more, and a smaller image travels faster
TRAIL_FRAMES = 10
MAX_KNOWN = 50_000  # landmarks whose age is remembered


@dataclass(frozen=True, slots=True)
class ImageView:
    """Holds one image, scaled down for display, with N keypoints and the trails of T of them, in its px."""

    image: Image  # (h, w) grey or (h, w, 3) RGB
    scale: float  # from the px of the frame to those of this image
    pixels: NDArray[np.float32]  # (N, 2)
    ages: NDArray[np.int64]  # (N,) frames since the landmark was first seen, 0 without a landmark
    trails: NDArray[np.float32]  # (T, L, 2) of keypoints with a landmark, newest first; ends repeat


class TrackHistory:
    """Remembers where landmarks were seen in the latest frames, and since when they are known."""

    def __init__(self, trail_frames: int = TRAIL_FRAMES) -> None:
        self._seen: deque[tuple[NDArray[np.int64], NDArray[np.float32]]] = deque(maxlen=trail_frames)
        self._first_frame_of: dict[int, int] = {}
        self._num_frames = 0

    def update(self, result: FrameResult) -> None:
        """Take the keypoints of the next frame; a repeated one shows nothing new."""
        if result.reason is Reason.REPEATED_FRAME:
            return
        self._num_frames += 1
        ids, pixels = _with_landmark(result)
        order = np.argsort(ids)
        self._seen.append((ids[order], pixels[order]))
        if len(self._first_frame_of) > MAX_KNOWN:
            recent = np.concatenate([seen for seen, _ in self._seen]).tolist()
            self._first_frame_of = {
                each: self._first_frame_of[each] for each in recent if each in self._first_frame_of
            }
        for each in ids.tolist():
            self._first_frame_of.setdefault(each, self._num_frames)

    def view(self, frame: Frame, result: FrameResult) -> ImageView | None:
        """Show the frame that was taken last; None where it has no image."""
        if frame.image is None:
            return None
        image, scale = _scaled_down(frame.image)
        pixels = np.empty((0, 2), np.float32) if result.pixels is None else result.pixels
        ages = np.zeros(len(pixels), np.int64)
        ids, _ = _with_landmark(result)
        if result.landmark_ids is not None:
            firsts = [self._first_frame_of.get(each, self._num_frames) for each in ids.tolist()]
            ages[result.landmark_ids >= 0] = self._num_frames + 1 - np.array(firsts, np.int64)
        return ImageView(image, scale, _scale(pixels, scale), ages, _scale(self._trails(ids), scale))

    def _trails(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return where landmarks (T,) were in the latest L frames, newest first: (T, L, 2).

        From the first frame on that did not see a landmark, its trail stays where it is.
        """
        trails = np.zeros((len(ids), len(self._seen), 2), np.float32)
        is_seen = np.ones(len(ids), bool)
        for column, (seen_ids, pixels) in enumerate(reversed(self._seen)):
            trails[:, column] = trails[:, max(0, column - 1)]
            if len(seen_ids):
                row = np.minimum(np.searchsorted(seen_ids, ids), len(seen_ids) - 1)
                is_seen &= seen_ids[row] == ids
                trails[is_seen, column] = pixels[row[is_seen]]
            else:
                is_seen[:] = False
        return trails


def _with_landmark(result: FrameResult) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return ids (T,) and pixels (T, 2) of the keypoints that see a landmark."""
    if result.landmark_ids is None or result.pixels is None:
        return np.empty(0, np.int64), np.empty((0, 2), np.float32)
    has_landmark = result.landmark_ids >= 0
    return result.landmark_ids[has_landmark], result.pixels[has_landmark]


def _scaled_down(image: Image) -> tuple[Image, float]:
    """Return an image that is not larger than a view shows, and its scale."""
    height, width = image.shape[:2]
    scale = min(1.0, MAX_SIDE_PX / max(height, width))
    if scale == 1.0:
        return image, scale
    size = round(width * scale), round(height * scale)
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def _scale(pixels: NDArray[np.floating[Any]], scale: float) -> NDArray[np.float32]:
    """Scale pixels (..., 2), whose origin is the centre of the first pixel."""
    return ((pixels + 0.5) * scale - 0.5).astype(np.float32)
