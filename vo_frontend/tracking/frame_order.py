"""Finds frames that must not be tracked: those out of order, and pictures that were shown before."""

import numpy as np

from vo_frontend.tracking.stale_picture import StalePictures
from vo_frontend.types import Features, Reason


class FrameOrder:
    """Compares each frame with the newest stamp and features so far.

    A camera that hangs repeats its last image under new stamps. Tracking that image would stop the motion
    model and claim that the camera stood still. A single repetition is how recorders fill in for a slower
    camera (7-Scenes does, every fifth frame): such a frame has the pose of the image it repeats. An older
    image that is shown again has none.

    Attributes:
        original_ns: stamp of the frame that the last checked frame repeats for the first time; None if
            that frame is new, out of order, or a further repetition.
    """

    def __init__(self) -> None:
        self.original_ns: int | None = None
        self._newest_ns: int | None = None
        self._features: Features | None = None
        self._features_ns = 0
        self._num_repeats = 0
        self._stale = StalePictures()

    def check(self, timestamp_ns: int, features: Features | None) -> Reason:
        """Return NONE for a new frame, else why not to track it; ``features`` is None for a bad image."""
        self.original_ns = None
        if self._newest_ns is not None and timestamp_ns <= self._newest_ns:
            return Reason.OUT_OF_ORDER if timestamp_ns < self._newest_ns else Reason.REPEATED_FRAME
        self._newest_ns = timestamp_ns
        if features is None:
            return Reason.NONE
        if self._features is None or not _same(self._features, features):
            if self._stale.is_stale(features):
                return Reason.REPEATED_FRAME
            self._features, self._features_ns, self._num_repeats = features, timestamp_ns, 0
            return Reason.NONE
        self._num_repeats += 1
        if self._num_repeats == 1:
            self.original_ns = self._features_ns
        return Reason.REPEATED_FRAME


def _same(one: Features, other: Features) -> bool:
    """Compare to the last bit: sensor noise makes two images of one scene differ."""
    return (
        len(one) > 0
        and np.array_equal(one.pixels, other.pixels)
        and np.array_equal(one.descriptors, other.descriptors)
    )
