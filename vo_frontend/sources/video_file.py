"""The frames of a video file as they are, read through OpenCV."""

import logging
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2

from vo_frontend.errors import SourceError
from vo_frontend.geometry.camera import MAX_PIXELS
from vo_frontend.sources.block_edges import BlockEdges, is_key_frame
from vo_frontend.sources.decoder_complaints import DecoderComplaints
from vo_frontend.sources.frame_range import format_frames
from vo_frontend.sources.image_files import image_size, rgb_from_bgr
from vo_frontend.sources.names import opencv_name
from vo_frontend.types import Image

log = logging.getLogger(__name__)

DEFAULT_RATE_HZ = 30.0  # where the container states none
SPARE_FRAMES, SPARE_SHARE = 2, 0.02  # that a whole video may lack: some containers only estimate their length
# After damage, unless a key frame comes first. What is broken after that shows edges, and a track that waits
# longer is lost: up to the next key frame, a third more poses were missing, and segments began in damage.
MAX_DAMAGED_FRAMES = 10


@dataclass(frozen=True, slots=True)
class VideoImage:
    """One frame of a video."""

    index: int  # counts the frames of the file
    timestamp_ns: int  # by the container
    image: Image | None  # (H, W, 3) RGB; None where it cannot be decoded, or only with parts of others


class VideoFile:
    """A video whose size, rate and length are known, and whose frames come in order.

    Frames are turned as the file's rotation tag says, which phones write when they are held upright. A
    calibration made of the sensor as it lies (from photographs) fits the frames without that turn: where
    only those have the calibrated size, the tag is ignored.
    """

    def __init__(
        self, path: Path, frames: slice | None = None, size_px: tuple[int, int] | None = None
    ) -> None:
        """Open the file once to learn about it.

        Args:
            path: of the file.
            frames: positions to deliver; None: all.
            size_px: width and height that the calibration expects, where there is one.

        Raises:
            SourceError: not a video, of another size, or ``frames`` selects nothing.
        """
        self.path = path
        self._num_read = 0  # by the last call of read
        self._turns = True
        self.size_px = self._probe()
        if size_px is not None and self.size_px == size_px[::-1] != size_px:
            self._turns = False
            self.size_px = self._probe()
        if self._rotation_deg and self._turns:
            log.info("%s: turned by %d deg, as its rotation tag says", path, self._rotation_deg)
        if size_px is not None and self.size_px != size_px:
            width, height = self.size_px
            raise SourceError(
                f"{path}: video of {width}x{height} px, expected {size_px[0]}x{size_px[1]} px as calibrated"
            )
        self._wanted = _wanted_frames(frames or slice(None), self._count, path)

    @property
    def num_frames(self) -> int | None:
        """Count the frames by the length that the container states, often an estimate; None without one."""
        if self._count is None:
            return None
        return len(range(self._wanted.start, min(self._wanted.stop, self._count), self._wanted.step))

    def read(self, closed: threading.Event) -> Iterator[VideoImage]:
        """Decode the wanted frames in order, until the end or until ``closed`` is set."""
        capture = self._open()
        index, timestamp_ns, num_damaged = -1, -1, 0
        complaints, edges = DecoderComplaints(), BlockEdges()
        try:
            while not closed.is_set() and index < self._wanted[-1] and capture.grab():
                index += 1
                self._num_read = index + 1
                timestamp_ns = self._timestamp(capture, previous_ns=timestamp_ns)
                is_key = is_key_frame(capture.get(cv2.CAP_PROP_FRAME_TYPE))
                num_damaged = 0 if is_key else max(num_damaged - 1, 0)
                if complaints.heard():
                    num_damaged = MAX_DAMAGED_FRAMES  # what follows is made from this frame
                if index in self._wanted:
                    is_decoded, image = capture.retrieve()
                    is_patched = is_decoded and edges.is_patched(image, is_key_frame=is_key)
                    if is_patched and is_key:
                        num_damaged = MAX_DAMAGED_FRAMES
                    is_sound = is_decoded and not is_patched and not num_damaged
                    yield VideoImage(index, timestamp_ns, rgb_from_bgr(image) if is_sound else None)
        finally:
            capture.release()

    def require_whole(self) -> None:
        """Compare what the last reading gave with the length that the container states.

        Raises:
            SourceError: clearly fewer frames came, as of a recording that broke off or a copy that did.
        """
        expected = min(self._count or 0, self._wanted.stop)
        if expected - self._num_read > max(SPARE_FRAMES, SPARE_SHARE * expected):
            raise SourceError(
                f"{self.path}: breaks off after {self._num_read} of {expected} frames, the file is damaged "
                "or was not copied as a whole; the frames before are used"
            )

    def _probe(self) -> tuple[int, int]:
        """Read rate and length, decode the first frame and return its size."""
        capture = self._open()
        width, height = (round(capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        if width * height > MAX_PIXELS:
            capture.release()
            most = f"{MAX_PIXELS / 1e6:.0f} million px"
            raise SourceError(f"{self.path}: video of {width}x{height} px, expected at most {most}")
        self._rotation_deg = round(capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 360
        rate_hz = capture.get(cv2.CAP_PROP_FPS)
        count = round(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        is_readable, first = capture.read()
        capture.release()
        if not is_readable:
            raise SourceError(f"{self.path}: no frame of this video can be decoded")
        if not rate_hz > 0:
            log.info("%s states no frame rate, taking %g Hz", self.path, DEFAULT_RATE_HZ)
            rate_hz = DEFAULT_RATE_HZ
        self._period_ns = round(1e9 / rate_hz)
        self._count = count if count > 0 else None
        return image_size(first)

    def _open(self) -> cv2.VideoCapture:
        if not self.path.is_file():
            raise SourceError(f"{self.path}: no such video file")
        name = opencv_name(self.path)
        # In one thread: what the decoder says is then about the frame that was asked for.
        capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        if not capture.isOpened():
            capture = cv2.VideoCapture(name)
        if not capture.isOpened():
            raise SourceError(
                f"{self.path}: not a video that OpenCV can read; try to convert it to mp4 (H.264)"
            )
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, float(self._turns))
        return capture

    def _timestamp(self, capture: cv2.VideoCapture, *, previous_ns: int) -> int:
        stated_ns = round(capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        if previous_ns < 0:
            return max(stated_ns, 0)
        # Some containers repeat or lose stamps; time must not stand still.
        return stated_ns if stated_ns > previous_ns else previous_ns + self._period_ns


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
