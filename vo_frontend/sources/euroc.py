"""EuRoC / ASL layout (Burri et al., IJRR 2016): ``mav0/{cam0, cam1, imu0}/{data.csv, sensor.yaml, data/}``.

Mono frames are undistorted with their own intrinsics; stereo pairs are rectified, which turns both
cameras a little: ``T_body_cam`` follows.
"""

from dataclasses import replace
from pathlib import Path

from vo_frontend.errors import SourceError
from vo_frontend.geometry.se3 import Transform
from vo_frontend.sensors.calibration import parse_camera
from vo_frontend.sensors.camera_files.reading import read_fields
from vo_frontend.sensors.camera_files.values import rigid_transform
from vo_frontend.sensors.gyroscope import Gyroscope
from vo_frontend.sensors.rectification import rectify
from vo_frontend.sensors.rig import MountedCamera
from vo_frontend.sensors.undistortion import Undistorter
from vo_frontend.sources.frame_range import select
from vo_frontend.sources.recorded import (
    READINGS,
    FrameFiles,
    RecordedSource,
    StereoRig,
    keep_present,
    require_sensor,
    warn_of_unpaired,
)
from vo_frontend.sources.text_table import read_rows, require_increasing
from vo_frontend.types import Sensor

EXPECTED_READING = "timestamp [ns], then the rates about x, y and z [rad/s]"


def open_euroc(
    folder: Path,
    *,
    name: str,
    sensor: Sensor = Sensor.MONO,
    frames: slice | None = None,
    has_imu: bool = False,
) -> RecordedSource:
    """Open a sequence folder, given with or without its ``mav0``. The body is the IMU.

    With ``has_imu`` the frames carry the attitudes of its gyroscope.

    Raises:
        SourceError: a file is missing or malformed, or the sequence has no cam1 for stereo.
        CameraError: a sensor.yaml is malformed or does not fit the images.
    """
    require_sensor(sensor, (Sensor.MONO, Sensor.STEREO), name)
    mav0 = folder / "mav0" if (folder / "mav0").is_dir() else folder
    files = _list_images(mav0 / "cam0")
    left = _read_mounted_camera(mav0 / "cam0" / "sensor.yaml")
    if sensor is Sensor.MONO:
        undistort, files = Undistorter(left.calibration), select(files, frames, name)
        files = _with_attitudes(files, mav0 / "imu0", left.T_body_cam) if has_imu else files
        return RecordedSource(name, files, undistort, T_body_cam=left.T_body_cam)
    if not (mav0 / "cam1").is_dir():
        raise SourceError(f"{mav0}: sensor 'stereo' needs cam1, which is not there; use sensor 'mono'")
    files = _with_right(files, mav0 / "cam1", name)
    right = _read_mounted_camera(mav0 / "cam1" / "sensor.yaml")
    pair = rectify(left, right, name)
    rig = StereoRig(pair.baseline_m, pair.right)
    files = select(files, frames, name)
    files = _with_attitudes(files, mav0 / "imu0", pair.T_body_cam) if has_imu else files
    return RecordedSource(name, files, pair.left, stereo=rig, T_body_cam=pair.T_body_cam)


def _list_images(camera_folder: Path) -> list[FrameFiles]:
    listing = camera_folder / "data.csv"
    rows = read_rows(listing, ",")
    for row in rows:
        row.require(2, "'timestamp [ns],filename'")
    stamps_ns = [row.nanoseconds(row.fields[0]) for row in rows]
    require_increasing(stamps_ns, rows)
    files = [
        FrameFiles(index, stamp_ns, row.path_below(camera_folder / "data", row.fields[1]))
        for index, (stamp_ns, row) in enumerate(zip(stamps_ns, rows, strict=True))
    ]
    return keep_present(files, listing)


def _with_right(files: list[FrameFiles], camera_folder: Path, name: str) -> list[FrameFiles]:
    right_of = {frame.timestamp_ns: frame.image for frame in _list_images(camera_folder)}
    paired = [replace(frame, image_right=right_of.get(frame.timestamp_ns)) for frame in files]
    unpaired = sum(frame.image_right is None for frame in paired)
    warn_of_unpaired(name, unpaired, len(paired), "right image of the same timestamp")
    return paired


def _with_attitudes(files: list[FrameFiles], imu_folder: Path, T_body_cam: Transform) -> list[FrameFiles]:
    """Give the frames the attitudes of a camera that sits so on the body.

    Raises:
        SourceError: there are no readings, or one is malformed.
        CameraError: nothing says how the IMU sits on the body.
    """
    listing, mount = imu_folder / "data.csv", imu_folder / "sensor.yaml"
    rows = read_rows(listing, ",")
    for row in rows:
        row.require(4, EXPECTED_READING)
    stamps_ns = [row.nanoseconds(row.fields[0]) for row in rows]
    require_increasing(stamps_ns, rows)
    rates = (row.numbers(row.fields[1:4], EXPECTED_READING) for row in rows)
    T_body_imu = rigid_transform(read_fields(mount).get("T_BS"), f"{mount}: T_BS")
    gyroscope = Gyroscope(T_body_cam[:3, :3].T @ T_body_imu[:3, :3])
    readings = zip(stamps_ns, rates, strict=True)
    with_attitudes = []
    for frame in files:
        while not gyroscope.reaches(frame.timestamp_ns) and (reading := next(readings, None)) is not None:
            gyroscope.add(*reading)
        with_attitudes.append(replace(frame, attitude=gyroscope.attitude(frame.timestamp_ns)))
    missing = sum(frame.attitude is None for frame in with_attitudes)
    warn_of_unpaired(str(listing), missing, len(files), READINGS)
    return with_attitudes


def _read_mounted_camera(path: Path) -> MountedCamera:
    """Read intrinsics, distortion and the pose in the body (``T_BS``) from a sensor.yaml.

    Raises:
        CameraError: a field is missing or malformed; the message names it.
    """
    fields = read_fields(path)
    return MountedCamera(
        parse_camera(fields, str(path)), rigid_transform(fields.get("T_BS"), f"{path}: T_BS")
    )
