"""A whole map as a value: what a map file holds, and how it becomes an archive again."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.atlas.archive import Archive
from vo_frontend.atlas.landmark_table import NO_FRAME, RetiredLandmarks
from vo_frontend.atlas.packed_keyframe import PackedKeyframe, feature_dtype
from vo_frontend.config import AtlasConfig
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.mapping.keyframe import NO_LANDMARK
from vo_frontend.types import Sensor

NO_KEYFRAME = -1


@dataclass(frozen=True, slots=True)
class MapOrigin:
    """Says with what a map was made: only what sees alike can go on with it."""

    camera: PinholeCamera  # of the undistorted, rectified images
    sensor: Sensor
    baseline_m: float | None  # stereo
    extractor: str  # name of the features
    descriptor_size: int
    place_method: str | None  # name of what made the place descriptors
    weights_sha256: str | None = None  # of the features' network; None where it has none


@dataclass(frozen=True, slots=True, eq=False)
class SavedMap:
    """Holds K keyframes in time order, their F features one keyframe after the other, and M landmarks.

    A landmark goes by its row, and so does a keyframe among ``anchors``.
    """

    origin: MapOrigin
    frame_indices: NDArray[np.int64]  # (K,) strictly increasing
    timestamps_ns: NDArray[np.int64]  # (K,)
    segment_ids: NDArray[np.int64]  # (K,)
    T_world_cam: NDArray[np.float64]  # (K, 4, 4) in the world of each segment
    num_features: NDArray[np.int64]  # (K,)
    has_depths: NDArray[np.bool_]  # (K,) whether a sensor measured depths
    places: NDArray[np.float32]  # (K, P) place descriptors, NaN for a keyframe without; P may be 0
    pixels: NDArray[np.float32]  # (F, 2) x, y in px
    descriptors: NDArray[np.int8]  # (F, D) divided by their length they are the features' descriptors
    scores: NDArray[np.float16]  # (F,)
    colors: NDArray[np.uint8]  # (F, 3) RGB
    landmarks: NDArray[np.int32]  # (F,) row of the landmark that each sees, NO_LANDMARK without
    inverse_depths_per_m: NDArray[np.float32]  # (F,) NaN where unknown
    sigmas_per_m: NDArray[np.float16]  # (F,) standard deviations
    points_world: NDArray[np.float64]  # (M, 3) in the world of the segment of its anchor
    point_colors: NDArray[np.uint8]  # (M, 3) RGB
    num_expected: NDArray[np.int32]  # (M,) frames that should have seen each
    num_found: NDArray[np.int32]  # (M,) frames that did
    anchors: NDArray[np.int32]  # (M,) keyframe that each follows, NO_KEYFRAME without

    @property
    def first_features(self) -> NDArray[np.int64]:
        """Return where the features (K + 1,) of each keyframe begin."""
        return np.append(0, np.cumsum(self.num_features))

    @classmethod
    def of(cls, archive: Archive, origin: MapOrigin) -> "SavedMap":
        """Copy an archive, which must also hold what was in the window: other landmarks are left out."""
        frames, ids = archive.frame_indices(), archive.landmark_ids()
        packed = [archive.packed(frame_index) for frame_index in frames.tolist()]
        size = origin.descriptor_size
        rows = np.concatenate([np.empty(0, feature_dtype(size, has_depths=True)), *map(_with_depths, packed)])
        seen = np.concatenate([np.zeros(0, np.int64), *(archive.features_seen(each) for each in packed)])
        row_of = np.full(max(ids.max(initial=-1), seen.max(initial=-1)) + 2, NO_LANDMARK, np.int32)
        row_of[ids] = np.arange(len(ids))  # the last row stands for NO_LANDMARK
        landmarks = archive.retired(ids)
        anchors = np.searchsorted(frames, landmarks.anchors).astype(np.int32)
        return cls(
            origin=origin,
            frame_indices=frames,
            timestamps_ns=np.array([each.timestamp_ns for each in packed], np.int64),
            segment_ids=archive.segment_ids(frames),
            T_world_cam=archive.T_world_cam(frames),
            num_features=np.array([len(each.rows) for each in packed], np.int64),
            has_depths=np.array([each.has_depths for each in packed], bool),
            places=_stacked([each.place for each in packed]),
            pixels=np.ascontiguousarray(rows["pixel"]),
            descriptors=np.ascontiguousarray(rows["descriptor"]),
            scores=np.ascontiguousarray(rows["score"]),
            colors=np.ascontiguousarray(rows["color"]),
            landmarks=row_of[seen],
            inverse_depths_per_m=np.ascontiguousarray(rows["inverse_depth_per_m"]),
            sigmas_per_m=np.ascontiguousarray(rows["sigma_per_m"]),
            points_world=np.ascontiguousarray(landmarks.points_world),
            point_colors=np.ascontiguousarray(landmarks.colors),
            num_expected=np.ascontiguousarray(landmarks.num_expected),
            num_found=np.ascontiguousarray(landmarks.num_found),
            anchors=np.where(landmarks.anchors == NO_FRAME, np.int32(NO_KEYFRAME), anchors),
        )

    def archive(self, config: AtlasConfig) -> Archive:
        """Make an archive of it; landmark ids are the rows here, so that the next free one is M."""
        archive = Archive(self.origin.descriptor_size, config)
        first = self.first_features
        for row in range(len(self.frame_indices)):
            archive.add_packed(
                self._packed(row, first[row], first[row + 1]),
                int(self.segment_ids[row]),
                self.T_world_cam[row],
            )
        frames = np.append(self.frame_indices, NO_FRAME)  # the last is that of NO_KEYFRAME
        archive.retire(
            RetiredLandmarks(
                np.arange(len(self.points_world)),
                self.points_world,
                self.point_colors,
                self.num_expected,
                self.num_found,
                frames[self.anchors],
            )
        )
        return archive

    def as_past(self) -> "SavedMap":
        """Number keyframes and segments below 0, the newest -1, so that those of a new session differ."""
        segments, inverse = np.unique(self.segment_ids, return_inverse=True)
        return replace(
            self,
            frame_indices=np.arange(-len(self.frame_indices), 0),
            segment_ids=np.arange(-len(segments), 0)[inverse],
        )

    def _packed(self, row: int, first: int, end: int) -> PackedKeyframe:
        has_depths = bool(self.has_depths[row])
        rows = np.empty(end - first, feature_dtype(self.origin.descriptor_size, has_depths=has_depths))
        columns: dict[str, NDArray[Any]] = {
            "pixel": self.pixels,
            "descriptor": self.descriptors,
            "score": self.scores,
            "color": self.colors,
            "landmark_id": self.landmarks,
        }
        if has_depths:
            columns |= {"inverse_depth_per_m": self.inverse_depths_per_m, "sigma_per_m": self.sigmas_per_m}
        for name, values in columns.items():
            rows[name] = values[first:end]
        place = self.places[row]
        is_there = len(place) > 0 and not np.isnan(place).any()
        return PackedKeyframe(
            int(self.frame_indices[row]), int(self.timestamps_ns[row]), rows, place if is_there else None
        )


def _with_depths(packed: PackedKeyframe) -> NDArray[np.void]:
    """Return the rows of a keyframe with depths, NaN where it has none."""
    if packed.has_depths:
        return packed.rows
    size = packed.rows.dtype["descriptor"].shape[0]
    rows = np.empty(len(packed.rows), feature_dtype(size, has_depths=True))
    for name in packed.rows.dtype.names or ():
        rows[name] = packed.rows[name]
    rows["inverse_depth_per_m"] = rows["sigma_per_m"] = np.nan
    return rows


def _stacked(places: list[NDArray[np.float32] | None]) -> NDArray[np.float32]:
    size = max((len(place) for place in places if place is not None), default=0)
    stacked = np.full((len(places), size), np.nan, np.float32)
    for row, place in enumerate(places):
        if place is not None:
            stacked[row] = place
    return stacked
