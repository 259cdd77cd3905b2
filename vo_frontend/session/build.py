"""The only place that turns configuration into objects."""

from collections.abc import Callable
from dataclasses import replace

from vo_frontend.atlas.archive import Archive
from vo_frontend.atlas.saved_map import SavedMap
from vo_frontend.compute.threads import ThreadTeam
from vo_frontend.config import Config, RansacConfig
from vo_frontend.errors import ConfigError
from vo_frontend.features.extractor import FeatureExtractor
from vo_frontend.frontend import VisualFrontend
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.mapping.calibration_check import CalibrationCheck
from vo_frontend.mapping.depth_start import DepthStart
from vo_frontend.mapping.frames_between import FramesBetween
from vo_frontend.mapping.local_relocalizer import LocalRelocalizer
from vo_frontend.mapping.map_start import MapStart, MonoStart
from vo_frontend.mapping.map_witness import MapWitness
from vo_frontend.mapping.mapper import Mapper
from vo_frontend.mapping.pose_judge import PoseJudge
from vo_frontend.places.localizer import Localizer
from vo_frontend.places.loop_closer import LoopCloser
from vo_frontend.places.memory import PlaceMemory
from vo_frontend.places.recognizer import Recognizer
from vo_frontend.places.recollection import NoRecollection, PlaceRecollection, Recollection
from vo_frontend.places.relocalizer import Relocalizer
from vo_frontend.places.vlad import Vlad
from vo_frontend.places.vocabulary import shipped_vocabularies, shipped_vocabulary
from vo_frontend.places.whole_map import WholeMapAdjuster
from vo_frontend.reports.machine import num_cores
from vo_frontend.sensors.depth_meter import DepthImageMeter, DepthMeter, StereoMeter
from vo_frontend.sensors.stereo import StereoMatcher
from vo_frontend.tracking.keyframe_policy import KeyframePolicy
from vo_frontend.tracking.matching import Matcher
from vo_frontend.tracking.pose import PoseTracker
from vo_frontend.tracking.robust import OpenCvEstimator, PoselibEstimator, RobustEstimator
from vo_frontend.tracking.two_view import TwoViewInitializer
from vo_frontend.types import Sensor

ESTIMATORS: dict[str, Callable[[PinholeCamera, RansacConfig, int], RobustEstimator]] = {
    "poselib": PoselibEstimator,
    "opencv": OpenCvEstimator,
}


def build_frontend(
    config: Config,
    camera: PinholeCamera,
    extractor: FeatureExtractor,
    *,
    sensor: Sensor = Sensor.MONO,
    baseline_m: float | None = None,
    memory: PlaceMemory | None = None,
    check_calibration: bool = True,
) -> VisualFrontend:
    """Assemble the front-end for one camera.

    The extractor comes ready made: loading it may need files and a network, which is the caller's
    business (:func:`vo_frontend.features.load_extractor`). Where no memory is handed over, it gets one of its
    own, empty. Without ``check_calibration`` nobody is warned of a map that contradicts the calibration.

    Raises:
        ConfigError: a stereo camera without a baseline.
    """
    # One thread: the other cores extract the next frame meanwhile.
    matcher = Matcher(config.matching.min_similarity, config.matching.max_ratio, ThreadTeam(1))
    estimator = build_estimator(config, camera)
    tracker = PoseTracker(camera, matcher, estimator, config)
    mapper = Mapper(camera, matcher, config.mapping)
    memory = memory or build_memory(config, extractor)
    recollection = _recollection(config, camera, memory, tracker, mapper, sensor)
    start: MapStart
    if sensor is Sensor.MONO:
        initializer = TwoViewInitializer(
            camera, estimator, config.two_view, max_error_px=config.ransac.reprojection_threshold_px
        )
        start = MonoStart(
            matcher,
            initializer,
            tracker,
            mapper,
            min_matches=config.two_view.min_matches,
            max_wait_frames=config.two_view.max_wait_frames,
            max_keyframes=config.mapping.max_keyframes,
            keeper=recollection.keeper,
        )
    else:
        start = DepthStart(
            mapper,
            min_landmarks=config.two_view.min_landmarks,
            max_keyframes=config.mapping.max_keyframes,
            keeper=recollection.keeper,
        )
    witness = MapWitness(
        min_found_share=config.tracking.min_found_share,
        min_parallax_deg=config.two_view.min_parallax_deg,
    )
    judge = PoseJudge(camera, matcher, tracker, witness)
    return VisualFrontend(
        extractor,
        _depth_meter(config, camera, sensor, baseline_m),
        start,
        tracker,
        judge,
        LocalRelocalizer(tracker, judge),
        KeyframePolicy(config.keyframes),
        mapper,
        FramesBetween(camera, config),
        CalibrationCheck(camera) if check_calibration else None,
        recollection,
        min_features=config.tracking.min_inliers,
        max_lost_s=config.tracking.max_lost_s,
        first_landmark_id=0 if memory is None else int(memory.archive.landmark_ids().max(initial=-1)) + 1,
    )


