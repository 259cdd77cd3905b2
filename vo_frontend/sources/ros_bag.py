"""Images in recordings of ROS 1 (.bag), ROS 2 (folder, .db3) and MCAP, read through rosbags."""

import logging
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vo_frontend.errors import CameraError, SourceError, did_you_mean
from vo_frontend.sensors.camera_files.yaml_formats import read_ros
from vo_frontend.sensors.rectification import RectifiedPair
from vo_frontend.sensors.rig import MountedCamera
from vo_frontend.sensors.undistortion import Undistorter
from vo_frontend.sources.frame_range import format_frames
from vo_frontend.sources.image_files import image_size
from vo_frontend.sources.names import plain_name
from vo_frontend.sources.ros_images import IMAGE_TYPES, decode
from vo_frontend.types import Frame, Image, Sensor

if TYPE_CHECKING:
    from rosbags.highlevel import AnyReader
    from rosbags.interfaces import Connection

log = logging.getLogger(__name__)

CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
MAX_SKEW_NS = 20_000_000  # between the images of a pair
MAX_WAITING = 20  # left images that wait for a right one, of cameras that do not send in turn


@dataclass(frozen=True, slots=True)
class StampedMessage:
    """A message that holds an image, which is decoded where it is used."""

    index: int  # position in its topic
    timestamp_ns: int  # of its header, else of the recording
    message: Any


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
        if wanted not in self._types:
            raise SourceError(
                f"{self.path}: no topic '{wanted}', {did_you_mean(wanted, topics or self._types)}"
            )
        if wanted not in topics:
            raise SourceError(
                f"{self.path}: {wanted} holds {self._types[wanted]}, no images; "
                f"those are in {', '.join(topics) or 'no topic'}"
            )
        return wanted

    def count(self, topic: str) -> int:
        """Count the messages of a topic."""
        with self.open() as reader:
            return sum(each.msgcount for each in _connections(reader, topic))

    def read(self, topics: list[str], closed: threading.Event) -> Iterator[tuple[str, StampedMessage]]:
        """Read the messages of image topics in the order of the recording, until ``closed`` is set."""
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

    def size_of(self, topic: str) -> tuple[int, int]:
        """Return width and height in px of the first image that can be decoded.

        Raises:
            SourceError: none can.
        """
        for _, stamped in self.read([topic], threading.Event()):
            if (image := self.decode(stamped)) is not None:
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


class BagSource:
    """Undistorted images of a topic, or rectified pairs of two, with the time stamps of their headers."""

    is_live = False

    def __init__(
        self,
        bag: RosBag,
        topic: str,
        undistort: Undistorter,
        *,
        right: tuple[str, RectifiedPair] | None = None,
        frames: slice | None = None,
    ) -> None:
        """Look at the first image; ``right`` names the topic of the right camera and how both are rectified.

        Raises:
            SourceError: images of another size than the calibration, or ``frames`` selects nothing.
        """
        self.name = plain_name(bag.path.stem)
        self._bag, self._topic, self._right = bag, topic, right
        self._undistort = undistort if right is None else right[1].left
        self.sensor = Sensor.MONO if right is None else Sensor.STEREO
        self.camera = self._undistort.camera
        self.baseline_m = None if right is None else right[1].baseline_m
        self.T_body_cam = np.eye(4) if right is None else right[1].T_body_cam
        self._closed = threading.Event()
        self._require_size(topic, self._undistort)
        if right is not None:
            self._require_size(right[0], right[1].right)
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
        last_ns = -1
        for left, right in self._pairs():
            if left.index > self._wanted[-1]:
                return
            if left.index not in self._wanted:
                continue
            last_ns = max(left.timestamp_ns, last_ns + 1)  # some drivers repeat a stamp
            image = self._undistorted(left, self._undistort)
            image_right = None
            if self._right is not None and right is not None:
                image_right = self._undistorted(right, self._right[1].right)
            yield Frame(left.index, last_ns, image, image_right)

    def close(self) -> None:
        """End a running iteration, which then releases the file."""
        self._closed.set()

    def _undistorted(self, stamped: StampedMessage, undistort: Undistorter) -> Image | None:
        image = self._bag.decode(stamped)
        if image is None or image_size(image) != (undistort.raw.width, undistort.raw.height):
            return None
        return undistort(image)

    def _pairs(self) -> Iterator[tuple[StampedMessage, StampedMessage | None]]:
        if self._right is None:
            for _, stamped in self._bag.read([self._topic], self._closed):
                yield stamped, None
            return
        topics = [self._topic, self._right[0]]
        yield from pair_by_time(
            (topic == self._topic, stamped) for topic, stamped in self._bag.read(topics, self._closed)
        )

    def _require_size(self, topic: str, undistort: Undistorter) -> None:
        size, raw = self._bag.size_of(topic), undistort.raw
        if size != (raw.width, raw.height):
            raise SourceError(
                f"{self._bag.path}: {topic} holds images of {size[0]}x{size[1]} px, "
                f"expected {raw.width}x{raw.height} px as calibrated"
            )


def pair_by_time(
    arriving: Iterator[tuple[bool, StampedMessage]],
) -> Iterator[tuple[StampedMessage, StampedMessage | None]]:
    """Pair left images with the right ones nearest in time, at most ``MAX_SKEW_NS`` away, else with None.

    Args:
        arriving: whether it is a left image, and the image; each side in the order of its stamps.
    """
    lefts: deque[StampedMessage] = deque()
    rights: deque[StampedMessage] = deque()
    for is_left, stamped in arriving:
        (lefts if is_left else rights).append(stamped)
        while lefts and (
            (rights and rights[-1].timestamp_ns >= lefts[0].timestamp_ns) or len(lefts) > MAX_WAITING
        ):
            yield _with_nearest(lefts.popleft(), rights)
    while lefts:
        yield _with_nearest(lefts.popleft(), rights)


def _with_nearest(
    left: StampedMessage, rights: deque[StampedMessage]
) -> tuple[StampedMessage, StampedMessage | None]:
    while len(rights) > 1 and rights[1].timestamp_ns <= left.timestamp_ns:
        rights.popleft()  # the next one is nearer to this left image and to all that follow
    nearest = min(rights, key=lambda each: abs(each.timestamp_ns - left.timestamp_ns), default=None)
    if nearest is None or abs(nearest.timestamp_ns - left.timestamp_ns) > MAX_SKEW_NS:
        return left, None
    return left, nearest


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
