"""KITTI odometry layout (Geiger et al., CVPR 2012): ``image_0[, image_1], calib.txt, times.txt``.

Grey images are used where there are any, colour (``image_2``, ``image_3``) otherwise. Images are
rectified. A partial sequence keeps the frame numbers of the whole in its file names.
"""

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import SourceError
from vo_frontend.geometry.se3 import from_rotation_translation
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.undistortion import Undistorter
from vo_frontend.sources.frame_range import select
from vo_frontend.sources.image_files import list_images
from vo_frontend.sources.recorded import FrameFiles, RecordedSource, StereoRig, probe_camera, require_sensor
from vo_frontend.sources.text_table import read_rows, require_increasing
from vo_frontend.types import Sensor

log = logging.getLogger(__name__)

DEFAULT_RATE_HZ = 10.0
MAX_FRAME_DIGITS = 9  # three years at 10 Hz; more would not fit times of 64 bits


def open_kitti(
    folder: Path, *, name: str, sensor: Sensor = Sensor.MONO, frames: slice | None = None
) -> RecordedSource:
    """Open ``kitti/sequences/NN``; ``T_body_cam`` is relative to camera 0, as KITTI's poses are.

    Raises:
        SourceError: a file is missing or malformed, or the sequence has no right images for stereo.
        CameraError: the calibration does not fit the images.
    """
    require_sensor(sensor, (Sensor.MONO, Sensor.STEREO), name)
    left = _left_camera(folder)
    all_files = _list_frames(folder, left, is_stereo=sensor is Sensor.STEREO)
    files = select(all_files, frames, name)
    projections = _read_calibration(folder / "calib.txt")
    P_left = _projection(projections, left, folder)
    undistort = Undistorter(
        Camera.from_pinhole(probe_camera(files, P_left[:, :3], str(folder / "calib.txt")))
    )
    # P = K [I | t_cam_cam0], Geiger et al. 2013, eq. 3: all cameras are rectified to one orientation.
    T_cam0_cam = from_rotation_translation(np.eye(3), -np.linalg.inv(P_left[:, :3]) @ P_left[:, 3])
    stereo = None
    if sensor is Sensor.STEREO:
        P_right = _projection(projections, left + 1, folder)
        baseline_m = float((P_left[0, 3] - P_right[0, 3]) / P_left[0, 0])
        if baseline_m <= 0:
            raise SourceError(
                f"{folder / 'calib.txt'}: P{left} and P{left + 1} are {baseline_m:g} m apart, expected > 0"
            )
        stereo = StereoRig(baseline_m, undistort)
    return RecordedSource(name, files, undistort, stereo=stereo, T_body_cam=T_cam0_cam)


def _left_camera(folder: Path) -> int:
    for camera in (0, 2):
        if (folder / f"image_{camera}").is_dir():
            return camera
    raise SourceError(f"{folder}: no folder image_0 (grey) or image_2 (colour)")


def _list_frames(folder: Path, left: int, *, is_stereo: bool) -> list[FrameFiles]:
    paths = list_images(folder / f"image_{left}")
    right_folder = folder / f"image_{left + 1}"
    if is_stereo and not right_folder.is_dir():
        raise SourceError(
            f"{folder}: sensor 'stereo' needs image_{left + 1}, which is not there; use sensor 'mono'"
        )
    indices = [_frame_number(path) for path in paths]
    for index, previous, path in zip(indices[1:], indices, paths[1:], strict=False):
        if index <= previous:
            raise SourceError(f"{path}: frame number {index} appears twice in this folder")
    stamps_ns = _read_times(folder / "times.txt", indices)
    return [
        FrameFiles(index, stamp_ns, path, right_folder / path.name if is_stereo else None)
        for index, stamp_ns, path in zip(indices, stamps_ns, paths, strict=True)
    ]


def _frame_number(path: Path) -> int:
    if not path.stem.isdecimal() or len(path.stem) > MAX_FRAME_DIGITS:
        raise SourceError(f"{path}: the file name is not a frame number, expected for example 000042.png")
    return int(path.stem)


def _read_times(path: Path, indices: list[int]) -> list[int]:
    if not path.is_file():
        log.info("%s is missing: timestamps are frame number / %g Hz", path, DEFAULT_RATE_HZ)
        return [round(index * 1e9 / DEFAULT_RATE_HZ) for index in indices]
    rows = read_rows(path)
    if len(rows) <= indices[-1]:
        raise SourceError(
            f"{path}: {len(rows)} rows, but image number {indices[-1]} needs at least {indices[-1] + 1}; "
            "expected one row for each frame of the whole sequence"
        )
    chosen = [rows[index] for index in indices]
    stamps_ns = [row.seconds_as_ns(row.fields[0]) for row in chosen]
    require_increasing(stamps_ns, chosen)
    return stamps_ns


def _read_calibration(path: Path) -> dict[str, NDArray[np.float64]]:
    projections = {}
    for row in read_rows(path, ":"):
        expected = "'P0: ' and 12 numbers of a 3x4 projection matrix"
        row.require(2, expected)
        label, values = row.fields[0], row.fields[1].split()
        if label.startswith("P"):
            if len(values) != 12:
                raise SourceError(f"{row.where}: {label} has {len(values)} numbers, expected {expected}")
            projections[label] = row.numbers(values, expected).reshape(3, 4)
    return projections


def _projection(
    projections: dict[str, NDArray[np.float64]], camera: int, folder: Path
) -> NDArray[np.float64]:
    label = f"P{camera}"
    if label not in projections:
        raise SourceError(
            f"{folder / 'calib.txt'}: no line '{label}:', needed for the images in image_{camera}; "
            f"found {', '.join(projections) or 'none'}"
        )
    return projections[label]
