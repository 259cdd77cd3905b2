"""Frames out of a recording: images of a topic, alone, in pairs or with depths, and with a gyroscope."""

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import SourceError
from vo_frontend.sensors.gyroscope import Gyroscope
from vo_frontend.sensors.rectification import RectifiedPair
from vo_frontend.sensors.rig import MountedImu
from vo_frontend.sensors.undistortion import Undistorter
from vo_frontend.sources.frame_range import format_frames
from vo_frontend.sources.image_files import image_size
from vo_frontend.sources.names import plain_name
from vo_frontend.sources.recorded import READINGS, warn_of_unpaired
from vo_frontend.sources.ros_bag import RosBag, rate_rad_s
from vo_frontend.sources.stamped_messages import MAX_WAITING, StampedMessage, pair_by_time
from vo_frontend.types import Attitude, Frame, Image, Sensor


@dataclass(frozen=True, slots=True)
class RightTopic:
    """Images of the right camera, and how both are rectified."""

    topic: str
    pair: RectifiedPair


@dataclass(frozen=True, slots=True)
class DepthTopic:
    """Depth images registered to the colour images: the same size, each pixel the same ray."""

    topic: str
    units_per_m: float  # of whole numbers, 1000 in ROS; fractions are metres


@dataclass(frozen=True, slots=True)
class ImuTopic:
    """An IMU, whose gyroscope says how the camera turns."""

    topic: str
    mount: MountedImu


