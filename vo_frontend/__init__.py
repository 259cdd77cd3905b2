"""Visual odometry in Python: mono, stereo and RGB-D, with learned features, on CPU and CUDA.

What stands in ``__all__`` is the public interface; docs/api.md shows it on one page. Names are imported when
they are first used, so that ``import vo_frontend`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vo_frontend.config import Config as Config
    from vo_frontend.config_files import load_config as load_config
    from vo_frontend.errors import VoError as VoError
    from vo_frontend.features import FeatureExtractor as FeatureExtractor
    from vo_frontend.features import load_extractor as load_extractor
    from vo_frontend.formats.localization_files import LocalizedImage as LocalizedImage
    from vo_frontend.mapping.landmark_record import LandmarkCloud as LandmarkCloud
    from vo_frontend.mapping.trajectory import EstimatedTrajectory as EstimatedTrajectory
    from vo_frontend.sensors.calibration import Camera as Camera
    from vo_frontend.session.localize import MapLocalizer as MapLocalizer
    from vo_frontend.session.odometry import Odometry as Odometry
    from vo_frontend.session.run import run as run
    from vo_frontend.session.run_report import RunReport as RunReport
    from vo_frontend.types import FrameResult as FrameResult
    from vo_frontend.types import Reason as Reason
    from vo_frontend.types import Sensor as Sensor
    from vo_frontend.types import Status as Status

__version__ = "0.1.0"

_HOME_OF = {
    "Camera": "vo_frontend.sensors.calibration",
    "Config": "vo_frontend.config",
    "EstimatedTrajectory": "vo_frontend.mapping.trajectory",
    "FeatureExtractor": "vo_frontend.features",
    "FrameResult": "vo_frontend.types",
    "LandmarkCloud": "vo_frontend.mapping.landmark_record",
    "LocalizedImage": "vo_frontend.formats.localization_files",
    "MapLocalizer": "vo_frontend.session.localize",
    "Odometry": "vo_frontend.session.odometry",
    "Reason": "vo_frontend.types",
    "RunReport": "vo_frontend.session.run_report",
    "Sensor": "vo_frontend.types",
    "Status": "vo_frontend.types",
    "VoError": "vo_frontend.errors",
    "load_config": "vo_frontend.config_files",
    "load_extractor": "vo_frontend.features",
    "run": "vo_frontend.session.run",
}
__all__ = ["__version__", *_HOME_OF]


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'vo_frontend' has no attribute '{name}'")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
