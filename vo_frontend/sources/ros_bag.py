"""Recordings of ROS 1 (.bag), ROS 2 (folder, .db3) and MCAP, through rosbags: topics, messages, cameras."""

import logging
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import CameraError, SourceError, did_you_mean
from vo_frontend.sensors.camera_files.yaml_formats import read_ros
from vo_frontend.sensors.rig import MountedCamera
from vo_frontend.sources.image_files import image_size
from vo_frontend.sources.ros_images import IMAGE_TYPES, decode, decode_depth
from vo_frontend.sources.stamped_messages import StampedMessage
from vo_frontend.types import Image

if TYPE_CHECKING:
    from rosbags.highlevel import AnyReader
    from rosbags.interfaces import Connection

log = logging.getLogger(__name__)

CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
IMU = "sensor_msgs/msg/Imu"


class RosBag:
    """A recording whose topics are known."""

    def __init__(self, path: Path) -> None:
        """Open it once to learn its topics.

        Raises:
            SourceError: rosbags is not installed, or this is no recording that it reads.
        """
        self.path = path
        with self.open() as reader:
            self._types = {connection.topic: connection.msgtype for connection in reader.connections}

    def open(self) -> "AnyReader":
        """Open a reader, to be used as a context.

        Raises:
            SourceError: rosbags is not installed, or this is no recording that it reads.
        """
        try:
            from rosbags.highlevel import AnyReader, AnyReaderError
            from rosbags.typesys import Stores, get_typestore
        except ImportError:
            raise SourceError(
                "--bag needs the package rosbags: pip install 'vo_frontend[bags]' (or pip install rosbags)"
            ) from None
        if not self.path.exists():
            raise SourceError(f"{self.path}: no such recording")
        try:
            reader = AnyReader([self.path], default_typestore=get_typestore(Stores.ROS2_HUMBLE))
            with reader:  # reads the index, so that a damaged file is told here
                pass
        except (AnyReaderError, OSError) as error:
            raise SourceError(
                f"{self.path}: not a recording that rosbags reads ({error}); expected a .bag of ROS 1, the "
                "folder of a ROS 2 recording, or an .mcap"
            ) from None
        return reader

    def image_topic(self, wanted: str | None, option: str = "--topic") -> str:
        """Return the topic to read, where none is named the only one with images.

        Raises:
            SourceError: there is no such topic, it holds no images, or there are several to choose from.
        """
        topics = sorted(topic for topic, kind in self._types.items() if kind in IMAGE_TYPES)
        if wanted is None:
            if len(topics) == 1:
                return topics[0]
            raise SourceError(
                f"{self.path}: say with {option} which images to use; it holds {', '.join(topics) or 'none'}"
            )
        return self._topic(wanted, topics, "images")

    def imu_topic(self, wanted: str) -> str:
        """Return the topic of a gyroscope.

        Raises:
            SourceError: there is no such topic, or it holds no rates of rotation.
        """
        topics = sorted(topic for topic, kind in self._types.items() if kind == IMU)
        topic = self._topic(wanted, topics, "IMU")
        if not any(rate_rad_s(first) is not None for _, first in islice(self.read([topic], Event()), 1)):
            raise SourceError(
                f"{self.path}: {topic} holds no rates of rotation; is it the topic of an accelerometer alone?"
            )
        return topic

    def _topic(self, wanted: str, topics: list[str], what: str) -> str:
        if wanted not in self._types:
            raise SourceError(
                f"{self.path}: no topic '{wanted}', {did_you_mean(wanted, topics or self._types)}"
            )
        if wanted not in topics:
            raise SourceError(
                f"{self.path}: {wanted} holds {self._types[wanted]}, no {what}; "
                f"those are in {', '.join(topics) or 'no topic'}"
            )
        return wanted

    def count(self, topic: str) -> int:
        """Count the messages of a topic."""
        with self.open() as reader:
            return sum(each.msgcount for each in _connections(reader, topic))

    def read(self, topics: list[str], closed: Event) -> Iterator[tuple[str, StampedMessage]]:
        """Read the messages of topics in the order of the recording, until ``closed`` is set."""
        counts = dict.fromkeys(topics, 0)
        with self.open() as reader:
            chosen = [each for topic in topics for each in _connections(reader, topic)]
            for connection, recorded_ns, data in reader.messages(chosen):
                if closed.is_set():
                    return
                message: Any = reader.deserialize(data, connection.msgtype)
                index = counts[connection.topic]
                counts[connection.topic] = index + 1
                stamp = message.header.stamp
                stamp_ns = int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)
                yield connection.topic, StampedMessage(index, stamp_ns or recorded_ns, message)

    def size_of(self, topic: str, *, is_depth: bool = False) -> tuple[int, int]:
        """Return width and height in px of the first image, or of the first depth, that can be decoded.

        Raises:
            SourceError: none can.
        """
        for _, stamped in self.read([topic], Event()):
            image = self.decode_depth(stamped, 1.0) if is_depth else self.decode(stamped)
            if image is not None:
                return image_size(image)
        raise SourceError(f"{self.path}: no image of {topic} can be decoded")

    def camera(self, topic: str) -> MountedCamera:
        """Read the calibration that the recording carries beside an image topic.

        Raises:
            CameraError: there is none, or it is malformed.
        """
        info = f"{topic.removesuffix('/compressed').rpartition('/')[0]}/camera_info"
        if self._types.get(info) != CAMERA_INFO:
            raise CameraError(
                f"{self.path}: no calibration for {topic} (looked for {info}); add --camera cam.yaml"
            )
        with self.open() as reader:
            for connection, _, data in reader.messages(_connections(reader, info)):
                message: Any = reader.deserialize(data, connection.msgtype)
                return _mounted_camera(message, f"{self.path}: {info}", is_rectified="rect" in topic)
        raise CameraError(f"{self.path}: {info} holds no message; add --camera cam.yaml")

    def decode(self, stamped: StampedMessage) -> Image | None:
        """Decode an image, (H, W) grey or (H, W, 3) RGB; where that fails warn and return None."""
        try:
            return decode(stamped.message)
        except SourceError as error:
            log.warning("frame %d has no usable image: %s: %s", stamped.index, self.path, error)
            return None

    def decode_depth(self, stamped: StampedMessage, units_per_m: float) -> NDArray[np.float32] | None:
        """Decode depths (H, W) in metres, NaN where unknown; where that fails warn and return None."""
        try:
            return decode_depth(stamped.message, units_per_m)
        except SourceError as error:
            log.warning("depth image %d cannot be used: %s: %s", stamped.index, self.path, error)
            return None


