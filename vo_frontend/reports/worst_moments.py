"""The few worst moments of a run, with their images: where poses were lost, and where least held them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.types import Frame, FrameResult, Image, Reason, Status

MAX_GAPS = 3  # the longest stretches without a pose
MAX_WEAK = 3  # the poses with the fewest inliers
FRAMES_BETWEEN = 30  # two weak poses closer than that are one moment
WIDTH_PX = 640  # wider images are scaled down
JPEG_QUALITY = 85


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Holds a small copy of a frame, and what was found in it."""

    jpeg: bytes  # empty where the frame has no image
    pixels: NDArray[np.float32]  # (N, 2) of the keypoints, in px of the small copy
    landmark_ids: NDArray[np.int64]  # (N,) -1 without
    frame_index: int
    status: Status
    reason: Reason
    num_inliers: int


@dataclass(frozen=True, slots=True)
class Moment:
    """Shows a frame that went badly, and the one before it."""

    view: View
    before: View | None  # None at the start of a run
    num_frames: int  # without a pose in a row; 0 where the frame has one


class WorstMomentsSink:
    """Keeps at most ``MAX_GAPS + MAX_WEAK`` moments, as small JPEGs, however long the run is."""

    def __init__(self) -> None:
        self._gaps: list[Moment] = []
        self._weak: list[Moment] = []
        self._gap: Moment | None = None  # that lasts
        self._before: tuple[Frame, FrameResult] | None = None

    def consume(self, frame: Frame, result: FrameResult) -> None:
        """Look whether this frame is among the worst."""
        if result.reason is Reason.REPEATED_FRAME:
            if self._gap is not None and result.T_world_cam is None:
                self._gap = replace(self._gap, num_frames=self._gap.num_frames + 1)
            return
        if self._gap is not None and self._is_placed(result, self._gap.view.frame_index):
            self._gap = None
        if result.T_world_cam is None:
            if self._gap is None:
                self._gap = Moment(_view(frame, result), self._view_before(), 0)
            self._gap = replace(self._gap, num_frames=self._gap.num_frames + 1)
        else:
            self._end_gap()
            self._weigh(frame, result)
        self._before = frame, result

    def close(self) -> None:
        """Take the stretch in which the run ended."""
        self._end_gap()

    def moments(self) -> list[Moment]:
        """Return the worst moments: the longest losses first, then the weakest poses."""
        return [*self._gaps, *self._weak]

    @staticmethod
    def _is_placed(result: FrameResult, frame_index: int) -> bool:
        return any(pose.frame_index == frame_index for pose in result.backfilled)

    def _end_gap(self) -> None:
        if self._gap is not None:
            gaps = sorted([*self._gaps, self._gap], key=lambda moment: -moment.num_frames)
            self._gaps, self._gap = gaps[:MAX_GAPS], None

    def _weigh(self, frame: Frame, result: FrameResult) -> None:
        near = [m for m in self._weak if abs(m.view.frame_index - result.frame_index) < FRAMES_BETWEEN]
        rivals = near or (self._weak if len(self._weak) == MAX_WEAK else [])
        if rivals and result.num_inliers >= _most_inliers(near or rivals):
            return
        kept = [moment for moment in self._weak if moment not in near]
        moment = Moment(_view(frame, result), self._view_before(), 0)
        self._weak = sorted([*kept, moment], key=lambda each: each.view.num_inliers)[:MAX_WEAK]

    def _view_before(self) -> View | None:
        return None if self._before is None else _view(*self._before)


def _most_inliers(moments: Iterable[Moment]) -> int:
    return max(moment.view.num_inliers for moment in moments)


def _view(frame: Frame, result: FrameResult) -> View:
    jpeg, scale = (b"", 1.0) if frame.image is None else _small(frame.image)
    pixels = np.empty((0, 2), np.float32) if result.pixels is None else result.pixels * np.float32(scale)
    ids = np.full(len(pixels), -1) if result.landmark_ids is None else result.landmark_ids
    found = result.status, result.reason, result.num_inliers
    return View(jpeg, pixels, ids, result.frame_index, *found)


def _small(image: Image) -> tuple[bytes, float]:
    """Return a JPEG of an image at most ``WIDTH_PX`` wide, and by what it was scaled."""
    scale = min(1.0, WIDTH_PX / image.shape[1])
    bgr = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    if scale < 1:
        bgr = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return encode_jpeg(np.asarray(bgr, np.uint8)), scale


def encode_jpeg(bgr: Image) -> bytes:
    """Encode an image (H, W) grey or (H, W, 3) BGR."""
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1])
