"""What a sensor beside the camera says of the depth at keypoints."""

from typing import Protocol

from vo_frontend.features.extractor import FeatureExtractor
from vo_frontend.sensors.depth_image import DepthImageOptions, depths_from_image
from vo_frontend.sensors.stereo import StereoMatcher
from vo_frontend.types import Features, Frame, KeypointDepths


class DepthMeter(Protocol):
    """Measures depths frame by frame, without memory: it may run ahead of tracking."""

    def measure(self, frame: Frame, features: Features) -> KeypointDepths | None:
        """Depths at the features of ``frame.image``; None where the frame has nothing to measure with."""
        ...


class StereoMeter:
    """Matches the features with those of the right image."""

    def __init__(self, extractor: FeatureExtractor, matcher: StereoMatcher) -> None:
        self._extractor = extractor
        self._matcher = matcher

    def measure(self, frame: Frame, features: Features) -> KeypointDepths | None:
        """See :class:`DepthMeter`."""
        if frame.image is None or frame.image_right is None:
            return None
        right = self._extractor.extract(frame.image_right)
        return self._matcher.depths(features, right, frame.image, frame.image_right)


class DepthImageMeter:
    """Reads the registered depth image."""

    def __init__(self, options: DepthImageOptions) -> None:
        self._options = options

    def measure(self, frame: Frame, features: Features) -> KeypointDepths | None:
        """See :class:`DepthMeter`."""
        if frame.depth_m is None:
            return None
        return depths_from_image(frame.depth_m, features.pixels, self._options)
