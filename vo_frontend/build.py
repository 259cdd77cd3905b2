"""The only place that turns configuration into objects."""

from collections.abc import Callable

import numpy as np

from vo_frontend.config import Config
from vo_frontend.features.extractor import FeatureExtractor
from vo_frontend.frontend import VisualFrontend
from vo_frontend.geometry.camera import Camera
from vo_frontend.mapping.map_start import MonoStart
from vo_frontend.mapping.mapper import Mapper, MapperOptions
from vo_frontend.tracking.keyframe_policy import KeyframePolicy
from vo_frontend.tracking.matching import Matcher
from vo_frontend.tracking.pose import PoseTracker, PoseTrackerOptions
from vo_frontend.tracking.robust import OpenCvEstimator, PoselibEstimator, RansacOptions, RobustEstimator
from vo_frontend.tracking.two_view import TwoViewInitializer

ESTIMATORS: dict[str, Callable[[Camera, RansacOptions], RobustEstimator]] = {
    "poselib": PoselibEstimator,
    "opencv": OpenCvEstimator,
}


def build_frontend(config: Config, camera: Camera, extractor: FeatureExtractor) -> VisualFrontend:
    """Assemble the front-end for one camera.

    The extractor comes ready made: loading it may need files and a network, which is the caller's
    business (:func:`vo_frontend.features.load_extractor`).
    """
    c = config
    matcher = Matcher(c.matching.min_similarity, c.matching.max_ratio)
    estimator = build_estimator(config, camera)
    tracker = PoseTracker(camera, matcher, estimator, _tracker_options(config))
    mapper = Mapper(camera, matcher, _mapper_options(config))
    initializer = TwoViewInitializer(
        camera,
        estimator,
        min_parallax_rad=float(np.deg2rad(c.two_view.min_parallax_deg)),
        min_landmarks=c.two_view.min_landmarks,
        max_error_px=c.ransac.reprojection_threshold_px,
    )
    start = MonoStart(
        matcher,
        initializer,
        tracker,
        mapper,
        min_matches=c.two_view.min_matches,
        max_wait_frames=c.two_view.max_wait_frames,
        max_keyframes=c.mapping.max_keyframes,
    )
    k = c.keyframes
    policy = KeyframePolicy(k.max_tracked_share, k.urgent_tracked_share, k.min_motion_px)
    return VisualFrontend(
        extractor,
        None,
        start,
        tracker,
        policy,
        mapper,
        min_features=c.tracking.min_inliers,
        max_lost_s=c.tracking.max_lost_s,
    )


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
        pixel_sigma_px=config.mapping.pixel_sigma_px,
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
