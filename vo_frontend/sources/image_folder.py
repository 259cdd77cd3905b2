"""Any folder of images, in natural order of their names, with one of right images or of depths beside it."""

import logging
import re
from dataclasses import dataclass, replace
from pathlib import Path

from vo_frontend.errors import SourceError
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.rectification import RectifiedPair
from vo_frontend.sensors.undistortion import Undistorter
from vo_frontend.sources.frame_range import select
from vo_frontend.sources.image_files import list_images
from vo_frontend.sources.recorded import (
    DepthFormat,
    FrameFiles,
    RecordedSource,
    StereoRig,
    warn_of_unpaired,
)

log = logging.getLogger(__name__)

DEFAULT_RATE_HZ = 10.0


@dataclass(frozen=True, slots=True)
class RightFolder:
    """The images of the right camera, and how both are rectified."""

    folder: Path
    pair: RectifiedPair


@dataclass(frozen=True, slots=True)
class DepthFolder:
    """The depth images that belong to the images of a folder, registered to them."""

    folder: Path
    depth_format: DepthFormat


def open_image_folder(
    folder: Path,
    calibration: Camera | Undistorter,
    *,
    partner: RightFolder | DepthFolder | None = None,
    fps: float | None = None,
    frames: slice | None = None,
    name: str | None = None,
) -> RecordedSource:
    """Open a folder; timestamps are position / ``fps`` (Hz), 10 Hz unless given.

    Right images and depth images pair with images of the same name, else by the last number in their names,
    else by position where both folders hold as many.

    Raises:
        SourceError: a folder is missing or has no images, nothing pairs, or a size is not the calibration's.
    """
    paths = list_images(folder)
    if fps is None:
        log.info("%s: images carry no timestamps, taking %g Hz", folder, DEFAULT_RATE_HZ)
        fps = DEFAULT_RATE_HZ
    if not fps > 0:
        raise SourceError(f"{folder}: fps is {fps}, expected a positive number of images per second")
    files = [FrameFiles(index, round(index * 1e9 / fps), path) for index, path in enumerate(paths)]
    name = name or folder.resolve().name
    undistort = Undistorter(calibration) if isinstance(calibration, Camera) else calibration
    if partner is None:
        return RecordedSource(name, select(files, frames, name), undistort)
    partners = _partners(paths, list_images(partner.folder), partner.folder)
    if isinstance(partner, DepthFolder):
        files = [replace(file, depth=depth) for file, depth in zip(files, partners, strict=True)]
        warn_of_unpaired(name, partners.count(None), len(files), "depth image")
        return RecordedSource(name, select(files, frames, name), undistort, depth=partner.depth_format)
    files = [replace(file, image_right=right) for file, right in zip(files, partners, strict=True)]
    warn_of_unpaired(name, partners.count(None), len(files), "right image")
    pair = partner.pair
    rig = StereoRig(pair.baseline_m, pair.right)
    files = select(files, frames, name)
    return RecordedSource(name, files, pair.left, stereo=rig, T_body_cam=pair.T_body_cam)


def _partners(paths: list[Path], others: list[Path], folder: Path) -> list[Path | None]:
    """Find for each image the one of another folder that belongs to it, None where there is none."""
    for key in (_stem, _last_number):
        of_key = {key(path): path for path in others}
        found = [of_key.get(key(path)) for path in paths]
        if len(of_key) == len(others) and any(found) and None not in map(key, paths):
            return found
    if len(others) != len(paths):
        raise SourceError(
            f"{folder}: {len(others)} images whose names do not match those of the {len(paths)} in "
            f"{paths[0].parent} ({others[0].name} and {paths[0].name}); "
            "give partners the same names or numbers"
        )
    return list(others)


def _stem(path: Path) -> str | None:
    return path.stem


def _last_number(path: Path) -> str | None:
    numbers = re.findall(r"\d+", path.stem)
    return str(int(numbers[-1])) if numbers else None