class BagSource:
    """Undistorted images of a topic with the time stamps of their headers, alone or with a partner each."""

    is_live = False

    def __init__(
        self,
        bag: RosBag,
        topic: str,
        undistort: Undistorter,
        *,
        partner: RightTopic | DepthTopic | None = None,
        imu: ImuTopic | None = None,
        frames: slice | None = None,
    ) -> None:
        """Look at the first image of each topic; with a right one, ``undistort`` is that of its pair.

        Raises:
            SourceError: images of another size than the calibration, or ``frames`` selects nothing.
        """
        self.name = plain_name(bag.path.stem)
        self._bag, self._topic, self._partner, self._imu = bag, topic, partner, imu
        pair = partner.pair if isinstance(partner, RightTopic) else None
        self._undistort = undistort if pair is None else pair.left
        self.sensor = Sensor.MONO if partner is None else Sensor.RGBD if pair is None else Sensor.STEREO
        self.camera = self._undistort.camera
        self.baseline_m = None if pair is None else pair.baseline_m
        self.T_body_cam = np.eye(4) if pair is None else pair.T_body_cam
        self._closed = threading.Event()
        self._require_size(topic, bag.size_of(topic), self._undistort)
        if pair is not None and partner is not None:
            self._require_size(partner.topic, bag.size_of(partner.topic), pair.right)
        elif partner is not None:
            self._require_size(partner.topic, bag.size_of(partner.topic, is_depth=True), self._undistort)
        count = bag.count(topic)
        self._wanted = range(count)[frames or slice(None)]
        if not self._wanted:
            raise SourceError(
                f"{bag.path}: --frames {format_frames(frames or slice(None))} selects nothing, "
                f"{topic} has {count} images"
            )

    @property
    def num_frames(self) -> int:
        """Count the frames that will come."""
        return len(self._wanted)

    def __iter__(self) -> Iterator[Frame]:
        last_ns, num_without = -1, 0
        for image, other, attitude in self._with_attitudes():
            if image.index > self._wanted[-1]:
                break
            if image.index not in self._wanted:
                continue
            last_ns = max(image.timestamp_ns, last_ns + 1)  # some drivers repeat a stamp
            num_without += attitude is None
            yield replace(self._frame(last_ns, image, other), attitude=attitude)
        if self._imu is not None and not self._closed.is_set():
            warn_of_unpaired(f"{self._bag.path}: {self._imu.topic}", num_without, self.num_frames, READINGS)

    def close(self) -> None:
        """End a running iteration, which then releases the file."""
        self._closed.set()

    def _frame(self, timestamp_ns: int, stamped: StampedMessage, other: StampedMessage | None) -> Frame:
        image = self._undistorted(stamped, self._undistort)
        image_right, depth_m = None, None
        if other is not None and isinstance(self._partner, RightTopic):
            image_right = self._undistorted(other, self._partner.pair.right)
        elif other is not None and isinstance(self._partner, DepthTopic):
            depth_m = self._depth_m(other, self._partner)
        return Frame(stamped.index, timestamp_ns, image, image_right, depth_m)

    def _undistorted(self, stamped: StampedMessage, undistort: Undistorter) -> Image | None:
        image = self._bag.decode(stamped)
        if image is None or image_size(image) != (undistort.raw.width, undistort.raw.height):
            return None
        return undistort(image)

    def _depth_m(self, stamped: StampedMessage, depth: DepthTopic) -> NDArray[np.float32] | None:
        depth_m, raw = self._bag.decode_depth(stamped, depth.units_per_m), self._undistort.raw
        if depth_m is None or image_size(depth_m) != (raw.width, raw.height):
            return None
        seen_m = self._undistort(np.nan_to_num(depth_m), nearest=True)  # 0 where the lens saw nothing, too
        return np.where(seen_m > 0, seen_m, np.float32(np.nan))

    def _with_attitudes(self) -> Iterator[tuple[StampedMessage, StampedMessage | None, Attitude | None]]:
        """Hold images back until the gyroscope has been read as far as them, at most ``MAX_WAITING``."""
        if self._imu is None:
            yield from ((*pair, None) for pair in self._pairs())
            return
        mount = self._imu.mount
        R_cam_imu = self.T_body_cam[:3, :3].T @ mount.T_cam_imu[:3, :3]  # the body is the unrectified camera
        gyroscope = Gyroscope(R_cam_imu, round(mount.time_shift_s * 1e9))
        waiting: deque[tuple[StampedMessage, StampedMessage | None]] = deque()
        for pair in self._pairs(gyroscope):
            waiting.append(pair)
            while waiting and (gyroscope.reaches(waiting[0][0].timestamp_ns) or len(waiting) > MAX_WAITING):
                image, other = waiting.popleft()
                yield image, other, gyroscope.attitude(image.timestamp_ns)
        for image, other in waiting:
            yield image, other, gyroscope.attitude(image.timestamp_ns)

    def _pairs(
        self, gyroscope: Gyroscope | None = None
    ) -> Iterator[tuple[StampedMessage, StampedMessage | None]]:
        if self._partner is None:
            for _, stamped in self._images([self._topic], gyroscope):
                yield stamped, None
            return
        topics = [self._topic, self._partner.topic]
        yield from pair_by_time(
            (topic == self._topic, stamped) for topic, stamped in self._images(topics, gyroscope)
        )

    def _images(self, topics: list[str], gyroscope: Gyroscope | None) -> Iterator[tuple[str, StampedMessage]]:
        """Read images, and hand what an IMU measures meanwhile to the gyroscope."""
        if self._imu is None or gyroscope is None:
            yield from self._bag.read(topics, self._closed)
            return
        for topic, stamped in self._bag.read([*topics, self._imu.topic], self._closed):
            if topic != self._imu.topic:
                yield topic, stamped
            elif (rate := rate_rad_s(stamped)) is not None:
                gyroscope.add(stamped.timestamp_ns, rate)

    def _require_size(self, topic: str, size_px: tuple[int, int], undistort: Undistorter) -> None:
        raw = undistort.raw
        if size_px == (raw.width, raw.height):
            return
        how = "; use the depths that are registered to the colour image" if topic != self._topic else ""
        how = how if isinstance(self._partner, DepthTopic) else ""
        raise SourceError(
            f"{self._bag.path}: {topic} holds images of {size_px[0]}x{size_px[1]} px, "
            f"expected {raw.width}x{raw.height} px as calibrated{how}"
        )
