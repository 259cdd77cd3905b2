"""What a sensor beside the camera says of the depth at keypoints."""

from typing import Protocol

from vo_frontend.config import DepthImageConfig
from vo_frontend.sensors.depth_image import depths_from_image
from vo_frontend.sensors.stereo import StereoMatcher
from vo_frontend.types import Features, Frame, Image, KeypointDepths


class DepthMeter(Protocol):
    """Measures depths frame by frame, without memory: it may run ahead of tracking."""

    def second_image(self, frame: Frame) -> Image | None:
        """Name the image whose features are compared with those of ``frame.image``; None: there is none."""
        ...

    def measure(self, frame: Frame, features: Features, second: Features | None) -> KeypointDepths | None:
        """Measure depths at the features of ``frame.image``.

        Args:
            frame: with its images.
            features: N features of ``frame.image``.
            second: features of :meth:`second_image`.

        Returns:
            N depths; None where the frame has nothing to measure with.
        """
        ...


class StereoMeter:
    """Matches the features with those of the right image."""

    def __init__(self, matcher: StereoMatcher) -> None:
        self._matcher = matcher

    def second_image(self, frame: Frame) -> Image | None:
        """Name the right image."""
        return frame.image_right

    def measure(self, frame: Frame, features: Features, second: Features | None) -> KeypointDepths | None:
        """Measure by disparity, see :class:`DepthMeter`."""
        if frame.image is None or frame.image_right is None or second is None:
            return None
        return self._matcher.depths(features, second, frame.image, frame.image_right)


class DepthImageMeter:
    """Reads the registered depth image."""

    def __init__(self, config: DepthImageConfig) -> None:
        self._config = config

    def second_image(self, frame: Frame) -> Image | None:
        """Name no image: depths are read, not matched."""
        return None

    def measure(self, frame: Frame, features: Features, second: Features | None) -> KeypointDepths | None:
        """Read the depth at each feature, see :class:`DepthMeter`."""
        if frame.depth_m is None:
            return None
        return depths_from_image(frame.depth_m, features.pixels, self._config)
