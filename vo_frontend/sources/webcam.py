"""A live camera: device index, device path, or stream URL."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from vo_frontend.errors import SourceError
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.undistortion import Undistorter
from vo_frontend.sources.image_files import image_size, rgb_from_bgr
from vo_frontend.types import Frame, Image, Sensor

log = logging.getLogger(__name__)

RETRY_PAUSE_S = 0.01  # after a failed read, so that a dead device does not cost a core


class Capture(Protocol):
    """The part of ``cv2.VideoCapture`` that a webcam needs."""

    def read(self) -> tuple[bool, Any]:
        """Wait for the next image; return whether there is one, and (H, W[, 3]) uint8 BGR."""
        ...

    def release(self) -> None:
        """Give the device back."""
        ...


@dataclass(frozen=True, slots=True)
class CapturedImage:
    """An image at the moment it arrived."""

    index: int  # counts every image the camera gave, dropped ones too
    timestamp_ns: int
    image_bgr: Image


class WebcamSource:
    """Newest frame first: a reader thread keeps one frame, and one nobody took in time is dropped.

    Timestamps are Unix time at arrival and never step back. Gaps in ``Frame.index`` are dropped frames.
    """

    sensor = Sensor.MONO
    baseline_m = None
    num_frames = None
    is_live = True

    def __init__(
        self,
        device: str,
        calibration: Camera,
        *,
        timeout_s: float = 5.0,
        open_capture: Callable[[str, Camera, float], Capture] | None = None,
    ) -> None:
        """Open the camera and wait for its first frame.

        Args:
            device: "0", "/dev/video0" or a URL such as "rtsp://host/stream".
            calibration: of the camera; a device is asked for images of this size.
            timeout_s: longest wait for a frame.
            open_capture: replaces OpenCV, for other drivers.

        Raises:
            SourceError: cannot be opened, gives no frame in time, or images of another size.
        """
        self.name = "webcam"
        self.T_body_cam = np.eye(4)
        self._device = device
        self._timeout_s = timeout_s
        self._undistort = Undistorter(calibration)
        self.camera = self._undistort.camera
        self._capture = (open_capture or open_opencv_capture)(device, calibration, timeout_s)
        self._changed = threading.Condition()
        self._newest: CapturedImage | None = None
        self._closed = threading.Event()
        self._reader = threading.Thread(target=self._read_forever, name=f"webcam {device}", daemon=True)
        self._reader.start()
        try:
            self._require_size(self._wait_for_newest())
        except SourceError:
            self.close()
            raise

    def __iter__(self) -> Iterator[Frame]:
        while (captured := self._take_newest()) is not None:
            image = self._undistort(rgb_from_bgr(captured.image_bgr))
            yield Frame(captured.index, captured.timestamp_ns, image)

    def close(self) -> None:
        """End a running iteration and release the device as soon as its pending read returns."""
        self._closed.set()
        with self._changed:
            self._changed.notify_all()
        self._reader.join(timeout=1.0)

    def _take_newest(self) -> CapturedImage | None:
        with self._changed:
            captured = self._wait_for_newest()
            self._newest = None
            return captured

    def _wait_for_newest(self) -> CapturedImage | None:
        with self._changed:
            is_there = self._changed.wait_for(
                lambda: self._newest is not None or self._closed.is_set(), self._timeout_s
            )
            if not is_there:
                raise SourceError(
                    f"webcam {self._device}: no frame for {self._timeout_s:g} s; "
                    "is it connected, and not in use by another program?"
                )
            return None if self._closed.is_set() else self._newest

    def _read_forever(self) -> None:
        # Unix time once, then the monotonic clock: stamps survive an adjustment of the system's clock.
        unix_offset_ns = time.time_ns() - time.monotonic_ns()
        index = 0
        try:
            while not self._closed.is_set():
                is_read, image = self._capture.read()
                if not is_read:
                    self._closed.wait(RETRY_PAUSE_S)
                    continue
                self._offer(CapturedImage(index, unix_offset_ns + time.monotonic_ns(), image))
                index += 1
        finally:
            # Here and not in close(): releasing a device during a read crashes some drivers.
            self._capture.release()

    def _offer(self, captured: CapturedImage) -> None:
        with self._changed:
            self._newest = captured
            self._changed.notify_all()

    def _require_size(self, captured: CapturedImage | None) -> None:
        raw = self._undistort.raw
        if captured is not None and image_size(captured.image_bgr) != (raw.width, raw.height):
            width, height = image_size(captured.image_bgr)
            raise SourceError(
                f"webcam {self._device}: images of {width}x{height} px, "
                f"expected {raw.width}x{raw.height} px as calibrated; calibrate at a size the camera has"
            )


def open_opencv_capture(device: str, calibration: Camera, timeout_s: float) -> Capture:
    """Open a device or stream through OpenCV; devices are asked for the calibrated image size.

    Raises:
        SourceError: it cannot be opened.
    """
    is_stream = "://" in device
    if is_stream:
        timeout_ms = round(timeout_s * 1e3)
        options = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, timeout_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, timeout_ms]
        capture = cv2.VideoCapture(device, cv2.CAP_FFMPEG, options)
    else:
        capture = cv2.VideoCapture(int(device) if device.isdecimal() else device)
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, calibration.width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, calibration.height)
    if not capture.isOpened():
        kind = "stream URL" if is_stream else "device"
        hint = "is its server running?" if is_stream else "is it plugged in, and may this user read it?"
        raise SourceError(f"webcam {device}: cannot open this {kind}; {hint}")
    return capture
