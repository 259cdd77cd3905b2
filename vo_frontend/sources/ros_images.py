"""The image messages of ROS, decoded to 8-bit grey or RGB."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import SourceError
from vo_frontend.sources.decoding import decode as decode_image
from vo_frontend.sources.image_files import rgb_from_bgr
from vo_frontend.types import Image

RAW, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
IMAGE_TYPES = (RAW, COMPRESSED)
# Encoding -> type of a channel, number of channels, OpenCV's conversion to RGB where one is needed.
# ROS names a Bayer pattern by its first row and OpenCV by the second one, hence the other names.
ENCODINGS: dict[str, tuple[str, int, int | None]] = {
    "mono8": ("u1", 1, None),
    "8UC1": ("u1", 1, None),
    "mono16": ("u2", 1, None),
    "16UC1": ("u2", 1, None),
    "rgb8": ("u1", 3, None),
    "bgr8": ("u1", 3, cv2.COLOR_BGR2RGB),
    "8UC3": ("u1", 3, cv2.COLOR_BGR2RGB),
    "rgba8": ("u1", 4, cv2.COLOR_RGBA2RGB),
    "bgra8": ("u1", 4, cv2.COLOR_BGRA2RGB),
    "bayer_rggb8": ("u1", 1, cv2.COLOR_BayerBG2RGB),
    "bayer_bggr8": ("u1", 1, cv2.COLOR_BayerRG2RGB),
    "bayer_gbrg8": ("u1", 1, cv2.COLOR_BayerGR2RGB),
    "bayer_grbg8": ("u1", 1, cv2.COLOR_BayerGB2RGB),
    "yuv422": ("u1", 2, cv2.COLOR_YUV2RGB_UYVY),
    "yuv422_yuy2": ("u1", 2, cv2.COLOR_YUV2RGB_YUY2),
}
DEPTH_ENCODINGS = {"16UC1": "u2", "mono16": "u2", "32FC1": "f4"}
HEADER_BYTES = 12  # of a compressed depth image


def decode(message: Any) -> Image:
    """Decode an ``Image`` or ``CompressedImage`` to (H, W) grey or (H, W, 3) RGB; 16 bits become 8.

    Raises:
        SourceError: an encoding that we do not know, or data that do not fill the image.
    """
    return _decode_compressed(message) if "CompressedImage" in message.__msgtype__ else _decode_raw(message)


def decode_depth(message: Any, units_per_m: float) -> NDArray[np.float32]:
    """Decode depths (H, W) in metres, NaN where unknown, as REP 118 and compressed_depth_image_transport say.

    ``16UC1`` holds whole numbers of which ``units_per_m`` (1000 in ROS) are a metre, ``32FC1`` metres.

    Raises:
        SourceError: an encoding that is no depth or that we do not know, or damaged data.
    """
    if "CompressedImage" in message.__msgtype__:
        depth_m = _compressed_depth_m(message, units_per_m)
    elif message.encoding in DEPTH_ENCODINGS:
        kind = np.dtype((">" if message.is_bigendian else "<") + DEPTH_ENCODINGS[message.encoding])
        values = _rows(message, kind, 1)[..., 0].astype(np.float32)
        depth_m = values / np.float32(units_per_m) if kind.kind == "u" else values
    else:
        raise SourceError(
            f"images of encoding '{message.encoding}', expected depths: {', '.join(DEPTH_ENCODINGS)}"
        )
    is_known = np.isfinite(depth_m) & (depth_m > 0)
    return np.where(is_known, depth_m, np.float32(np.nan)).astype(np.float32)


def _compressed_depth_m(message: Any, units_per_m: float) -> NDArray[np.float32]:
    """Decode a PNG behind a header of twelve bytes: format, and how floats became whole inverse depths."""
    encoding, _, transport = (part.strip() for part in str(message.format).partition(";"))
    data = np.asarray(message.data, dtype=np.uint8).tobytes()
    if encoding not in DEPTH_ENCODINGS or "compressedDepth" not in transport or "rvl" in transport.lower():
        raise SourceError(
            f"images of format '{message.format}', expected depths: '16UC1; compressedDepth png' or "
            "'32FC1; compressedDepth png'"
        )
    values = decode_image(data[HEADER_BYTES:], cv2.IMREAD_UNCHANGED)
    if values.ndim != 2 or values.dtype != np.uint16:
        raise SourceError(f"a {values.dtype} image of shape {values.shape}, expected 16 bits of depth")
    if DEPTH_ENCODINGS[encoding] == "u2":
        return values.astype(np.float32) / np.float32(units_per_m)
    quant_a, quant_b = np.frombuffer(data, "<f4", count=2, offset=4)
    with np.errstate(divide="ignore", invalid="ignore"):
        depth_m = quant_a / (values.astype(np.float32) - quant_b)
    return np.where(values > 0, depth_m, np.float32(np.nan)).astype(np.float32)


def _decode_compressed(message: Any) -> Image:
    data = np.asarray(message.data, dtype=np.uint8).tobytes()
    return rgb_from_bgr(decode_image(data, cv2.IMREAD_ANYCOLOR | cv2.IMREAD_IGNORE_ORIENTATION))


def _decode_raw(message: Any) -> Image:
    if message.encoding not in ENCODINGS:
        raise SourceError(f"images of encoding '{message.encoding}', expected {', '.join(ENCODINGS)}")
    kind, channels, conversion = ENCODINGS[message.encoding]
    order = ">" if message.is_bigendian else "<"
    rows = _rows(message, np.dtype(order + kind), channels)
    image = rows[..., 0] if channels == 1 else rows
    if kind == "u2":
        image = (image >> 8).astype(np.uint8)
    image = np.ascontiguousarray(image, dtype=np.uint8)
    return image if conversion is None else np.asarray(cv2.cvtColor(image, conversion), dtype=np.uint8)


def _rows(message: Any, kind: "np.dtype[Any]", channels: int) -> NDArray[Any]:
    """Cut the bytes of a message into (H, W, channels), without the padding at the end of each row."""
    width, height, step = int(message.width), int(message.height), int(message.step)
    used = width * channels * kind.itemsize
    data = np.asarray(message.data, dtype=np.uint8)
    if step < used or data.size < step * height or not used * height:
        raise SourceError(
            f"{data.size} bytes in rows of {step}, expected {height} rows of at least {used} bytes"
        )
    rows = np.ascontiguousarray(data[: step * height].reshape(height, step)[:, :used])
    return rows.view(kind).reshape(height, width, channels)
