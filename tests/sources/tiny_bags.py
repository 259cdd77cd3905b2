"""Recordings of ROS that show the pattern world."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pattern_world import CAMERA, DISTORTED, LENS, NUM_FRAMES, T_BODY_CAM, colored, depth_image, render
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_typestore

FIRST_NS, PERIOD_NS = 1_700_000_000_123_456_789, 50_000_000
LEFT, RIGHT = "/stereo/left/image_raw", "/stereo/right/image_raw"
COLOUR, DEPTH = "/camera/rgb/image_raw", "/camera/depth/image_raw"
KINDS = ("ros1", "ros2", "mcap")
QUANT_A, QUANT_B = 200.0, -1.5  # of compressed floats: 200 / (code + 1.5) is the depth


class BagWriter:
    """Writes messages of one kind of recording."""

    def __init__(self, folder: Path, kind: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.is_ros1 = kind == "ros1"
        self.path = folder / ("drive.bag" if self.is_ros1 else "drive")
        self.store = get_typestore(Stores.ROS1_NOETIC if self.is_ros1 else Stores.ROS2_HUMBLE)
        plugin = StoragePlugin.MCAP if kind == "mcap" else StoragePlugin.SQLITE3
        self.writer: Any = (
            Writer1(self.path) if self.is_ros1 else Writer2(self.path, version=9, storage_plugin=plugin)
        )
        self.connections: dict[str, Any] = {}

    def message(self, name: str, **fields: Any) -> Any:
        return self.store.types[name](**fields)

    def header(self, stamp_ns: int) -> Any:
        seconds, rest = divmod(stamp_ns, 1_000_000_000)
        stamp = self.message("builtin_interfaces/msg/Time", sec=seconds, nanosec=rest)
        number = {"seq": 0} if self.is_ros1 else {}
        return self.message("std_msgs/msg/Header", stamp=stamp, frame_id="camera", **number)

    def write(self, topic: str, kind: str, message: Any, recorded_ns: int) -> None:
        if topic not in self.connections:
            self.connections[topic] = self.writer.add_connection(topic, kind, typestore=self.store)
        serialize = self.store.serialize_ros1 if self.is_ros1 else self.store.serialize_cdr
        self.writer.write(self.connections[topic], recorded_ns, serialize(message, kind))

    def image(self, topic: str, image: NDArray[np.uint8], stamp_ns: int, encoding: str = "bgr8") -> None:
        height, width = image.shape[:2]
        padded = np.pad(image.reshape(height, -1), ((0, 0), (0, 5)))  # rows may be longer than the image
        message = self.message(
            "sensor_msgs/msg/Image",
            header=self.header(stamp_ns),
            height=height,
            width=width,
            encoding=encoding,
            is_bigendian=0,
            step=padded.shape[1],
            data=np.ascontiguousarray(padded).ravel(),
        )
        self.write(topic, "sensor_msgs/msg/Image", message, stamp_ns)

    def depth(self, topic: str, units: NDArray[np.uint16], stamp_ns: int, encoding: str) -> None:
        """Write whole millimetres (H, W), 0 where unknown, in one of the ways in which ROS writes depths."""
        depth_m = np.where(units == 0, np.nan, units / 1000)
        header = np.array([0, *np.array([QUANT_A, QUANT_B], np.float32).view(np.int32)], np.int32).tobytes()
        if encoding == "16UC1":
            self.image(topic, units.view(np.uint8).reshape(*units.shape, 2), stamp_ns, encoding)
        elif encoding == "32FC1":
            floats = depth_m.astype(np.float32)
            self.image(topic, floats.view(np.uint8).reshape(*floats.shape, 4), stamp_ns, encoding)
        elif encoding.startswith("16UC1"):
            self.jpeg(topic, header + png(units), stamp_ns, encoding)
        else:
            codes = np.rint(np.nan_to_num(QUANT_A / depth_m + QUANT_B)).astype(np.uint16)
            self.jpeg(topic, header + png(codes), stamp_ns, encoding)

    def jpeg(self, topic: str, data: bytes, stamp_ns: int, kind: str = "jpeg") -> None:
        message = self.message(
            "sensor_msgs/msg/CompressedImage",
            header=self.header(stamp_ns),
            format=kind,
            data=np.frombuffer(data, np.uint8),
        )
        self.write(topic, "sensor_msgs/msg/CompressedImage", message, stamp_ns)

    def imu(
        self,
        topic: str,
        rate_rad_s: NDArray[np.float64],
        stamp_ns: int,
        late_ns: int = 0,
        *,
        covariance: float = 0,
    ) -> None:
        """Write a rate of rotation (3,), which is recorded later than it was measured."""
        vector, no_matrix = "geometry_msgs/msg/Vector3", np.zeros(9)
        x, y, z = (float(value) for value in rate_rad_s)
        message = self.message(
            "sensor_msgs/msg/Imu",
            header=self.header(stamp_ns),
            orientation=self.message("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=0.0, w=1.0),
            orientation_covariance=no_matrix,
            angular_velocity=self.message(vector, x=x, y=y, z=z),
            angular_velocity_covariance=np.array([covariance, *no_matrix[1:]]),
            linear_acceleration=self.message(vector, x=0.0, y=0.0, z=9.81),
            linear_acceleration_covariance=no_matrix,
        )
        self.write(topic, "sensor_msgs/msg/Imu", message, stamp_ns + late_ns)

    def camera_info(self, topic: str, R: NDArray[np.float64], P: NDArray[np.float64]) -> None:
        names = "KDRP" if self.is_ros1 else "kdrp"
        matrices = (CAMERA.K, np.array([*LENS, 0.0]), R, P)
        fields = {name: value.ravel() for name, value in zip(names, matrices, strict=True)}
        roi = self.message(
            "sensor_msgs/msg/RegionOfInterest", x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
        )
        message = self.message(
            "sensor_msgs/msg/CameraInfo",
            header=self.header(FIRST_NS),
            height=CAMERA.height,
            width=CAMERA.width,
            distortion_model="plumb_bob",
            binning_x=0,
            binning_y=0,
            roi=roi,
            **fields,
        )
        self.write(topic, "sensor_msgs/msg/CameraInfo", message, FIRST_NS)


def png(image: NDArray[np.uint16]) -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


def stamp_ns(position: int) -> int:
    return FIRST_NS + position * PERIOD_NS


def write_mono_bag(folder: Path, kind: str, *, compressed: bool = False) -> Path:
    """Write images of the distorted camera, and its calibration beside them."""
    bag = BagWriter(folder, kind)
    with bag.writer:
        P = np.column_stack([CAMERA.K, np.zeros(3)])
        bag.camera_info("/camera/camera_info", np.eye(3), P)
        for i in range(NUM_FRAMES):
            image = colored(render(DISTORTED, i))
            if compressed:
                data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()
                bag.jpeg("/camera/image_raw/compressed", data, stamp_ns(i))
            else:
                bag.image("/camera/image_raw", image, stamp_ns(i))
    return bag.path


def write_stereo_bag(folder: Path, kind: str) -> Path:
    """Write the pair of T_BODY_CAM, its right images 3 ms late, and how ROS describes the pair."""
    T_right_left = np.linalg.inv(T_BODY_CAM[1]) @ T_BODY_CAM[0]
    lens, size = np.array(LENS), (CAMERA.width, CAMERA.height)
    R1, R2, P1, P2 = cv2.stereoRectify(
        CAMERA.K, lens, CAMERA.K, lens, size, T_right_left[:3, :3], T_right_left[:3, 3:], alpha=0.0
    )[:4]
    bag = BagWriter(folder, kind)
    with bag.writer:
        bag.camera_info("/stereo/left/camera_info", np.asarray(R1), np.asarray(P1))
        bag.camera_info("/stereo/right/camera_info", np.asarray(R2), np.asarray(P2))
        for i in range(NUM_FRAMES):
            # The body is the rectified left camera, to which R turns each of the two.
            for topic, R, late_ns in ((LEFT, R1, 0), (RIGHT, R2, 3_000_000)):
                bag.image(topic, render(DISTORTED, i, np.asarray(R)), stamp_ns(i) + late_ns, "mono8")
    return bag.path


def write_rgbd_bag(folder: Path, kind: str, encoding: str = "16UC1") -> Path:
    """Write colour images and the depths registered to them, 5 ms late."""
    bag = BagWriter(folder, kind)
    topic = f"{DEPTH}/compressedDepth" if ";" in encoding else DEPTH
    with bag.writer:
        bag.camera_info("/camera/rgb/camera_info", np.eye(3), np.column_stack([CAMERA.K, np.zeros(3)]))
        for i in range(NUM_FRAMES):
            bag.image(COLOUR, colored(render(DISTORTED, i)), stamp_ns(i))
            bag.depth(topic, depth_image(1000, 0), stamp_ns(i) + 5_000_000, encoding)
    return bag.path
