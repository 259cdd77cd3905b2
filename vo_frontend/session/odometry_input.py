"""What users hand to :class:`vo_frontend.Odometry`, checked before anything is done with it."""

import numbers

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import CameraError, ConfigError, FrameError, did_you_mean, shown
from vo_frontend.features.image import MIN_SIZE_PX
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.camera_files.values import rigid_transform
from vo_frontend.sensors.gyroscope import Gyroscope
from vo_frontend.types import Sensor

MAX_TIMESTAMP_NS = 2**63 - 1
MAX_BASELINE_M = 100.0
MAX_TIME_SHIFT_S = 10.0


def checked_sensor(sensor: str | Sensor) -> Sensor:
    """Return the sensor of a name.

    Raises:
        ConfigError: there is none.
    """
    names = [each.value for each in Sensor]
    name = sensor.value if isinstance(sensor, Sensor) else sensor
    if name not in names:
        raise ConfigError(f"sensor: got {shown(sensor)}, {did_you_mean(str(sensor), names)}")
    return Sensor(name)


def check_rig(sensor: Sensor, camera: Camera, baseline_m: float | None) -> None:
    """Require that camera and baseline fit the sensor.

    Raises:
        CameraError: images are too small, or the lens of a pair is distorted.
        ConfigError: the baseline is missing, out of range, or of no use.
    """
    size = f"{camera.width}x{camera.height} px"
    if min(camera.width, camera.height) < MIN_SIZE_PX:
        raise CameraError(f"camera: got images of {size}, expected at least {MIN_SIZE_PX}x{MIN_SIZE_PX} px")
    if sensor is not Sensor.STEREO:
        if baseline_m is not None:
            raise ConfigError(
                f"baseline_m: got {baseline_m}, but the sensor is '{sensor.value}', not 'stereo'"
            )
        return
    if baseline_m is None or not 0 < baseline_m <= MAX_BASELINE_M:
        raise ConfigError(
            f"baseline_m: got {baseline_m}, sensor 'stereo' needs the distance of the two cameras in metres"
        )
    if camera.distortion_model != "none":
        raise CameraError(
            f"camera: got {camera.distortion_model} distortion, sensor 'stereo' needs rectified pairs, which "
            "have none; rectify both images first and give the camera of the rectified ones"
        )


def mounted_gyroscope(T_cam_imu: NDArray[np.float64], time_shift_s: float) -> Gyroscope:
    """Return a gyroscope that is mounted at ``T_cam_imu`` (4, 4).

    Raises:
        CameraError: that is not a rotation and a translation.
        ConfigError: the shift of its clock is out of range.
    """
    if not abs(time_shift_s) <= MAX_TIME_SHIFT_S:  # False where NaN
        raise ConfigError(
            f"timeshift_cam_imu_s: got {time_shift_s}, expected at most {MAX_TIME_SHIFT_S:g} s either way"
        )
    T = rigid_transform(np.asarray(T_cam_imu, dtype=object).tolist(), "T_cam_imu")
    return Gyroscope(T[:3, :3], round(time_shift_s * 1e9))


def checked_rate(rate_rad_s: object) -> NDArray[np.float64]:
    """Return a reading of a gyroscope (3,).

    Raises:
        FrameError: it is not three numbers.
    """
    try:
        rate = np.array(rate_rad_s, dtype=np.float64)
    except (TypeError, ValueError):
        rate = np.zeros(0)
    if rate.shape != (3,):
        raise FrameError(f"rate_rad_s: got {shown(rate_rad_s)}, expected three rates in rad/s")
    return rate


def checked_timestamp(timestamp_ns: object) -> int:
    """Return a time as Python's integer.

    Raises:
        FrameError: it is none, or beyond 64 bits.
    """
    if not isinstance(timestamp_ns, numbers.Integral) or isinstance(timestamp_ns, bool):
        raise FrameError(
            f"timestamp_ns: got {shown(timestamp_ns)} ({type(timestamp_ns).__name__}), expected integer "
            "nanoseconds; for seconds s: round(s * 1e9)"
        )
    if abs(int(timestamp_ns)) > MAX_TIMESTAMP_NS:
        raise FrameError(f"timestamp_ns: got {timestamp_ns}, expected at most {MAX_TIMESTAMP_NS} ns")
    return int(timestamp_ns)
