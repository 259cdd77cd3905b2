"""TUM RGB-D layout (Sturm et al., IROS 2012): ``rgb.txt``, ``depth.txt`` and the images they list."""

from pathlib import Path

import numpy as np

from vo_frontend.errors import SourceError
from vo_frontend.geometry.timestamps import mutually_nearest
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.undistortion import Undistorter
from vo_frontend.sources.frame_range import select
from vo_frontend.sources.recorded import (
    DepthFormat,
    FrameFiles,
    RecordedSource,
    keep_present,
    require_sensor,
    warn_of_unpaired,
)
from vo_frontend.sources.text_table import read_rows, require_increasing
from vo_frontend.types import Sensor

DEPTH_FORMAT = DepthFormat(units_per_m=5000.0)
MAX_DEPTH_OFFSET_S = 0.02  # of the benchmark's own associate.py


def open_tum(
    folder: Path,
    calibration: Camera,
    *,
    name: str,
    sensor: Sensor = Sensor.MONO,
    frames: slice | None = None,
) -> RecordedSource:
    """Open a sequence folder: colour frames, and the registered depth image nearest in time within 0.02 s.

    Colour and depth share one lens in this benchmark, so ``calibration`` undistorts both.

    Raises:
        SourceError: a file is missing or malformed, or the sequence has no depth for rgbd.
    """
    require_sensor(sensor, (Sensor.MONO, Sensor.RGBD), name)
    files = _list_images(folder, folder / "rgb.txt")
    if sensor is Sensor.RGBD:
        files = _with_depth(files, folder, name)
    depth = DEPTH_FORMAT if sensor is Sensor.RGBD else None
    return RecordedSource(name, select(files, frames, name), Undistorter(calibration), depth=depth)


def _list_images(folder: Path, listing: Path) -> list[FrameFiles]:
    rows = read_rows(listing)
    for row in rows:
        row.require(2, "'timestamp filename', for example '1305031229.528748 rgb/1305031229.528748.png'")
    stamps_ns = [row.seconds_as_ns(row.fields[0]) for row in rows]
    require_increasing(stamps_ns, rows)
    files = [
        FrameFiles(index, stamp_ns, row.path_below(folder, row.fields[1]))
        for index, (stamp_ns, row) in enumerate(zip(stamps_ns, rows, strict=True))
    ]
    return keep_present(files, listing)


def _with_depth(files: list[FrameFiles], folder: Path, name: str) -> list[FrameFiles]:
    listing = folder / "depth.txt"
    if not listing.is_file():
        raise SourceError(f"{listing}: not found, sensor 'rgbd' needs it; use sensor 'mono'")
    depth_files = _list_images(folder, listing)
    partner = mutually_nearest(
        np.array([frame.timestamp_ns for frame in files]),
        np.array([frame.timestamp_ns for frame in depth_files]),
        round(MAX_DEPTH_OFFSET_S * 1e9),
    )
    warn_of_unpaired(name, int((partner < 0).sum()), len(files), f"depth within {MAX_DEPTH_OFFSET_S} s")
    return [
        FrameFiles(
            frame.index, frame.timestamp_ns, frame.image, depth=depth_files[j].image if j >= 0 else None
        )
        for frame, j in zip(files, partner, strict=True)
    ]