def build_memory(
    config: Config, extractor: FeatureExtractor, past: SavedMap | None = None
) -> PlaceMemory | None:
    """Build what remembers places, from a loaded map on; None where places are switched off or unknown."""
    if not config.places.enabled or extractor.name not in shipped_vocabularies():
        return None
    archive = Archive(extractor.descriptor_size, config.atlas)
    if past is not None:
        archive = past.archive(config.atlas)
    return PlaceMemory(archive, Vlad(shipped_vocabulary(extractor.name)))


def build_map_memory(config: Config, saved: SavedMap) -> PlaceMemory:
    """Build what remembers the places of a map that is only looked into.

    Raises:
        PlaceError: there is no vocabulary for its features.
    """
    return PlaceMemory(saved.archive(config.atlas), Vlad(shipped_vocabulary(saved.origin.extractor)))


def build_localizer(
    config: Config, camera: PinholeCamera, map_camera: PinholeCamera, memory: PlaceMemory
) -> Localizer:
    """Build what places views of a camera in the map that a memory holds, of the same camera or another."""
    settings = config.localization
    matcher = Matcher(config.matching.min_similarity, config.matching.max_ratio, ThreadTeam(1))
    ransac = replace(config.ransac, reprojection_threshold_px=settings.pnp_threshold_px)
    estimator = build_estimator(replace(config, ransac=ransac), camera)
    return Localizer(camera, map_camera, memory, matcher, estimator, settings)


def _recollection(
    config: Config,
    camera: PinholeCamera,
    memory: PlaceMemory | None,
    tracker: PoseTracker,
    mapper: Mapper,
    sensor: Sensor,
) -> Recollection:
    """Build what looks places up in a memory, or what does without."""
    if memory is None:
        return NoRecollection()
    recognizer = Recognizer(memory, tracker, config.places)
    is_metric = sensor is not Sensor.MONO
    closer = LoopCloser(camera, memory, recognizer, mapper, config.places, is_metric=is_metric)
    relocalizer = Relocalizer(recognizer, config.places)
    adjuster = WholeMapAdjuster(camera, memory, config.mapping, num_threads=num_cores())
    max_keyframes = config.mapping.max_keyframes
    return PlaceRecollection(memory, relocalizer, closer, adjuster, max_keyframes=max_keyframes)


def _depth_meter(
    config: Config, camera: PinholeCamera, sensor: Sensor, baseline_m: float | None
) -> DepthMeter | None:
    if sensor is Sensor.STEREO:
        if baseline_m is None:
            raise ConfigError("a stereo camera needs its baseline in m, got none")
        return StereoMeter(StereoMatcher(camera, baseline_m, config.stereo))
    if sensor is Sensor.RGBD:
        return DepthImageMeter(config.depth_image)
    return None


def build_estimator(config: Config, camera: PinholeCamera) -> RobustEstimator:
    """Build the robust estimator that ``ransac.estimator`` names."""
    return ESTIMATORS[config.ransac.estimator](camera, config.ransac, config.seed)
