"""Frames that lie on disk as image files. Layouts (kitti, euroc, ...) only say which files and cameras."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import CameraError, SourceError
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.sensors.undistortion import Undistorter
from vo_frontend.sources.image_files import image_size, read_depth_units, read_image
from vo_frontend.sources.names import plain_name
from vo_frontend.types import Attitude, Frame, Image, Sensor

log = logging.getLogger(__name__)

MAX_OFF_CENTRE = 0.25  # of a principal point, in image sides: half or twice the resolution is beyond it
READINGS = "readings of the gyroscope around them"  # what a frame may lack


@dataclass(frozen=True, slots=True)
class FrameFiles:
    """Where one frame lies on disk."""

    index: int
    timestamp_ns: int
    image: Path
    image_right: Path | None = None  # only for stereo, None where the frame has no partner
    depth: Path | None = None  # only for rgbd, None where the frame has no partner
    attitude: Attitude | None = None  # where a gyroscope is read


@dataclass(frozen=True, slots=True)
class DepthFormat:
    """How a dataset writes metres into 16-bit images."""

    units_per_m: float
    invalid: tuple[int, ...] = (0,)

    def metres(self, units: NDArray[np.uint16]) -> NDArray[np.float32]:
        """Turn the units of a file (H, W) into metres (H, W), NaN where invalid."""
        unknown = np.isin(units, self.invalid)
        return np.where(unknown, np.nan, units / self.units_per_m).astype(np.float32)


@dataclass(frozen=True, slots=True)
class StereoRig:
    """The right camera of a rectified pair."""

    baseline_m: float
    rectify_right: Undistorter


class RecordedSource:
    """A FrameSource over files listed up front and decoded one by one.

    A file that cannot be decoded, or has another size than the calibration, costs one warning:
    the frame keeps its index and timestamp, and lacks just that image. Of missing right images and
    depths only the first is a warning: such a frame is as good as a mono one.
    """

    is_live = False

    def __init__(
        self,
        name: str,
        files: Sequence[FrameFiles],
        undistort: Undistorter,
        *,
        stereo: StereoRig | None = None,
        depth: DepthFormat | None = None,
        T_body_cam: Transform | None = None,
    ) -> None:
        """Prepare a stereo source with ``stereo``, an RGB-D one with ``depth``, a mono one with neither.

        Raises:
            SourceError: no file of a kind can be decoded, or the first has another size than its calibration.
        """
        self.name = plain_name(name)
        self.sensor = Sensor.STEREO if stereo else Sensor.RGBD if depth else Sensor.MONO
        self.camera: PinholeCamera = undistort.camera
        self.baseline_m = stereo.baseline_m if stereo else None
        self.T_body_cam = np.eye(4) if T_body_cam is None else T_body_cam
        self._files = list(files)
        self._undistort = undistort
        self._stereo = stereo
        self._depth = depth
        self._closed = threading.Event()
        self._partner_missed = False
        _require_size(*probe_size([frame.image for frame in self._files]), undistort)
        rights = [frame.image_right for frame in self._files if frame.image_right]
        if stereo and rights:
            _require_size(*probe_size(rights), stereo.rectify_right)
        depths = [frame.depth for frame in self._files if frame.depth]
        if depth and depths:
            _require_size(*probe_size(depths, read_depth_units), undistort)

    @property
    def num_frames(self) -> int:
        """Count the frames that will come."""
        return len(self._files)

    def __iter__(self) -> Iterator[Frame]:
        for files in self._files:
            if self._closed.is_set():
                return
            yield self._load(files)

    @property
    def timestamps_ns(self) -> NDArray[np.int64]:
        """Return the times (N,) of the frames, known before any is decoded."""
        return np.array([files.timestamp_ns for files in self._files], dtype=np.int64)

    def frame(self, position: int) -> Frame:
        """Decode one frame by its position in the iteration, in any order."""
        return self._load(self._files[position])

    def close(self) -> None:
        """End a running iteration."""
        self._closed.set()

    def _load(self, files: FrameFiles) -> Frame:
        image_right, depth_m = None, None
        try:
            image = _read_undistorted(files.image, self._undistort)
        except SourceError as error:
            log.warning("frame %d has no usable image: %s", files.index, error)
            image = None
        try:
            if self._stereo and files.image_right:
                image_right = _read_undistorted(files.image_right, self._stereo.rectify_right)
            if self._depth and files.depth:
                depth_m = self._depth.metres(_read_undistorted_depth(files.depth, self._undistort))
        except SourceError as error:
            self._report_missed_partner(files.index, error)
        return Frame(files.index, files.timestamp_ns, image, image_right, depth_m, attitude=files.attitude)

    def _report_missed_partner(self, index: int, error: SourceError) -> None:
        partner = "right image" if self._stereo else "depth"
        level = logging.DEBUG if self._partner_missed else logging.WARNING
        log.log(level, "frame %d has no usable %s and counts as mono (said once): %s", index, partner, error)
        self._partner_missed = True


def _read_undistorted(path: Path, undistort: Undistorter) -> Image:
    image = read_image(path)
    _require_size(image_size(image), path, undistort)
    return undistort(image)


def _read_undistorted_depth(path: Path, undistort: Undistorter) -> NDArray[np.uint16]:
    units = read_depth_units(path)
    _require_size(image_size(units), path, undistort)
    return undistort(units, nearest=True)


def probe_camera(files: Sequence[FrameFiles], K: NDArray[np.float64], where: str) -> PinholeCamera:
    """Make a camera of matrix K (3, 3), px, and the size of the images, for calibrations that say no size.

    All that such a calibration shows of another resolution is a principal point away from the centre.

    Raises:
        SourceError: no image can be decoded.
        CameraError: the calibration, found in ``where``, is impossible for the images.
    """
    (width, height), _ = probe_size([frame.image for frame in files])
    try:
        camera = PinholeCamera(float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2]), width, height)
    except CameraError as error:
        raise CameraError(f"{where}: {error}") from None
    if not (abs(camera.cx / width - 0.5) < MAX_OFF_CENTRE and abs(camera.cy / height - 0.5) < MAX_OFF_CENTRE):
        raise CameraError(
            f"{where}: principal point ({camera.cx:g}, {camera.cy:g}) px, expected near the centre of the "
            f"{width}x{height} px images; was the calibration made at another resolution?"
        )
    return camera


def probe_size(
    paths: Sequence[Path], read: Callable[[Path], NDArray[Any]] = read_image
) -> tuple[tuple[int, int], Path]:
    """Return width and height in px of the first image that can be decoded, and its file.

    Raises:
        SourceError: none can.
    """
    first_error: SourceError | None = None
    for path in paths:
        try:
            return image_size(read(path)), path
        except SourceError as error:
            first_error = first_error or error
    raise SourceError(f"{paths[0].parent}: none of {len(paths)} images can be used; the first: {first_error}")


def require_sensor(sensor: Sensor, offered: Sequence[Sensor], where: str) -> None:
    """Raise SourceError if a layout never carries this sensor."""
    if sensor not in offered:
        names = " and ".join(kind.value for kind in offered)
        raise SourceError(f"{where}: no data for sensor '{sensor.value}', this dataset offers {names}")


def keep_present(files: Sequence[FrameFiles], listing: Path) -> list[FrameFiles]:
    """Keep the frames whose image is on this disk: partial copies keep the listing of the whole.

    Raises:
        SourceError: no image is there.
    """
    present = [frame for frame in files if frame.image.is_file()]
    if not present:
        raise SourceError(
            f"{listing}: none of the {len(files)} images it lists is there, such as {files[0].image}"
        )
    if len(present) < len(files):
        log.info("%s lists %d images, %d of them are here", listing, len(files), len(present))
    return present


def warn_of_unpaired(name: str, num_unpaired: int, num_frames: int, partner: str) -> None:
    """Say once how many frames come without their right image, depth or readings."""
    if num_unpaired:
        log.warning("%s: %d of %d frames have no %s", name, num_unpaired, num_frames, partner)


def _require_size(size: tuple[int, int], path: Path, calibrated: Undistorter) -> None:
    expected = (calibrated.raw.width, calibrated.raw.height)
    if size != expected:
        raise SourceError(
            f"{path}: image of {size[0]}x{size[1]} px, expected {expected[0]}x{expected[1]} px as calibrated"
        )
