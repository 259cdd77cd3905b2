"""Live frames: one camera, or two whose newest images make a pair."""

import logging
from collections.abc import Iterator

import numpy as np

from vo_frontend.errors import SourceError
from vo_frontend.geometry.se3 import Transform
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.rectification import RectifiedPair
from vo_frontend.sensors.undistortion import Undistorter
from vo_frontend.sources.image_files import image_size, rgb_from_bgr
from vo_frontend.sources.live_camera import CapturedImage, LiveCamera, OpenCapture
from vo_frontend.types import Capture, Frame, Image, Sensor

log = logging.getLogger(__name__)

PAIR_PATIENCE_S = 0.01  # for the right image of a pair
SAME_MOMENT_NS = 1_000_000  # a right image that much older than the left one is of the same moment
SKEW_WARNING_NS = 20_000_000  # between the images of a pair: at 1 m/s the camera has moved 2 cm


class WebcamSource:
    """Newest frame first: one that nobody took in time is dropped.

    Timestamps are Unix time, by the driver's clock where it stamps images, and never step back. Gaps in
    ``Frame.index`` are dropped frames. What came before the first frame is taken was not waited for.
    """

    sensor = Sensor.MONO
    baseline_m = None
    num_frames = None
    is_live = True

    def __init__(
        self,
        device: str,
        calibration: Camera | Undistorter,
        *,
        timeout_s: float = 5.0,
        open_capture: OpenCapture | None = None,
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
        self._undistort = Undistorter(calibration) if isinstance(calibration, Camera) else calibration
        self.camera = self._undistort.camera
        self._live = open_calibrated(device, self._undistort, timeout_s, open_capture)

    def __iter__(self) -> Iterator[Frame]:
        last_index = None
        while (captured := self._live.take()) is not None:
            image = _undistorted(captured, self._undistort)
            yield Frame(captured.index, captured.timestamp_ns, image, capture=_capture(captured, last_index))
            last_index = captured.index

    def close(self) -> None:
        """End a running iteration and release the device as soon as its pending read returns."""
        self._live.close()


class WebcamPairSource:
    """The newest images of two cameras, rectified. Nothing but their times says that they belong together.

    Each left image comes with the right one that is newest then, or that comes within ``PAIR_PATIENCE_S``:
    two cameras in step deliver one after the other. The time between the two (skew) is said when the source
    is closed, and warned of once where it is large.
    """

    sensor = Sensor.STEREO
    num_frames = None
    is_live = True

    def __init__(
        self,
        left: str,
        right: str,
        pair: RectifiedPair,
        *,
        timeout_s: float = 5.0,
        open_capture: OpenCapture | None = None,
    ) -> None:
        """Open both cameras and wait for their first images.

        Raises:
            SourceError: one cannot be opened, gives no image in time, or images of another size.
        """
        self.name = "webcam"
        self.camera, self.baseline_m = pair.left.camera, pair.baseline_m
        self.T_body_cam: Transform = pair.T_body_cam
        self._pair = pair
        self._skews_ns: list[int] = []
        self._left = open_calibrated(left, pair.left, timeout_s, open_capture)
        try:
            self._right = open_calibrated(right, pair.right, timeout_s, open_capture)
        except SourceError:
            self._left.close()
            raise

    def __iter__(self) -> Iterator[Frame]:
        last_index = None
        while (left := self._left.take()) is not None:
            right = self._right.peek_at(left.timestamp_ns - SAME_MOMENT_NS, PAIR_PATIENCE_S)
            if right is None:
                return
            self._note_skew(abs(left.timestamp_ns - right.timestamp_ns))
            images = _undistorted(left, self._pair.left), _undistorted(right, self._pair.right)
            yield Frame(left.index, left.timestamp_ns, *images, capture=_capture(left, last_index))
            last_index = left.index

    def close(self) -> None:
        """End a running iteration, release both devices, and say how far apart the images of pairs were."""
        self._left.close()
        self._right.close()
        if self._skews_ns:
            median_s, worst_s = np.median(self._skews_ns) * 1e-9, max(self._skews_ns) * 1e-9
            log.info("webcam pair: skew %.1f ms in the median, at most %.1f", median_s * 1e3, worst_s * 1e3)
            self._skews_ns = []

    def _note_skew(self, skew_ns: int) -> None:
        if skew_ns > SKEW_WARNING_NS and all(each <= SKEW_WARNING_NS for each in self._skews_ns):
            log.warning(
                "webcam pair: left and right image are %.0f ms apart (said once); "
                "depths are wrong while the camera moves",
                skew_ns * 1e-6,
            )
        self._skews_ns.append(skew_ns)


def open_calibrated(
    device: str, undistort: Undistorter, timeout_s: float, open_capture: OpenCapture | None
) -> LiveCamera:
    """Open a camera and require that its first image has the calibrated size.

    Raises:
        SourceError: cannot be opened, gives no image in time, or images of another size.
    """
    raw = undistort.raw
    live = LiveCamera(device, (raw.width, raw.height), timeout_s=timeout_s, open_capture=open_capture)
    try:
        first = live.peek()
        if first is not None and image_size(first.image_bgr) != (raw.width, raw.height):
            width, height = image_size(first.image_bgr)
            raise SourceError(
                f"webcam {device}: images of {width}x{height} px, "
                f"expected {raw.width}x{raw.height} px as calibrated; calibrate at a size the camera has"
            )
    except SourceError:
        live.close()
        raise
    return live


def _capture(captured: CapturedImage, last_index: int | None) -> Capture:
    return Capture(captured.timestamp_ns, 0 if last_index is None else captured.index - last_index - 1)


def _undistorted(captured: CapturedImage, undistort: Undistorter) -> Image | None:
    return None if captured.is_patched else undistort(rgb_from_bgr(captured.image_bgr))
