"""Numbers and matrices out of the fields of a file; every complaint names file and field."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import CameraError, shown
from vo_frontend.geometry.se3 import Transform
from vo_frontend.sensors.calibration import Camera

MAX_NUMBER = 1e9  # of what a calibration holds; also refuses what is not finite
ImageSize = tuple[int, int]  # width, height in px
AskImageSize = Callable[[], ImageSize]  # looks at the images, which costs time


def numbers(value: Any, where: str, count: int | None = None) -> list[float]:
    """Read a list of finite numbers, or an OpenCV or ROS matrix (``rows``, ``cols``, ``data``).

    Raises:
        CameraError: something else, or not ``count`` numbers.
    """
    data = value.get("data") if isinstance(value, dict) else value
    try:
        found = np.asarray(data, dtype=np.float64).ravel()
    except (TypeError, ValueError, OverflowError):
        found = np.array([np.nan])
    is_good = data is not None and not isinstance(data, str | bool) and (np.abs(found) <= MAX_NUMBER).all()
    if not is_good or count not in (None, len(found)):
        raise CameraError(f"{where}: got {shown(data)}, expected {count or 'a list of'} numbers")
    return [float(number) for number in found]


def matrix(value: Any, where: str, rows: int, columns: int) -> NDArray[np.float64]:
    """Read a matrix (rows, columns), row by row.

    Raises:
        CameraError: another number of entries.
    """
    return np.array(numbers(value, where, rows * columns)).reshape(rows, columns)


def rigid_transform(value: Any, where: str) -> Transform:
    """Read a pose (4, 4).

    Raises:
        CameraError: not 16 numbers, or not a rotation and a translation.
    """
    T = matrix(value, where, 4, 4)
    rotation = T[:3, :3]
    is_rigid = np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3) and np.linalg.det(rotation) > 0
    if not is_rigid or not np.allclose(T[3], (0, 0, 0, 1)):
        raise CameraError(f"{where}: not a rigid transform, expected a rotation and a last row 0 0 0 1")
    return T


def size_of(
    fields: dict[str, Any], names: tuple[str, str], where: str, image_size: AskImageSize | None
) -> ImageSize:
    """Read the image size from two fields, or take that of the images where the file has none.

    Raises:
        CameraError: neither is there.
    """
    width, height = (fields.get(name) for name in names)
    if width is None or height is None:
        return known_size(image_size, where)
    pair = numbers([width, height], f"{where}: {' and '.join(names)}", 2)
    return round(pair[0]), round(pair[1])


def known_size(image_size: AskImageSize | None, where: str) -> ImageSize:
    """Return the size of the images, which this kind of file does not state.

    Raises:
        CameraError: it is not known either.
    """
    if image_size is None:
        raise CameraError(
            f"{where}: states no image size; give it with --size WxH, or images to take it from"
        )
    return image_size()


def camera(
    K: tuple[float, float, float, float], size: ImageSize, model: str, coefficients: list[float], where: str
) -> Camera:
    """Build a camera from fx, fy, cx, cy (px), its image size and OpenCV's distortion coefficients.

    Zeros at the end that OpenCV's longer models would allow are dropped; all zero is no lens.

    Raises:
        CameraError: impossible values, or coefficients of a prism or tilted sensor.
    """
    lens = _without_zeros(coefficients) if model == "radial-tangential" else coefficients
    if not any(lens):
        model, lens = "none", []
    if model == "radial-tangential" and len(lens) > 8:
        raise CameraError(
            f"{where}: {len(coefficients)} distortion coefficients, those after the 8th (thin prism, tilted "
            "sensor) are not supported; calibrate without them"
        )
    try:
        return Camera(*K, *size, model, tuple(lens))
    except CameraError as error:
        raise CameraError(f"{where}: {error}") from None


def _without_zeros(coefficients: list[float]) -> list[float]:
    for count in (5, 8, 12):
        if len(coefficients) > count and not any(coefficients[count:]):
            return coefficients[:count]
    return coefficients + [0.0] * max(0, 4 - len(coefficients))
