"""From a configuration to frames, and to the ground truth that belongs to them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vo_frontend.errors import CameraError, ConfigError, SourceError
from vo_frontend.features.image import MIN_SIZE_PX
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.run_config import CameraConfig, RunConfig
from vo_frontend.session.background import OPENING_LIMIT_S, within
from vo_frontend.session.own_frames import check_partners, open_own_frames, own_source
from vo_frontend.simulation import STREET, is_street
from vo_frontend.sources.base import FrameSource
from vo_frontend.sources.frame_range import parse_frames
from vo_frontend.types import Sensor, Trajectory

MAX_CAMERA_HEIGHT_M = 100.0
SAME_CAMERA_PX = 1e-6


@dataclass(frozen=True, slots=True)
class OpenedInput:
    """Frames for the estimator, and ground truth for the viewer and the report, never for the estimator."""

    source: FrameSource
    load_ground_truth: Callable[[], Trajectory] | None  # of the source's camera; None: not known
    is_built_in: bool = False


def open_input(run: RunConfig) -> OpenedInput:
    """Open the frames that a configuration names; the built-in street where it names nothing.

    Raises:
        VoError: they cannot be opened, or the options do not fit them.
    """
    sensor, frames = Sensor(run.sensor), parse_frames(run.frames) if run.frames else None
    if run.camera_height_m is not None:
        check_camera_height(run.camera_height_m, sensor)
    if own_source(run) is None:
        check_partners(run)
        name = STREET if run.sequence is None else run.sequence
        opened = open_named(name, _path(run.data_root), sensor, frames, has_imu=run.imu)
        _check_same_camera(run, opened.source)
        return opened
    return OpenedInput(open_own_frames(run, frames), None)


def open_in_time(run: RunConfig, stop_requested: Callable[[], bool]) -> OpenedInput:
    """Open the frames as :func:`open_input` does, unless their disk or network stalls.

    Raises:
        VoError: they cannot be opened in time, are too small, or the options do not fit them.
        KeyboardInterrupt: the user asked to stop first.
    """
    opened = within(OPENING_LIMIT_S, lambda: open_input(run), "the frames", stop_requested)
    camera = opened.source.camera
    if min(camera.width, camera.height) < MIN_SIZE_PX:
        opened.source.close()
        raise SourceError(
            f"{opened.source.name}: images of {camera.width}x{camera.height} px, expected at least "
            f"{MIN_SIZE_PX}x{MIN_SIZE_PX} px"
        )
    return opened


def open_named(
    name: str,
    data_root: Path | None,
    sensor: Sensor = Sensor.MONO,
    frames: slice | None = None,
    *,
    has_imu: bool = False,
) -> OpenedInput:
    """Open a named sequence, the built-in street among them; with ``has_imu`` also its gyroscope.

    Raises:
        VoError: it is unknown, missing or malformed.
    """
    if is_street(name):
        if has_imu:
            raise ConfigError("--imu: does not apply here, the built-in street has none; say --seq euroc/...")
        return _open_street(sensor, frames)
    from vo_frontend.evaluation import ground_truth_of_camera, load_ground_truth
    from vo_frontend.sources.registry import find_sequence, open_sequence

    sequence = find_sequence(name, data_root)
    source = open_sequence(sequence, sensor=sensor, frames=frames, has_imu=has_imu)
    ground_truth = sequence.ground_truth
    if ground_truth is None:
        return OpenedInput(source, None)
    return OpenedInput(
        source, lambda: ground_truth_of_camera(load_ground_truth(ground_truth), source.T_body_cam)
    )


def _open_street(sensor: Sensor, frames: slice | None) -> OpenedInput:
    """Open the built-in street. The drive is as long as ``frames`` asks for, by default 300 frames."""
    from vo_frontend.simulation.street import DEFAULT_NUM_FRAMES, SyntheticSource, ground_truth

    stop = frames.stop if frames else None
    num_frames = max(DEFAULT_NUM_FRAMES, stop or 0)
    source = SyntheticSource(num_frames, sensor=sensor, frames=frames)
    return OpenedInput(source, lambda: ground_truth(num_frames), is_built_in=True)


def check_camera_height(height_m: float, sensor: Sensor) -> None:
    """Refuse a height that no vehicle has, and one beside a sensor that measures the scale itself.

    Raises:
        ConfigError: as said.
    """
    if sensor is not Sensor.MONO:
        raise ConfigError(
            f"--camera-height {height_m:g}: does not apply here, --sensor {sensor.value} measures the scale "
            "itself; leave one of the two out"
        )
    if not 0 < height_m <= MAX_CAMERA_HEIGHT_M:
        raise ConfigError(
            f"--camera-height {height_m:g}: expected the height above the road in metres, "
            f"more than 0 and at most {MAX_CAMERA_HEIGHT_M:g}"
        )


def _check_same_camera(run: RunConfig, source: FrameSource) -> None:
    """Refuse to repeat a run on a sequence whose calibration has changed since."""
    if run.camera is None:
        return
    found, recorded = camera_of(source.camera), run.camera
    differences = [abs(a - b) for a, b in zip(found.intrinsics, recorded.intrinsics, strict=True)]
    if max(differences) > SAME_CAMERA_PX or found.resolution != recorded.resolution:
        raise CameraError(
            f"{source.name}: the configuration was recorded with {_describe(recorded)}, the sequence has "
            f"{_describe(found)}; leave run.camera out to use what it has"
        )


def _describe(camera: CameraConfig) -> str:
    return f"intrinsics {list(camera.intrinsics)} at {camera.resolution[0]}x{camera.resolution[1]} px"


def camera_of(camera: PinholeCamera) -> CameraConfig:
    """Write the camera of undistorted frames down as a section of the configuration."""
    return CameraConfig((camera.fx, camera.fy, camera.cx, camera.cy), (camera.width, camera.height))


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
