"""The only place that turns configuration into objects."""

import dataclasses
from collections.abc import Callable

import numpy as np

from vo_frontend.compute.threads import Team
from vo_frontend.config import Config
from vo_frontend.errors import ConfigError
from vo_frontend.features.extractor import FeatureExtractor
from vo_frontend.frontend import VisualFrontend
from vo_frontend.geometry.camera import Camera
from vo_frontend.mapping.calibration_check import CalibrationCheck
from vo_frontend.mapping.depth_start import DepthStart
from vo_frontend.mapping.map_start import MapStart, MonoStart
from vo_frontend.mapping.mapper import Mapper, MapperOptions
from vo_frontend.sensors.depth_image import DepthImageOptions
from vo_frontend.sensors.depth_meter import DepthImageMeter, DepthMeter, StereoMeter
from vo_frontend.sensors.stereo import StereoMatcher, StereoOptions
from vo_frontend.tracking.keyframe_policy import KeyframePolicy
from vo_frontend.tracking.matching import Matcher
from vo_frontend.tracking.pose import PoseTracker, PoseTrackerOptions
from vo_frontend.tracking.robust import OpenCvEstimator, PoselibEstimator, RansacOptions, RobustEstimator
from vo_frontend.tracking.two_view import TwoViewInitializer
from vo_frontend.types import Sensor

ESTIMATORS: dict[str, Callable[[Camera, RansacOptions], RobustEstimator]] = {
    "poselib": PoselibEstimator,
    "opencv": OpenCvEstimator,
}


def build_frontend(
    config: Config,
    camera: Camera,
    extractor: FeatureExtractor,
    *,
    sensor: Sensor = Sensor.MONO,
    baseline_m: float | None = None,
) -> VisualFrontend:
    """Assemble the front-end for one camera.

    The extractor comes ready made: loading it may need files and a network, which is the caller's
    business (:func:`vo_frontend.features.load_extractor`).

    Raises:
        ConfigError: a stereo camera without a baseline.
    """
    # One thread: the other cores extract the next frame meanwhile.
    matcher = Matcher(config.matching.min_similarity, config.matching.max_ratio, Team(1))
    estimator = build_estimator(config, camera)
    tracker = PoseTracker(camera, matcher, estimator, _tracker_options(config))
    mapper = Mapper(camera, matcher, _mapper_options(config))
    start: MapStart
    if sensor is Sensor.MONO:
        initializer = TwoViewInitializer(
            camera,
            estimator,
            min_parallax_rad=float(np.deg2rad(config.two_view.min_parallax_deg)),
            min_landmarks=config.two_view.min_landmarks,
            max_error_px=config.ransac.reprojection_threshold_px,
        )
        start = MonoStart(
            matcher,
            initializer,
            tracker,
            mapper,
            min_matches=config.two_view.min_matches,
            max_wait_frames=config.two_view.max_wait_frames,
            max_keyframes=config.mapping.max_keyframes,
        )
    else:
        start = DepthStart(
            mapper, min_landmarks=config.two_view.min_landmarks, max_keyframes=config.mapping.max_keyframes
        )
    k = config.keyframes
    policy = KeyframePolicy(k.max_tracked_share, k.urgent_tracked_share, k.min_motion_px)
    return VisualFrontend(
        extractor,
        _depth_meter(config, camera, extractor, sensor, baseline_m),
        start,
        tracker,
        policy,
        mapper,
        CalibrationCheck(camera),
        min_features=config.tracking.min_inliers,
        max_lost_s=config.tracking.max_lost_s,
    )


def _depth_meter(
    config: Config, camera: Camera, extractor: FeatureExtractor, sensor: Sensor, baseline_m: float | None
) -> DepthMeter | None:
    if sensor is Sensor.STEREO:
        if baseline_m is None:
            raise ConfigError("a stereo camera needs its baseline in m, got none")
        options = StereoOptions(**dataclasses.asdict(config.stereo))
        return StereoMeter(extractor, StereoMatcher(camera, baseline_m, options))
    if sensor is Sensor.RGBD:
        return DepthImageMeter(DepthImageOptions(**dataclasses.asdict(config.depth_image)))
    return None


def build_estimator(config: Config, camera: Camera) -> RobustEstimator:
    """The robust estimator that ``ransac.estimator`` names."""
    c = config.ransac
    options = RansacOptions(
        c.epipolar_threshold_px, c.reprojection_threshold_px, c.confidence, c.max_iterations, config.seed
    )
    return ESTIMATORS[c.estimator](camera, options)


def _tracker_options(config: Config) -> PoseTrackerOptions:
    return PoseTrackerOptions(
        search_radius_px=config.matching.search_radius_px,
        refine_radius_px=config.matching.refine_radius_px,
        max_error_px=config.ransac.reprojection_threshold_px,
        huber_px=config.mapping.huber_px,
        min_inliers=config.tracking.min_inliers,
    )


def _mapper_options(config: Config) -> MapperOptions:
    c = config.mapping
    return MapperOptions(
        num_neighbors=c.num_neighbors,
        min_parallax_rad=float(np.deg2rad(c.min_parallax_deg)),
        max_epipolar_px=c.max_epipolar_px,
        max_reprojection_px=c.max_reprojection_px,
        max_depth_error=c.max_depth_error,
        min_found_share=c.min_found_share,
        pixel_sigma_px=c.pixel_sigma_px,
        adjusted_keyframes=c.adjusted_keyframes,
        huber_px=c.huber_px,
        max_iterations=c.max_iterations,
    )
