"""What a live camera shows now: a thread reads it and keeps the newest image only."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import cv2

from vo_frontend.errors import SourceError
from vo_frontend.sources.block_edges import BlockEdges, is_key_frame
from vo_frontend.sources.image_files import image_size
from vo_frontend.sources.names import opencv_name
from vo_frontend.types import Image

log = logging.getLogger(__name__)

RETRY_PAUSE_S = 0.01  # after a failed read, so that a dead device does not cost a core
STREAM_PATIENCE_S = 30.0  # how long a stream that broke off is tried again
CLOSING_S = 0.5  # for a pending read, when the camera is closed
SILENCE_S = 1.0  # of failed reads, before a stream is opened anew
FIRST_BACK_OFF_S, MAX_BACK_OFF_S = 0.5, 8.0  # between attempts, doubled each time
MAX_CLOCK_ERROR_NS = 1_000_000_000  # beyond it a driver's clock was set, and is compared anew


class Capture(Protocol):
    """The part of ``cv2.VideoCapture`` that a live camera needs."""

    def read(self) -> tuple[bool, Any]:
        """Wait for the next image; return whether there is one, and (H, W[, 3]) uint8 BGR."""
        ...

    def get(self, property_id: int) -> float:
        """Return a property of the newest image, 0 where the driver does not know it."""
        ...

    def release(self) -> None:
        """Give the device back."""
        ...


# Opens a device or stream: its name, the image size (px) to ask for or None, the longest wait (s).
OpenCapture = Callable[[str, tuple[int, int] | None, float], Capture]


@dataclass(frozen=True, slots=True)
class CapturedImage:
    """An image and when it was taken."""

    index: int  # counts every image the camera gave, dropped ones too
    timestamp_ns: int  # Unix time
    image_bgr: Image
    is_patched: bool = False  # by the decoder of a stream, for data that was lost


class CaptureClock:
    """Turns the time stamps of a driver into Unix time; where there are none, takes that of arrival.

    A driver stamps an image when it is taken, by a clock of its own. The smallest delay seen so far between
    stamp and arrival tells how the clocks differ. Results increase strictly and are never later than arrival.
    """

    def __init__(self) -> None:
        self._offset_ns: int | None = None
        self._last_driver_ns = -1
        self._last_ns = -1

    def stamp(self, driver_ms: float, arrival_ns: int) -> int:
        """Return the time (ns) of an image that arrived at ``arrival_ns``, by the driver at ``driver_ms``."""
        driver_ns = round(driver_ms * 1e6)
        if driver_ns <= 0 or driver_ns <= self._last_driver_ns:
            self._offset_ns, stamp_ns = None, arrival_ns
        else:
            offset_ns = arrival_ns - driver_ns
            known_ns = offset_ns if self._offset_ns is None else min(self._offset_ns, offset_ns)
            self._offset_ns = known_ns if offset_ns - known_ns < MAX_CLOCK_ERROR_NS else offset_ns
            stamp_ns = driver_ns + self._offset_ns
        self._last_driver_ns = driver_ns
        self._last_ns = max(stamp_ns, self._last_ns + 1)
        return self._last_ns


class LiveCamera:
    """A device or stream whose newest image is there at any time; one nobody took is dropped."""

    def __init__(
        self,
        device: str,
        size_px: tuple[int, int] | None = None,
        *,
        timeout_s: float = 5.0,
        open_capture: OpenCapture | None = None,
    ) -> None:
        """Open the camera and begin to read it.

        Args:
            device: "0", "/dev/video0" or a URL such as "rtsp://host/stream".
            size_px: width and height that a device is asked for; None: as its driver likes.
            timeout_s: longest wait for an image. A stream that breaks off is opened again for
                ``STREAM_PATIENCE_S``.
            open_capture: replaces OpenCV, for other drivers.

        Raises:
            SourceError: it cannot be opened.
        """
        self.device = device
        self._size_px, self._timeout_s = size_px, timeout_s
        self._open = open_capture or open_opencv_capture
        self._is_stream = "://" in device
        # FFmpeg makes up stamps for streams over HTTP, at a rate that the camera need not keep.
        self._has_stamps = not self._is_stream or device.startswith("rtsp")
        self._capture = self._open(device, size_px, timeout_s)
        self._changed = threading.Condition()
        self._newest: CapturedImage | None = None
        self._num_images = 0
        self._closed = threading.Event()
        self._reader = threading.Thread(target=self._read_forever, name=f"webcam {device}", daemon=True)
        self._reader.start()

    def peek(self) -> CapturedImage | None:
        """Wait for an image and leave it there; None once closed.

        Raises:
            SourceError: none came in time.
        """
        with self._changed:
            patience_s = STREAM_PATIENCE_S if self._is_stream and self._num_images else 0.0
            wait_s = max(self._timeout_s, patience_s)
            is_there = self._changed.wait_for(
                lambda: self._newest is not None or self._closed.is_set(), wait_s
            )
            if not is_there:
                raise SourceError(
                    f"webcam {self.device}: no frame for {wait_s:g} s; "
                    "is it connected, and not in use by another program?"
                )
            return None if self._closed.is_set() else self._newest

    def peek_at(self, timestamp_ns: int, patience_s: float) -> CapturedImage | None:
        """Look at the newest image; where that is older than a time, wait a moment for the next one.

        Raises:
            SourceError: none came in time.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed.is_set() or self._is_since(timestamp_ns), patience_s)
            return self.peek()

    def _is_since(self, timestamp_ns: int) -> bool:
        return self._newest is not None and self._newest.timestamp_ns >= timestamp_ns

    def take(self) -> CapturedImage | None:
        """Wait for an image that nobody took yet; None once closed.

        Raises:
            SourceError: none came in time.
        """
        with self._changed:
            captured = self.peek()
            self._newest = None
            return captured

    def close(self) -> None:
        """Wake up whoever waits, and release the device as soon as its pending read returns."""
        self._closed.set()
        with self._changed:
            self._changed.notify_all()
        self._reader.join(timeout=CLOSING_S)

    def _read_forever(self) -> None:
        # Unix time once, then the monotonic clock: stamps survive an adjustment of the system's clock.
        unix_offset_ns = time.time_ns() - time.monotonic_ns()
        clock, edges, last_s = CaptureClock(), BlockEdges(), time.monotonic()
        try:
            while not self._closed.is_set():
                is_read, image = self._capture.read()
                if is_read:
                    last_s = time.monotonic()
                    driver_ms = self._capture.get(cv2.CAP_PROP_POS_MSEC) if self._has_stamps else 0.0
                    stamp_ns = clock.stamp(driver_ms, unix_offset_ns + time.monotonic_ns())
                    is_key = is_key_frame(self._capture.get(cv2.CAP_PROP_FRAME_TYPE))
                    is_patched = self._is_stream and edges.is_patched(image, is_key_frame=is_key)
                    self._offer(CapturedImage(self._num_images, stamp_ns, image, is_patched))
                elif self._is_stream and time.monotonic() - last_s > SILENCE_S:
                    self._connect_again()
                    last_s = time.monotonic()
                else:
                    self._closed.wait(RETRY_PAUSE_S)
        finally:
            # Here and not in close(): releasing a device during a read crashes some drivers.
            self._capture.release()

    def _connect_again(self) -> None:
        """Open the stream anew, with growing pauses, until it is there or the camera is closed."""
        log.warning("webcam %s: the stream broke off, connecting again", self.device)
        pause_s, begin_s = FIRST_BACK_OFF_S, time.monotonic()
        self._capture.release()
        while not self._closed.wait(pause_s):
            try:
                self._capture = self._open(self.device, self._size_px, self._timeout_s)
            except SourceError:
                pause_s = min(2 * pause_s, MAX_BACK_OFF_S)
                continue
            log.warning("webcam %s: back after %.1f s", self.device, time.monotonic() - begin_s)
            return

    def _offer(self, captured: CapturedImage) -> None:
        with self._changed:
            self._newest = captured
            self._num_images += 1
            self._changed.notify_all()


