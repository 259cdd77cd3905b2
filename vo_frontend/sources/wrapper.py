"""What a source that changes another one takes over from it."""

from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.sources.base import FrameSource
from vo_frontend.types import Sensor


class SourceWrapper:
    """Has name, sensor and calibration of the source behind; which frames come is up to its children."""

    def __init__(self, source: FrameSource) -> None:
        self._source = source

    @property
    def name(self) -> str:
        """Return the name of the source behind."""
        return self._source.name

    @property
    def sensor(self) -> Sensor:
        """Return the sensor of the source behind."""
        return self._source.sensor

    @property
    def camera(self) -> PinholeCamera:
        """Return the camera of the source behind."""
        return self._source.camera

    @property
    def baseline_m(self) -> float | None:
        """Return the baseline of the source behind."""
        return self._source.baseline_m

    @property
    def T_body_cam(self) -> Transform:
        """Return the pose (4, 4) of the camera of the source behind."""
        return self._source.T_body_cam
