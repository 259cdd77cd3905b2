"""Any folder of images, in natural order of their names."""

import logging
from pathlib import Path

from vo_frontend.errors import SourceError
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.undistortion import Undistorter
from vo_frontend.sources.frame_range import select
from vo_frontend.sources.image_files import list_images
from vo_frontend.sources.recorded import FrameFiles, RecordedSource

log = logging.getLogger(__name__)

DEFAULT_RATE_HZ = 10.0


def open_image_folder(
    folder: Path,
    calibration: Camera,
    *,
    fps: float | None = None,
    frames: slice | None = None,
    name: str | None = None,
) -> RecordedSource:
    """Open a folder; timestamps are position / ``fps`` (Hz), 10 Hz unless given.

    Raises:
        SourceError: the folder is missing or has no images, or their size is not the calibration's.
    """
    paths = list_images(folder)
    if fps is None:
        log.info("%s: images carry no timestamps, taking %g Hz", folder, DEFAULT_RATE_HZ)
        fps = DEFAULT_RATE_HZ
    if not fps > 0:
        raise SourceError(f"{folder}: fps is {fps}, expected a positive number of images per second")
    files = [FrameFiles(index, round(index * 1e9 / fps), path) for index, path in enumerate(paths)]
    name = name or folder.resolve().name
    return RecordedSource(name, select(files, frames, name), Undistorter(calibration))
