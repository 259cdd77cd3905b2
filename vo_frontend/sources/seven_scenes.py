"""7-Scenes layout (Shotton et al., CVPR 2013): ``frame-XXXXXX.color.*`` and ``.depth.png`` in one folder.

The dataset's poses are those of the depth camera, and depth is not registered to colour: a few
centimetres and degrees lie between the two.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import SourceError
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.undistortion import Undistorter
from vo_frontend.sources.frame_range import select
from vo_frontend.sources.image_files import list_images
from vo_frontend.sources.recorded import (
    DepthFormat,
    FrameFiles,
    RecordedSource,
    probe_camera,
    require_sensor,
    warn_of_unpaired,
)
from vo_frontend.sources.text_table import read_rows
from vo_frontend.types import Sensor

MAX_FRAME_DIGITS = 9
RATE_HZ = 30.0  # the dataset has no timestamps
DEPTH_FORMAT = DepthFormat(units_per_m=1000.0, invalid=(0, 65535))
INTRINSICS_FILE = "camera-intrinsics.txt"


def open_seven_scenes(
    folder: Path,
    calibration: Camera | None = None,
    *,
    name: str,
    sensor: Sensor = Sensor.MONO,
    frames: slice | None = None,
) -> RecordedSource:
    """Open a sequence folder: colour frames, numbered by their file names, at 30 Hz.

    ``calibration`` is used where neither the folder nor the one above has ``camera-intrinsics.txt``.

    Raises:
        SourceError: a file is missing or malformed, or the sequence has no depth for rgbd.
        CameraError: the intrinsics do not fit the images.
    """
    require_sensor(sensor, (Sensor.MONO, Sensor.RGBD), name)
    files = select(_list_frames(folder, name, has_depth=sensor is Sensor.RGBD), frames, name)
    intrinsics = [path / INTRINSICS_FILE for path in (folder, folder.parent)]
    found = next((path for path in intrinsics if path.is_file()), None)
    if found is not None:
        calibration = Camera.from_pinhole(probe_camera(files, _read_intrinsics(found), str(found)))
    if calibration is None:
        raise SourceError(f"{intrinsics[0]}: not found, expected a 3x3 calibration matrix in px")
    depth = DEPTH_FORMAT if sensor is Sensor.RGBD else None
    return RecordedSource(name, files, Undistorter(calibration), depth=depth)


def _list_frames(folder: Path, name: str, *, has_depth: bool) -> list[FrameFiles]:
    images = list_images(folder)
    color = [path for path in images if path.stem.endswith(".color")]
    if not color:
        raise SourceError(f"{folder}: no frame-XXXXXX.color.png (or .jpg) in this folder")
    depth_of = {path.name.split(".")[0]: path for path in images if path.stem.endswith(".depth")}
    if has_depth and not depth_of:
        raise SourceError(
            f"{folder}: sensor 'rgbd' needs frame-XXXXXX.depth.png, found none; use sensor 'mono'"
        )
    files = []
    for path in color:
        prefix = path.name.split(".")[0]
        number = prefix.removeprefix("frame-")
        if not number.isdecimal() or len(number) > MAX_FRAME_DIGITS:
            raise SourceError(f"{path}: expected a file name like frame-000042.color.png")
        stamp_ns = round(int(number) * 1e9 / RATE_HZ)
        files.append(
            FrameFiles(int(number), stamp_ns, path, depth=depth_of.get(prefix) if has_depth else None)
        )
    if has_depth:
        warn_of_unpaired(name, sum(frame.depth is None for frame in files), len(files), "depth image")
    return files


def _read_intrinsics(path: Path) -> NDArray[np.float64]:
    rows = read_rows(path)
    expected = "three rows of three numbers, the calibration matrix in px"
    if len(rows) != 3:
        raise SourceError(f"{path}: {len(rows)} rows, expected {expected}")
    for row in rows:
        row.require(3, expected)
    return np.stack([row.numbers(row.fields[:3], expected) for row in rows])
