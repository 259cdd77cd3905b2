"""A video file, read through OpenCV."""

import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from vo_frontend.errors import SourceError
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.undistortion import Undistorter
from vo_frontend.sources.frame_range import format_frames
from vo_frontend.sources.image_files import image_size, rgb_from_bgr
from vo_frontend.types import Frame, Image, Sensor

log = logging.getLogger(__name__)

DEFAULT_RATE_HZ = 30.0  # where the container states none


class VideoSource:
    """Undistorted frames of a video file, with the container's timestamps.

    ``Frame.index`` counts the frames of the file; ``frames`` selects among them.
    """

    sensor = Sensor.MONO
    baseline_m = None
    is_live = False

    def __init__(
        self, path: Path, calibration: Camera, *, frames: slice | None = None, name: str | None = None
    ) -> None:
        """Open the file once to learn its size, rate and length.

        Raises:
            SourceError: not a video, of another size than the calibration, or ``frames`` selects nothing.
        """
        self.name = name or path.stem
        self.T_body_cam = np.eye(4)
        self._path = path
        self._undistort = Undistorter(calibration)
        self.camera = self._undistort.camera
        self._closed = threading.Event()
        capture = _open(path)
        rate_hz = capture.get(cv2.CAP_PROP_FPS)
        count = round(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        is_readable, first = capture.read()
        capture.release()
        if not is_readable:
            raise SourceError(f"{path}: no frame of this video can be decoded")
        self._require_size(first)
        if not rate_hz > 0:
            log.info("%s states no frame rate, taking %g Hz", path, DEFAULT_RATE_HZ)
            rate_hz = DEFAULT_RATE_HZ
        self._period_ns = round(1e9 / rate_hz)
        self._count = count if count > 0 else None
        self._wanted = _wanted_frames(frames or slice(None), self._count, path)

    @property
    def num_frames(self) -> int | None:
        """Count the frames by the length that the container states, often an estimate; None without one."""
        if self._count is None:
            return None
        return len(range(self._wanted.start, min(self._wanted.stop, self._count), self._wanted.step))

    def __iter__(self) -> Iterator[Frame]:
        capture = _open(self._path)
        index, timestamp_ns = -1, -1
        try:
            while not self._closed.is_set() and index < self._wanted[-1] and capture.grab():
                index += 1
                timestamp_ns = self._timestamp(capture, previous_ns=timestamp_ns)
                if index in self._wanted:
                    yield Frame(index, timestamp_ns, self._retrieve(capture, index))
        finally:
            capture.release()

    def close(self) -> None:
        """End a running iteration, which then releases the file."""
        self._closed.set()

    def _timestamp(self, capture: cv2.VideoCapture, *, previous_ns: int) -> int:
        stated_ns = round(capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        if previous_ns < 0:
            return max(stated_ns, 0)
        # Some containers repeat or lose stamps; time must not stand still.
        return stated_ns if stated_ns > previous_ns else previous_ns + self._period_ns

    def _retrieve(self, capture: cv2.VideoCapture, index: int) -> Image | None:
        is_decoded, image = capture.retrieve()
        if not is_decoded:
            log.warning("frame %d has no usable image: %s cannot be decoded there", index, self._path)
            return None
        return self._undistort(rgb_from_bgr(image))

    def _require_size(self, image: Image) -> None:
        width, height = image_size(image)
        raw = self._undistort.raw
        if (width, height) != (raw.width, raw.height):
            raise SourceError(
                f"{self._path}: video of {width}x{height} px, "
                f"expected {raw.width}x{raw.height} px as calibrated"
            )


def _open(path: Path) -> cv2.VideoCapture:
    if not path.is_file():
        raise SourceError(f"{path}: no such video file")
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise SourceError(f"{path}: not a video that OpenCV can read; try to convert it to mp4 (H.264)")
    return capture


def _wanted_frames(frames: slice, count: int | None, path: Path) -> range:
    """Choose the positions to deliver. Without a stop the range is open: the count may be too small."""
    if count is None and min(frames.start or 0, frames.stop or 0) < 0:
        raise SourceError(
            f"{path}: --frames {format_frames(frames)} counts from the end, but the video states no length"
        )
    start, stop, step = frames.indices(count or sys.maxsize)
    if start >= stop:
        raise SourceError(
            f"{path}: --frames {format_frames(frames)} selects nothing, the video has {count} frames"
        )
    return range(start, stop if frames.stop is not None else sys.maxsize, step)
