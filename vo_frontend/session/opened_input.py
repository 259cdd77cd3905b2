"""From the command line to frames, and to the ground truth that belongs to them."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vo_frontend.errors import CameraError, ConfigError
from vo_frontend.sensors.calibration import Calibration, load_calibration
from vo_frontend.sources.base import FrameSource
from vo_frontend.types import Sensor, Trajectory

BUILT_IN_SEQUENCE = "synthetic/street"
MAX_CAMERA_HEIGHT_M = 100.0
ONE_CAMERA = "these frames come from one camera, without depth; use --seq or the built-in street"


@dataclass(frozen=True, slots=True)
class Input:
    """Frames for the estimator, and ground truth for the viewer and the report, never for the estimator."""

    source: FrameSource
    load_ground_truth: Callable[[], Trajectory] | None  # of the source's camera; None: not known
    is_built_in: bool = False


def open_input(args: argparse.Namespace) -> Input:
    """Open what the arguments name; the built-in street where they name nothing.

    Raises:
        VoError: it cannot be opened, or the options do not fit it.
    """
    from vo_frontend.sources.frame_range import parse_frames

    frames = parse_frames(args.frames) if args.frames else None
    sensor = Sensor(args.sensor)
    if args.camera_height is not None:
        _check_camera_height(args.camera_height, sensor)
    if args.seq:
        _refuse(args, "--camera", args.camera, "a named sequence brings its own calibration")
        return open_named(args.seq, args.data_root, sensor, frames)
    if args.images or args.video or args.webcam is not None:
        _refuse(args, "--sensor", None if sensor is Sensor.MONO else sensor.value, ONE_CAMERA)
    if args.images:
        from vo_frontend.sources.image_folder import open_image_folder

        calibration = _calibration(args, "--images")
        return Input(open_image_folder(args.images, calibration, fps=args.fps, frames=frames), None)
    if args.video:
        from vo_frontend.sources.video import VideoSource

        return Input(VideoSource(args.video, _calibration(args, "--video"), frames=frames), None)
    if args.webcam is not None:
        from vo_frontend.sources.webcam import WebcamSource

        _refuse(args, "--frames", args.frames, "a camera has no positions to choose from")
        return Input(WebcamSource(args.webcam, _calibration(args, "--webcam")), None)
    _refuse(args, "--camera", args.camera, "the built-in street has its own")
    return open_built_in(sensor, frames)


def open_named(
    name: str, data_root: Path | None, sensor: Sensor = Sensor.MONO, frames: slice | None = None
) -> Input:
    """Open a named sequence.

    Raises:
        VoError: it is unknown, missing or malformed.
    """
    from vo_frontend.evaluation import ground_truth_of_camera, load_ground_truth
    from vo_frontend.sources.registry import find_sequence, open_sequence

    sequence = find_sequence(name, data_root)
    source = open_sequence(sequence, sensor=sensor, frames=frames)
    ground_truth = sequence.ground_truth
    if ground_truth is None:
        return Input(source, None)
    return Input(source, lambda: ground_truth_of_camera(load_ground_truth(ground_truth), source.T_body_cam))


def open_built_in(sensor: Sensor = Sensor.MONO, frames: slice | None = None) -> Input:
    """Open the built-in street. The drive is as long as ``frames`` asks for, by default 300 frames."""
    from vo_frontend.simulation.street import DEFAULT_NUM_FRAMES, SyntheticSource, ground_truth

    stop = frames.stop if frames else None
    num_frames = max(DEFAULT_NUM_FRAMES, stop or 0)
    source = SyntheticSource(num_frames, sensor=sensor, frames=frames)
    return Input(source, lambda: ground_truth(num_frames), is_built_in=True)


def _check_camera_height(height_m: float, sensor: Sensor) -> None:
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


def _calibration(args: argparse.Namespace, option: str) -> Calibration:
    if args.camera is None:
        raise CameraError(
            f"{option} needs the camera's calibration: add --camera cam.yaml with the lines\n"
            "  intrinsics: [fx, fy, cx, cy]\n  resolution: [width, height]\n"
            "in pixels; --help shows how to give lens distortion"
        )
    return load_calibration(args.camera)


def _refuse(args: argparse.Namespace, option: str, value: object, why: str) -> None:
    if value is not None:
        raise ConfigError(f"{option} {value}: does not apply here, {why}")
