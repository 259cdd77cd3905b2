"""One estimator together with what it remembers: the same for files, benchmarks, ablations and own frames."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from vo_frontend.atlas.map_file import write_map
from vo_frontend.atlas.saved_map import MapOrigin, SavedMap
from vo_frontend.compute.free_memory import return_free_memory
from vo_frontend.config import Config
from vo_frontend.errors import OutputError
from vo_frontend.features.extractor import FeatureExtractor
from vo_frontend.frontend import ExtractedFrame, VisualFrontend
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.mapping.records import Records
from vo_frontend.places.memory import PLACE_METHOD
from vo_frontend.reports.sink import Sink
from vo_frontend.session.build import build_frontend, build_localizer, build_memory
from vo_frontend.session.cores import threads_ahead
from vo_frontend.session.map_follower import MapFollower
from vo_frontend.session.opened_map import no_places, open_map, past_events, require_places
from vo_frontend.session.pipeline import feed
from vo_frontend.sources.base import FrameSource
from vo_frontend.types import Frame, FrameResult, Sensor

TRIM_FRAMES = 1000  # from one return of free memory to the next


class Session:
    """A front-end and the records of what it has told: trajectory, landmarks, loops.

    ``check_calibration=False`` is for trials: nobody is warned of a map that contradicts the calibration.

    Raises:
        ConfigError: a stereo camera without a baseline, or a map for features that places are not known by.
        MapFileError: the map to go on with cannot be read, or was made with something else.
        OutputError: the folder of the map to be written is missing.
    """

    def __init__(
        self,
        config: Config,
        camera: PinholeCamera,
        extractor: FeatureExtractor,
        *,
        sensor: Sensor = Sensor.MONO,
        baseline_m: float | None = None,
        check_calibration: bool = True,
    ) -> None:
        self.config = config
        size = extractor.descriptor_size
        self._origin = MapOrigin(
            camera, sensor, baseline_m, extractor.name, size, PLACE_METHOD, extractor.weights_sha256
        )
        past = open_map(config, self._origin, extractor)
        self.memory = build_memory(config, extractor, past)
        require_places(config, self.memory, extractor)
        self.frontend: VisualFrontend = build_frontend(
            config,
            camera,
            extractor,
            sensor=sensor,
            baseline_m=baseline_m,
            memory=self.memory,
            check_calibration=check_calibration,
        )
        self._follower: MapFollower | None = None
        if config.run.localize_only and self.memory is not None:
            self._follower = MapFollower(build_localizer(config, camera, camera, self.memory))
        self._past_events = [] if past is None or self.memory is None else past_events(self.memory.archive)
        self.records = Records()
        self._num_tracked = 0

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
        follower = self._follower
        result = self.frontend.track(extracted) if follower is None else follower.track(extracted)
        if self._past_events:
            result = replace(result, events=(*self._past_events, *result.events))
            self._past_events = []
        self.records.update(result)
        self._num_tracked += 1
        if self._num_tracked % TRIM_FRAMES == 0:
            return_free_memory()
        return result

    def finish(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Adjust all that is known once more, after the last frame, until it is done or shall stop."""
        if self._follower is None:
            self.records.hear(self.frontend.finish(stop))

    def save_map(self, path: Path) -> None:
        """Write all that is known to a map file, what is in the local map included.

        Raises:
            ConfigError: there is nothing to write: the features have no vocabulary, or places are off.
            OutputError: the file cannot be written, or nothing is mapped; an older one stays as it was.
        """
        if self.memory is None:
            raise no_places(self.config, self.frontend.extractor)
        whole = self.memory.whole(self.frontend.sparse_map, self.config.atlas)
        if not len(whole):
            raise OutputError(f"{path}: not written, no frame has become part of a map")
        write_map(path, SavedMap.of(whole, self._origin))

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
        extractor = self.frontend.extractor
        ahead = threads_ahead(runs_on_gpu=extractor.runs_on_gpu, max_calls=extractor.max_calls)
        feed(source, self, sinks, stop_requested, threads_ahead=0 if deterministic else ahead)
