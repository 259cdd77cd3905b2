"""The options of a run, as the command line and :func:`vo_frontend.run` name them, as one configuration."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vo_frontend.config import Config
from vo_frontend.config_files import load_config, override
from vo_frontend.geometry.se3 import Transform
from vo_frontend.run_config import FRAME_SOURCES, RunConfig
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.rig import CameraRig
from vo_frontend.session.choose_cameras import camera_config, choose_cameras
from vo_frontend.session.own_frames import PARTNERS, sensor_of

DATA_ROOT_VARIABLE = "VO_DATA_ROOT"
# Where each option lies in the configuration.
_FIELDS = {
    "sequence": "run.sequence",
    "images": "run.images",
    "video": "run.video",
    "webcam": "run.webcam",
    "bag": "run.bag",
    "images_right": "run.images_right",
    "video_right": "run.video_right",
    "side_by_side": "run.side_by_side",
    "webcam_right": "run.webcam_right",
    "depth": "run.depth",
    "depth_scale": "run.depth_scale",
    "topic": "run.topic",
    "topic_right": "run.topic_right",
    "topic_depth": "run.topic_depth",
    "topic_imu": "run.topic_imu",
    "imu": "run.imu",
    "resize": "run.resize",
    "refine_focal": "run.refine_focal",
    "sensor": "run.sensor",
    "frames": "run.frames",
    "fps": "run.fps",
    "camera_height_m": "run.camera_height_m",
    "map": "run.map",
    "localize_only": "run.localize_only",
    "save_map": "run.save_map",
    "keep_all_points": "run.keep_all_points",
    "deterministic": "run.deterministic",
    "realtime": "run.realtime",
    "data_root": "run.data_root",
    "weights_dir": "run.weights_dir",
    "features": "features.name",
    "keypoints": "features.max_keypoints",
    "device": "features.device",
    "seed": "seed",
}
# What a calibration says.
_RIG_FIELDS = ("camera", "camera_right", "T_left_right", "T_cam_imu", "timeshift_cam_imu_s")


def configure(
    config: Config | str | Path | None = None,
    *,
    camera: Camera | str | Path | None = None,
    camera_right: Camera | str | Path | None = None,
    settings: Sequence[str] = (),
    **options: Any,
) -> Config:
    """Apply options to a configuration; None leaves a value as it is.

    An option that names other frames than the configuration does also drops what the configuration says
    about those: its camera, its frame range, and what it remembers of an earlier run.

    Args:
        config: a configuration, a YAML file of differences from the defaults, or None for the defaults.
        camera: calibration of own frames, its file, or a guess; see :func:`choose_cameras`.
        camera_right: of the right camera, where ``camera`` is of the left one alone.
        settings: ``section.field=value`` assignments, applied last.
        options: the names in ``_FIELDS``. Where nobody says ``data_root``, the variable VO_DATA_ROOT does.

    Raises:
        ConfigError: an unknown or impossible value.
        CameraError: the calibration cannot be read.
    """
    base = Config() if config is None else config if isinstance(config, Config) else load_config(Path(config))
    given = {name: value for name, value in options.items() if value is not None}
    if base.run.data_root is None and DATA_ROOT_VARIABLE in os.environ:
        given.setdefault("data_root", os.environ[DATA_ROOT_VARIABLE])
    if any(name in given for name in FRAME_SOURCES):
        base = replace(base, run=replace(base.run, **_without_frames()))
    for name, value in given.items():
        base = _with_value(base, _FIELDS[name], str(value) if isinstance(value, Path) else value)
    if "sensor" not in given and (sensor := sensor_of(base.run)) is not None:
        base = _with_value(base, "run.sensor", sensor.value)
    rig = choose_cameras(camera, camera_right, base.run)
    if rig is not None:
        base = replace(base, run=_with_rig(base.run, rig))
    return override(base, list(settings))


def _with_rig(run: RunConfig, rig: CameraRig) -> RunConfig:
    run = replace(run, **_defaults(_RIG_FIELDS) | {"camera": camera_config(rig.left.calibration)})
    if rig.imu is not None:
        run = replace(run, T_cam_imu=_row_by_row(rig.imu.T_cam_imu), timeshift_cam_imu_s=rig.imu.time_shift_s)
    if rig.right is None or rig.T_left_right is None:
        return run
    right = camera_config(rig.right.calibration)
    return replace(run, camera_right=right, T_left_right=_row_by_row(rig.T_left_right))


def _row_by_row(pose: Transform) -> tuple[float, ...]:
    return tuple(float(value) for value in pose.ravel())


def _without_frames() -> dict[str, Any]:
    cameras = [*_RIG_FIELDS, "baseline_m"]
    names = [
        *FRAME_SOURCES,
        *PARTNERS,
        *cameras,
        "topic",
        "topic_imu",
        "imu",
        "resize",
        "refine_focal",
        "frames",
        "fps",
        "threads",
        "versions",
    ]
    return _defaults(names)


def _defaults(names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(RunConfig(), name) for name in names}


def _with_value(config: Config, path: str, value: Any) -> Config:
    section, _, name = path.rpartition(".")
    changed: Any = value if not section else replace(getattr(config, section), **{name: value})
    return replace(config, **{section or name: changed})