def rate_rad_s(stamped: StampedMessage) -> NDArray[np.float64] | None:
    """Return the rate of rotation (3,) of an IMU message; None where it says that it has none."""
    if stamped.message.angular_velocity_covariance[0] == -1:  # as sensor_msgs/Imu defines it
        return None
    rate = stamped.message.angular_velocity
    return np.array([rate.x, rate.y, rate.z])


def _connections(reader: "AnyReader", topic: str) -> "list[Connection]":
    return [connection for connection in reader.connections if connection.topic == topic]


def _mounted_camera(message: Any, where: str, *, is_rectified: bool) -> MountedCamera:
    """Turn a CameraInfo message into a camera; K, D, R, P are k, d, r, p in ROS 2."""
    fields = {"width": message.width, "height": message.height, "distortion_model": message.distortion_model}
    in_capitals = "K" in message.__dataclass_fields__
    for name in "KDRP":
        fields[name] = np.asarray(getattr(message, name if in_capitals else name.lower())).tolist()
    if is_rectified:  # then P is the camera of the images, and there is no lens any more
        P = np.reshape(fields["P"], (3, 4))
        fields |= {"K": P[:, :3].tolist(), "D": [], "distortion_model": "", "R": np.eye(3).tolist()}
    return read_ros(fields, where, None).left
