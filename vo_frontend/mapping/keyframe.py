"""The values that the map keeps of a frame."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry.se3 import Transform
from vo_frontend.types import Attitude, Features, Frame, Image, KeypointDepths

NO_LANDMARK = -1


@dataclass(frozen=True, slots=True)
class View:
    """Keeps a frame without its images: features, their colours, and depths where a sensor measures them."""

    frame_index: int
    timestamp_ns: int
    features: Features
    colors: NDArray[np.uint8]  # (N, 3) RGB at the features
    depths: KeypointDepths | None = None
    attitude: Attitude | None = None

    @property
    def timestamp_s(self) -> float:
        """Time in seconds from the source's clock."""
        return self.timestamp_ns * 1e-9

    @classmethod
    def of(
        cls, frame: Frame, image: Image, features: Features, depths: KeypointDepths | None = None
    ) -> "View":
        """Take N features of a frame, with the colours of ``image`` (H, W) or (H, W, 3) at them."""
        column, row = np.rint(features.pixels).astype(int).T
        row, column = row.clip(0, image.shape[0] - 1), column.clip(0, image.shape[1] - 1)
        sampled = image[row, column]
        colors = sampled if image.ndim == 3 else np.repeat(sampled[:, None], 3, axis=1)
        return cls(frame.index, frame.timestamp_ns, features, colors, depths, frame.attitude)

    def where(self, mask: NDArray[np.bool_]) -> "View":
        """Return it with the features of a mask (N,) alone."""
        if mask.all():
            return self
        index = np.flatnonzero(mask)
        depths = None if self.depths is None else self.depths.select(index)
        return replace(self, features=self.features.select(index), colors=self.colors[index], depths=depths)


@dataclass(frozen=True, slots=True)
class Keyframe:
    """Gives a view a pose and landmarks in the map. Replaced, not changed, when they change."""

    view: View
    T_world_cam: Transform
    landmark_ids: NDArray[np.int64]  # (N,) of each feature, NO_LANDMARK where it has none

    @property
    def features(self) -> Features:
        """Return the features of the view."""
        return self.view.features

    @property
    def has_landmark(self) -> NDArray[np.bool_]:
        """Tell which features (N,) see a landmark."""
        return np.asarray(self.landmark_ids != NO_LANDMARK)

    def shared_pixels(
        self, view: View, landmark_ids: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the pixels, here and in a view, of the landmarks that both see, (S, 2) each.

        Args:
            view: of N features.
            landmark_ids: (N,) of each of its features, NO_LANDMARK where it has none.
        """
        _, here, there = np.intersect1d(self.landmark_ids, landmark_ids, return_indices=True)
        shared = self.landmark_ids[here] != NO_LANDMARK
        return self.features.pixels[here[shared]], view.features.pixels[there[shared]]

    def seeing(self, feature_index: NDArray[np.int64], landmark_ids: NDArray[np.int64]) -> "Keyframe":
        """Return it with other landmarks (L,) at features (L,)."""
        ids = self.landmark_ids.copy()
        ids[feature_index] = landmark_ids
        return replace(self, landmark_ids=ids)