def size_of_device(device: str) -> tuple[int, int]:
    """Return width and height in px of the images that a camera gives when nothing asks it for a size.

    Raises:
        SourceError: it cannot be opened, or gives no image in time.
    """
    camera = LiveCamera(device)
    try:
        first = camera.peek()
    finally:
        camera.close()
    if first is None:
        raise SourceError(f"webcam {device}: closed before its first frame")
    return image_size(first.image_bgr)


def open_opencv_capture(device: str, size_px: tuple[int, int] | None, timeout_s: float) -> Capture:
    """Open a device or stream through OpenCV; a device is asked for images of ``size_px``.

    Raises:
        SourceError: it cannot be opened.
    """
    is_stream, device = "://" in device, opencv_name(device)
    if is_stream:
        timeout_ms = round(timeout_s * 1e3)
        options = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, timeout_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, timeout_ms]
        capture = cv2.VideoCapture(device, cv2.CAP_FFMPEG, options)
    else:
        capture = cv2.VideoCapture(int(device) if device.isdecimal() else device)
        if size_px is not None:
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, size_px[0])
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, size_px[1])
    if not capture.isOpened():
        kind = "stream URL" if is_stream else "device"
        hint = "is its server running?" if is_stream else "is it plugged in, and may this user read it?"
        raise SourceError(f"webcam {device}: cannot open this {kind}; {hint}")
    return capture
