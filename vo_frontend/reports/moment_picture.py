"""Draw a moment: the frame before and the frame itself, with keypoints and the way of each landmark."""

import cv2
import numpy as np

from vo_frontend import palette
from vo_frontend.reports.worst_moments import Moment, View, encode_jpeg
from vo_frontend.types import Image

GAP_PX = 8  # between the two frames
MAX_TRACKS = 400  # more would hide the image


def draw_moment(moment: Moment) -> bytes | None:
    """Draw a moment as a JPEG: landmarks in blue, other keypoints in orange; lines say how landmarks moved.

    Returns None where the frame has no image.
    """
    after = _decode(moment.view)
    if after is None:
        return None
    before = None if moment.before is None else _decode(moment.before)
    if before is None or moment.before is None or before.shape != after.shape:
        _draw_keypoints(after, moment.view)
        return encode_jpeg(after)
    _draw_keypoints(before, moment.before)
    _draw_tracks(after, moment.before, moment.view)
    _draw_keypoints(after, moment.view)
    gap = np.full((after.shape[0], GAP_PX, 3), 255, np.uint8)
    return encode_jpeg(np.concatenate([before, gap, after], axis=1))


def _decode(view: View) -> Image | None:
    if not view.jpeg:
        return None
    image = cv2.imdecode(np.frombuffer(view.jpeg, np.uint8), cv2.IMREAD_COLOR)
    return None if image is None else np.asarray(image, np.uint8)


def _draw_keypoints(bgr: Image, view: View) -> None:
    is_landmark = view.landmark_ids >= 0
    for (x, y), known in sorted(zip(view.pixels.tolist(), is_landmark.tolist(), strict=True), key=_last):
        color, radius = (palette.SKY_BLUE, 3) if known else (palette.ORANGE, 2)
        thickness = cv2.FILLED if known else 1
        cv2.circle(bgr, (round(x), round(y)), radius, palette.bgr(color), thickness, cv2.LINE_AA)


def _last(keypoint: tuple[list[float], bool]) -> bool:
    return keypoint[1]  # landmarks are drawn over other keypoints


def _draw_tracks(bgr: Image, before: View, after: View) -> None:
    _, first, second = np.intersect1d(before.landmark_ids, after.landmark_ids, return_indices=True)
    is_landmark = after.landmark_ids[second] >= 0
    first, second = first[is_landmark][:MAX_TRACKS], second[is_landmark][:MAX_TRACKS]
    for start, end in zip(before.pixels[first].tolist(), after.pixels[second].tolist(), strict=True):
        ends = [tuple(round(value) for value in point) for point in (start, end)]
        cv2.line(bgr, ends[0], ends[1], palette.bgr(palette.YELLOW), 1, cv2.LINE_AA)
