"""TUM RGB-D layout (Sturm et al., IROS 2012): ``rgb.txt``, ``depth.txt`` and the images they list."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import SourceError
from vo_frontend.sensors.calibration import Calibration
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
    calibration: Calibration,
    *,
    name: str,
    sensor: Sensor = Sensor.MONO,
    frames: slice | None = None,
) -> RecordedSource:
    """Colour frames, undistorted, and the registered depth image nearest in time within 0.02 s.

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
        FrameFiles(index, stamp_ns, folder / row.fields[1])
        for index, (stamp_ns, row) in enumerate(zip(stamps_ns, rows, strict=True))
    ]
    return keep_present(files, listing)


def _with_depth(files: list[FrameFiles], folder: Path, name: str) -> list[FrameFiles]:
    listing = folder / "depth.txt"
    if not listing.is_file():
        raise SourceError(f"{listing}: not found, sensor 'rgbd' needs it; use sensor 'mono'")
    depth_files = _list_images(folder, listing)
    partner = associate_nearest(
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


def associate_nearest(
    stamps_ns: NDArray[np.int64], others_ns: NDArray[np.int64], max_offset_ns: int
) -> NDArray[np.int64]:
    """Partner of each stamp (N,): index into ``others_ns`` (M,), -1 where there is none.

    Both are increasing. Partners are each other's nearest, so that no depth image serves two frames.
    """
    nearest_other = _nearest(stamps_ns, others_ns)
    is_mutual = _nearest(others_ns, stamps_ns)[nearest_other] == np.arange(len(stamps_ns))
    is_close = np.abs(others_ns[nearest_other] - stamps_ns) <= max_offset_ns
    return np.where(is_mutual & is_close, nearest_other, -1)


def _nearest(queries: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
    after = np.searchsorted(values, queries).clip(max=len(values) - 1)
    before = (after - 1).clip(min=0)
    return np.where(np.abs(queries - values[before]) <= np.abs(values[after] - queries), before, after)
