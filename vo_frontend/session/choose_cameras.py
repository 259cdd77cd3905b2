"""Which calibration own frames have: a file, what a recording carries, or a guess."""

import logging
from pathlib import Path

import numpy as np

from vo_frontend.errors import CameraError, ConfigError
from vo_frontend.run_config import CameraConfig, RunConfig
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.camera_files import read_camera_file
from vo_frontend.sensors.rig import CameraRig, MountedCamera
from vo_frontend.session.own_frames import image_size_of, own_source

log = logging.getLogger(__name__)

GUESS = "guess"
MIN_FOV_DEG, MAX_FOV_DEG = 10.0, 150.0
FULL_FRAME_DIAGONAL_MM = np.hypot(36.0, 24.0)  # CIPA DCG-001: what a 35 mm equivalent refers to
GUESS_WARNING = "a wrong focal length bends path and map; calibrate for a result to rely on"


def choose_cameras(
    camera: Camera | str | Path | None, camera_right: Camera | str | Path | None, run: RunConfig
) -> CameraRig | None:
    """Find the calibration of own frames; None where nothing says one.

    Args:
        camera: a calibration, its file, "guess:FOV" (degrees across the image), or "guess" for the focal
            length that photographs state.
        camera_right: of the right camera, where ``camera`` is of the left one alone.
        run: says where the frames are, for files that state no image size and for guesses.

    Raises:
        VoError: a file cannot be read, a guess is impossible, or the frames cannot be looked at.
    """
    if camera is None:
        if camera_right is not None:
            raise ConfigError(f"--camera-right {camera_right}: needs --camera with the left camera")
        return _of_recording(run)
    rig = _rig(camera, run)
    if camera_right is None:
        return rig
    right = _rig(camera_right, run)
    if np.allclose(right.left.T_body_cam, rig.left.T_body_cam):
        raise CameraError(
            f"{camera_right}: says no other place than {camera} has; expected files that say where the "
            "cameras sit (EuRoC's T_BS, the R and P of ROS), or a Kalibr camchain of both"
        )
    return CameraRig(rig.left, right.left, rig.imu)


def camera_config(camera: Camera) -> CameraConfig:
    """Write a calibration down as a section of the configuration."""
    return CameraConfig(
        (camera.fx, camera.fy, camera.cx, camera.cy),
        (camera.width, camera.height),
        camera.distortion_model,
        camera.distortion,
    )


def _rig(camera: Camera | str | Path, run: RunConfig) -> CameraRig:
    if isinstance(camera, Camera):
        return CameraRig(MountedCamera(camera))
    kind, _, value = str(camera).partition(":")
    if kind == GUESS and not Path(camera).exists():
        return CameraRig(MountedCamera(_guess(value, run)))
    ask = None if own_source(run) is None else lambda: image_size_of(run)
    return read_camera_file(Path(camera), ask)


def _of_recording(run: RunConfig) -> CameraRig | None:
    if run.bag is None or run.camera is not None:
        return None
    from vo_frontend.sources.ros_bag import RosBag

    bag = RosBag(Path(run.bag))
    left = bag.camera(bag.image_topic(run.topic))
    if run.topic_right is None:
        return CameraRig(left)
    return CameraRig(left, bag.camera(bag.image_topic(run.topic_right, "--topic-right")))


def _guess(fov: str, run: RunConfig) -> Camera:
    if own_source(run) is None:
        raise ConfigError(f"--camera guess:{fov}: does not apply here, these frames have their calibration")
    width, height = image_size_of(run)
    if not fov:
        focal_px = _focal_of_photograph(run, (width, height))
    else:
        focal_px = width / 2 / np.tan(np.deg2rad(_degrees(fov)) / 2)
    across_deg = np.rad2deg(2 * np.arctan(width / 2 / focal_px))
    log.warning(
        "the calibration is a guess: focal length %.0f px (%.0f deg across), principal point in the middle, "
        "no distortion; %s", focal_px, across_deg, GUESS_WARNING
    )  # fmt: skip
    return Camera(float(focal_px), float(focal_px), (width - 1) / 2, (height - 1) / 2, width, height)


def _degrees(text: str) -> float:
    try:
        fov_deg = float(text)
    except ValueError:
        fov_deg = np.nan
    if not MIN_FOV_DEG <= fov_deg <= MAX_FOV_DEG:
        raise ConfigError(
            f"--camera guess:{text}: expected the angle across the image in degrees, {MIN_FOV_DEG:g} to "
            f"{MAX_FOV_DEG:g}; a phone has about 65, a webcam 60 to 80"
        )
    return fov_deg


def _focal_of_photograph(run: RunConfig, size_px: tuple[int, int]) -> float:
    from vo_frontend.sources.image_files import list_images, read_focal_35mm

    if run.images is None:
        raise ConfigError("--camera guess: only photographs state a focal length; say --camera guess:FOV_DEG")
    first = list_images(Path(run.images))[0]
    focal_mm = read_focal_35mm(first)
    if focal_mm is None:
        raise CameraError(f"{first}: states no 35 mm equivalent focal length; say --camera guess:FOV_DEG")
    return float(focal_mm / FULL_FRAME_DIAGONAL_MM * np.hypot(*size_px))
