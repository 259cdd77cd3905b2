"""One entry for all calibration files."""

from pathlib import Path

from vo_frontend.errors import CameraError, ConfigError
from vo_frontend.sensors.camera_files.text_formats import is_colmap, is_kitti, read_colmap, read_kitti
from vo_frontend.sensors.camera_files.values import AskImageSize
from vo_frontend.sensors.camera_files.yaml_formats import (
    Fields,
    is_euroc,
    is_kalibr,
    is_opencv,
    is_ros,
    load_fields,
    read_euroc,
    read_kalibr,
    read_opencv,
    read_ros,
)
from vo_frontend.sensors.rig import CameraRig
from vo_frontend.yaml_text import read_text

UNDERSTOOD = (
    "EuRoC's sensor.yaml (and ours), a Kalibr camchain, ROS camera_info, OpenCV YAML, KITTI's calib.txt, "
    "COLMAP's cameras.txt"
)
TEXT_FORMATS = ((is_colmap, read_colmap), (is_kitti, read_kitti))
YAML_FORMATS = (  # the first that fits: ROS and OpenCV share a name
    (is_kalibr, read_kalibr),
    (is_euroc, read_euroc),
    (is_ros, read_ros),
    (is_opencv, read_opencv),
)


def read_camera_file(path: Path, image_size: AskImageSize | None = None) -> CameraRig:
    """Read a calibration in any format that we understand.

    Args:
        path: the file; its name does not matter.
        image_size: tells width and height in px of the images, for formats that do not state them.

    Raises:
        CameraError: the file cannot be read, is of no known format, or a field is wrong.
    """
    text = _read_text(path)
    stripped = (line.strip() for line in text.splitlines())
    lines = [line for line in stripped if line and not line.startswith("#")]
    for fits_lines, read_lines in TEXT_FORMATS:
        if fits_lines(lines):
            return read_lines(lines, str(path), image_size)
    fields = load_fields(text, str(path))
    for fits, read in YAML_FORMATS:
        if fits(fields):
            return read(fields, str(path), image_size)
    found = ", ".join(name[:40] for name in list(fields)[:5]) + (", ..." if len(fields) > 5 else "")
    raise CameraError(
        f"{path}: found the fields {found}, which fit no camera file; understood are {UNDERSTOOD}"
    )


def read_fields(path: Path) -> Fields:
    """Read a YAML file without interpreting its fields.

    Raises:
        CameraError: the file cannot be read, is not YAML, or has no fields.
    """
    return load_fields(_read_text(path), str(path))


def _read_text(path: Path) -> str:
    try:
        return read_text(path, "camera file")
    except ConfigError as error:
        raise CameraError(str(error)) from None
