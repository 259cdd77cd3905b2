"""One estimator together with what it remembers: the same for files, benchmarks, ablations and own frames."""

from collections.abc import Callable, Iterable

from vo_frontend.config import Config
from vo_frontend.features.extractor import FeatureExtractor
from vo_frontend.frontend import ExtractedFrame, VisualFrontend
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.mapping.records import Records
from vo_frontend.reports.sink import Sink
from vo_frontend.session.build import build_frontend
from vo_frontend.session.cores import extraction_may_run_ahead
from vo_frontend.session.pipeline import feed
from vo_frontend.sources.base import FrameSource
from vo_frontend.types import Frame, FrameResult, Sensor


class Session:
    """A front-end and the records of what it has told: trajectory, landmarks, loops.

    Raises:
        ConfigError: a stereo camera without a baseline.
    """

    def __init__(
        self,
        config: Config,
        camera: PinholeCamera,
        extractor: FeatureExtractor,
        *,
        sensor: Sensor = Sensor.MONO,
        baseline_m: float | None = None,
    ) -> None:
        self.config = config
        self.frontend: VisualFrontend = build_frontend(
            config, camera, extractor, sensor=sensor, baseline_m=baseline_m
        )
        self.records = Records()

    @classmethod
    def for_source(cls, config: Config, source: FrameSource, extractor: FeatureExtractor) -> "Session":
        """Assemble a session for the camera and sensor of a source."""
        return cls(config, source.camera, extractor, sensor=source.sensor, baseline_m=source.baseline_m)

    def process(self, frame: Frame) -> FrameResult:
        """Estimate the pose of one frame."""
        return self.track(self.extract(frame))

    def extract(self, frame: Frame) -> ExtractedFrame:
        """Do what needs this frame only. May be called from another thread than :meth:`track`."""
        return self.frontend.extract(frame)

    def track(self, extracted: ExtractedFrame) -> FrameResult:
        """Do what needs all frames before, and remember the result. Called in order."""
        result = self.frontend.track(extracted)
        self.records.update(result)
        return result

    def run(
        self,
        source: FrameSource,
        sinks: Iterable[Sink],
        stop_requested: Callable[[], bool] = lambda: False,
        *,
        deterministic: bool = False,
    ) -> None:
        """Process every frame of a source and hand the results to sinks; see :func:`pipeline.feed`.

        ``deterministic`` extracts and tracks in one thread; the result is the same, only slower.
        """
        runs_on_gpu = self.frontend.extractor.runs_on_gpu
        extract_ahead = not deterministic and extraction_may_run_ahead(runs_on_gpu=runs_on_gpu)
        feed(source, self, sinks, stop_requested, extract_ahead=extract_ahead)
