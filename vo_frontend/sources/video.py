"""Frames of a video file, of two that belong together, or of one with left and right image side by side."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.rectification import RectifiedPair
from vo_frontend.sensors.undistortion import Undistorter
from vo_frontend.sources.names import plain_name
from vo_frontend.sources.video_file import VideoFile, VideoImage
from vo_frontend.types import Frame, Image, Sensor

log = logging.getLogger(__name__)


class VideoSource:
    """Undistorted frames of a video file, with the container's timestamps.

    ``Frame.index`` counts the frames of the file; ``frames`` selects among them. Where a file breaks off, a
    SourceError follows the frames before.
    """

    sensor = Sensor.MONO
    baseline_m = None
    is_live = False

    def __init__(
        self,
        path: Path,
        calibration: Camera | Undistorter,
        *,
        frames: slice | None = None,
        name: str | None = None,
    ) -> None:
        """Open the file once to learn its size, rate and length.

        Raises:
            SourceError: not a video, of another size than the calibration, or ``frames`` selects nothing.
        """
        self.name = plain_name(name or path.stem)
        self.T_body_cam = np.eye(4)
        self._undistort = Undistorter(calibration) if isinstance(calibration, Camera) else calibration
        self.camera = self._undistort.camera
        self._file = VideoFile(path, frames, _raw_size(self._undistort))
        self._closed = threading.Event()

    @property
    def num_frames(self) -> int | None:
        """Count the frames by the length that the container states, often an estimate; None without one."""
        return self._file.num_frames

    def __iter__(self) -> Iterator[Frame]:
        for read in self._file.read(self._closed):
            image = None if read.image is None else self._undistort(read.image)
            if image is None:
                _warn_of_bad_frame(read, self._file.path)
            yield Frame(read.index, read.timestamp_ns, image)
        if not self._closed.is_set():
            self._file.require_whole()

    def close(self) -> None:
        """End a running iteration, which then releases the file."""
        self._closed.set()


class StereoVideoSource:
    """Rectified pairs of two videos, frame by frame, or of the halves of one.

    The two videos begin at one moment and have one rate: nothing but the position pairs their frames. Time
    is that of the left one.
    """

    sensor = Sensor.STEREO
    is_live = False

    def __init__(
        self, left: Path, right: Path | None, pair: RectifiedPair, *, frames: slice | None = None
    ) -> None:
        """Open the files; without a ``right`` one, the left one shows both images side by side.

        Raises:
            SourceError: not a video, of another size than the calibration, or ``frames`` selects nothing.
        """
        self.name = plain_name(left.stem)
        self.camera, self.baseline_m, self.T_body_cam = pair.left.camera, pair.baseline_m, pair.T_body_cam
        self._pair = pair
        width, height = _raw_size(pair.left)
        self._left = VideoFile(left, frames, (2 * width, height) if right is None else (width, height))
        self._right = None if right is None else VideoFile(right, frames, _raw_size(pair.right))
        self._closed = threading.Event()

    @property
    def num_frames(self) -> int | None:
        """Count the pairs by the lengths that the containers state; None where one states none."""
        files = [self._left] if self._right is None else [self._left, self._right]
        counts = [file.num_frames for file in files]
        return None if None in counts else min(count for count in counts if count is not None)

    def __iter__(self) -> Iterator[Frame]:
        for read, image, image_right in self._pairs():
            if image is None:
                _warn_of_bad_frame(read, self._left.path)
            yield Frame(
                read.index,
                read.timestamp_ns,
                None if image is None else self._pair.left(image),
                None if image_right is None else self._pair.right(image_right),
            )
        for file in (self._left, self._right):
            if file is not None and not self._closed.is_set():
                file.require_whole()

    def close(self) -> None:
        """End a running iteration, which then releases the files."""
        self._closed.set()

    def _pairs(self) -> Iterator[tuple[VideoImage, Image | None, Image | None]]:
        if self._right is None:
            half = self._left.size_px[0] // 2
            for read in self._left.read(self._closed):
                halves = (None, None) if read.image is None else (read.image[:, :half], read.image[:, half:])
                yield read, *halves
            return
        rights = self._right.read(self._closed)
        for left, right in zip(self._left.read(self._closed), rights, strict=False):
            yield left, left.image, right.image


def _raw_size(undistort: Undistorter) -> tuple[int, int]:
    return undistort.raw.width, undistort.raw.height


def _warn_of_bad_frame(read: VideoImage, path: Path) -> None:
    log.warning("frame %d has no usable image: %s cannot be decoded there", read.index, path)
