"""A keyframe in few bytes, as archive and map files keep it; its pose stands elsewhere, because it moves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.mapping.keyframe import Keyframe, View
from vo_frontend.types import Features, KeypointDepths

LARGEST = 127  # of one byte with a sign
HALF = np.finfo(np.float16)

_HEADER = np.dtype(
    [
        ("frame_index", "<i8"),
        ("timestamp_ns", "<i8"),
        ("num_features", "<i4"),
        ("descriptor_size", "<i4"),
        ("place_size", "<i4"),
        ("has_depths", "?"),
    ]
)


def feature_dtype(descriptor_size: int, *, has_depths: bool) -> "np.dtype[np.void]":
    """Lay out a feature: 81 bytes with descriptors of 64 numbers, 87 with its depth."""
    fields: list[Any] = [
        ("pixel", "<f4", 2),
        ("descriptor", "i1", descriptor_size),
        ("score", "<f2"),
        ("color", "u1", 3),
        ("landmark_id", "<i4"),
    ]
    depth: list[Any] = [("inverse_depth_per_m", "<f4"), ("sigma_per_m", "<f2")]
    return np.dtype(fields + depth if has_depths else fields)


def packed_descriptors(descriptors: NDArray[np.float32]) -> NDArray[np.int8]:
    """Round descriptors (N, D) to whole numbers, the largest of each to 127.

    How long they were is not kept: descriptors have unit length.
    """
    largest = np.abs(descriptors).max(axis=1, keepdims=True, initial=0)
    return np.rint(descriptors * (LARGEST / np.where(largest > 0, largest, 1))).astype(np.int8)


def unpacked_descriptors(packed: NDArray[np.int8]) -> NDArray[np.float32]:
    """Turn packed descriptors (N, D) into descriptors (N, D) of unit length."""
    descriptors = packed.astype(np.float32)
    length = np.sqrt(np.einsum("nd,nd->n", descriptors, descriptors))[:, None]
    return descriptors / np.maximum(length, 1.0)  # 0 only where there was nothing but 0


@dataclass(frozen=True, slots=True, eq=False)
class PackedKeyframe:
    """Holds the N features of a keyframe as rows of :func:`feature_dtype`, and how the whole view looks.

    Pixels and colours are exact, inverse depths to 1e-7 of their value, their deviations and scores to 5e-4.
    """

    frame_index: int
    timestamp_ns: int
    rows: NDArray[np.void]  # (N,)
    place: NDArray[np.float32] | None  # (P,) descriptor for place recognition

    @classmethod
    def of(cls, keyframe: Keyframe, place: NDArray[np.float32] | None = None) -> "PackedKeyframe":
        """Pack a keyframe with its landmark ids (below 2^31); the pose is left out."""
        view, features = keyframe.view, keyframe.features
        depths = view.depths
        size = features.descriptors.shape[1]
        rows = np.empty(len(features), feature_dtype(size, has_depths=depths is not None))
        rows["pixel"], rows["color"] = features.pixels, view.colors
        rows["descriptor"] = packed_descriptors(features.descriptors)
        rows["score"] = np.clip(features.scores, HALF.min, HALF.max)
        rows["landmark_id"] = keyframe.landmark_ids
        if depths is not None:
            rows["inverse_depth_per_m"] = depths.inverse_depth_per_m
            # A deviation that became 0 would weigh infinitely.
            rows["sigma_per_m"] = np.clip(depths.sigma_per_m, HALF.smallest_normal, HALF.max)
        return cls(view.frame_index, view.timestamp_ns, rows, place)

    @property
    def has_depths(self) -> bool:
        """Tell whether a sensor measured depths in this view."""
        return "inverse_depth_per_m" in (self.rows.dtype.names or ())

    @property
    def landmark_ids(self) -> NDArray[np.int64]:
        """Return the landmark (N,) of each feature as it was when the keyframe was packed."""
        return self.rows["landmark_id"].astype(np.int64)

    def view(self) -> View:
        """Unpack all but the landmarks and the pose."""
        rows = self.rows
        features = Features(
            np.ascontiguousarray(rows["pixel"]),
            unpacked_descriptors(rows["descriptor"]),
            rows["score"].astype(np.float32),
        )
        depths = None
        if self.has_depths:
            depths = KeypointDepths(
                rows["inverse_depth_per_m"].astype(np.float64), rows["sigma_per_m"].astype(np.float64)
            )
        colors = np.ascontiguousarray(rows["color"])
        return View(self.frame_index, self.timestamp_ns, features, colors, depths)

    def to_bytes(self) -> bytes:
        """Lay everything out in one string of bytes."""
        place = np.zeros(0, np.float32) if self.place is None else self.place
        size = self.rows.dtype["descriptor"].shape[0]
        values = (self.frame_index, self.timestamp_ns, len(self.rows), size, len(place), self.has_depths)
        header = np.array(values, _HEADER)
        return header.tobytes() + self.rows.tobytes() + place.astype("<f4").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> "PackedKeyframe":
        """Read what :meth:`to_bytes` laid out; the rows are a read-only view of the bytes."""
        header = np.frombuffer(data, _HEADER, 1)[0]
        dtype = feature_dtype(int(header["descriptor_size"]), has_depths=bool(header["has_depths"]))
        rows = np.frombuffer(data, dtype, int(header["num_features"]), _HEADER.itemsize)
        place = np.frombuffer(data, "<f4", int(header["place_size"]), _HEADER.itemsize + rows.nbytes)
        return cls(
            int(header["frame_index"]), int(header["timestamp_ns"]), rows, place if len(place) else None
        )


def descriptors_seen(
    keyframes: Sequence[PackedKeyframe],
    resolve: Callable[[NDArray[np.int64]], NDArray[np.int64]],
    landmark_ids: NDArray[np.int64],
    view: NDArray[np.int64],
    descriptor_size: int,
) -> NDArray[np.float32]:
    """Find the descriptors (M, D) of landmarks, each as a keyframe that sees it has it.

    Args:
        keyframes: K.
        resolve: turns the ids of landmarks (L,) into those of their heirs (L,).
        landmark_ids: (M,) strictly increasing.
        view: (M,) which of the keyframes to look into.
        descriptor_size: D.
    """
    nothing = np.zeros(0, np.int64)
    ids = np.concatenate([nothing, *(each.landmark_ids for each in keyframes)])
    view_of = np.concatenate([nothing, *(np.full(len(each.rows), k) for k, each in enumerate(keyframes))])
    heirs = resolve(ids)
    at = np.minimum(np.searchsorted(landmark_ids, heirs), len(landmark_ids) - 1)
    seen = np.flatnonzero((landmark_ids[at] == heirs) & (view[at] == view_of))
    feature = np.empty(len(landmark_ids), np.int64)
    feature[at[seen[::-1]]] = seen[::-1]  # of several features the first, ...
    seen = seen[ids[seen] == heirs[seen]]
    feature[at[seen]] = seen  # ... unless one always was of that landmark
    packed = [np.zeros((0, descriptor_size), np.int8), *(each.rows["descriptor"] for each in keyframes)]
    return unpacked_descriptors(np.concatenate(packed)[feature])
