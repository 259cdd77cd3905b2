"""The options of a run, as the command line and :func:`vo_frontend.run` name them, as one configuration."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vo_frontend.config import FRAME_SOURCES, CameraConfig, Config
from vo_frontend.config_files import load_config, override
from vo_frontend.sensors.calibration import Camera

DATA_ROOT_VARIABLE = "VO_DATA_ROOT"
# Where each option lies in the configuration.
_FIELDS = {
    "sequence": "run.sequence",
    "images": "run.images",
    "video": "run.video",
    "webcam": "run.webcam",
    "sensor": "run.sensor",
    "frames": "run.frames",
    "fps": "run.fps",
    "camera_height_m": "run.camera_height_m",
    "deterministic": "run.deterministic",
    "data_root": "run.data_root",
    "weights_dir": "run.weights_dir",
    "features": "features.name",
    "keypoints": "features.max_keypoints",
    "device": "features.device",
    "seed": "seed",
}


def configure(
    config: Config | str | Path | None = None,
    *,
    camera: Camera | str | Path | None = None,
    settings: Sequence[str] = (),
    **options: Any,
) -> Config:
    """Apply options to a configuration; None leaves a value as it is.

    An option that names other frames than the configuration does also drops what the configuration says
    about those: its camera, its frame range, and what it remembers of an earlier run.

    Args:
        config: a configuration, a YAML file of differences from the defaults, or None for the defaults.
        camera: calibration of own frames, or its file.
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
    if isinstance(camera, str | Path):
        camera = Camera.from_yaml(Path(camera))
    if camera is not None:
        base = replace(base, run=replace(base.run, camera=camera_config(camera)))
    for name, value in given.items():
        base = _with_value(base, _FIELDS[name], str(value) if isinstance(value, Path) else value)
    return override(base, list(settings))


def camera_config(camera: Camera) -> CameraConfig:
    """Write a calibration down as a section of the configuration."""
    return CameraConfig(
        (camera.fx, camera.fy, camera.cx, camera.cy),
        (camera.width, camera.height),
        camera.distortion_model,
        camera.distortion,
    )


def _without_frames() -> dict[str, Any]:
    nothing = dict.fromkeys([*FRAME_SOURCES, "camera", "baseline_m", "frames", "threads"])
    return {**nothing, "versions": {}}


def _with_value(config: Config, path: str, value: Any) -> Config:
    section, _, name = path.rpartition(".")
    changed: Any = value if not section else replace(getattr(config, section), **{name: value})
    return replace(config, **{section or name: changed})
