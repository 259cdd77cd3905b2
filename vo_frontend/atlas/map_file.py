"""Map files, ``*.vomap``: docs/maps.md describes their arrays."""

from pathlib import Path

import numpy as np

from vo_frontend.atlas.saved_map import NO_KEYFRAME, MapOrigin, SavedMap
from vo_frontend.atlas.sealed_file import AnyArray, read_sealed, write_sealed
from vo_frontend.errors import CameraError, MapFileError
from vo_frontend.features.extractor import FeatureExtractor
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.mapping.keyframe import NO_LANDMARK
from vo_frontend.types import Sensor

VERSION = 1
SAME_PX = 1e-6  # of intrinsics
_VERSION_NAME = "vo_frontend_map"  # first in the file, so that its beginning tells what it is

# Type and shape of each array: K keyframes, F features, M landmarks, D and P numbers of their descriptors.
_LAYOUT = {
    "frame_indices": ("<i8", "K"),
    "timestamps_ns": ("<i8", "K"),
    "segment_ids": ("<i8", "K"),
    "T_world_cam": ("<f8", "K44"),
    "num_features": ("<i8", "K"),
    "has_depths": ("|b1", "K"),
    "places": ("<f4", "KP"),
    "pixels": ("<f4", "F2"),
    "descriptors": ("|i1", "FD"),
    "scores": ("<f2", "F"),
    "colors": ("|u1", "F3"),
    "landmarks": ("<i4", "F"),
    "inverse_depths_per_m": ("<f4", "F"),
    "sigmas_per_m": ("<f2", "F"),
    "points_world": ("<f8", "M3"),
    "point_colors": ("|u1", "M3"),
    "num_expected": ("<i4", "M"),
    "num_found": ("<i4", "M"),
    "anchors": ("<i4", "M"),
}


def write_map(path: Path, saved: SavedMap) -> None:
    """Write a map file; an older one is replaced as a whole. The same map gives the same bytes.

    Raises:
        OutputError: the file cannot be written; an older one stays as it was.
    """
    origin, camera = saved.origin, saved.origin.camera
    baseline_m = np.nan if origin.baseline_m is None else origin.baseline_m
    about: dict[str, AnyArray] = {
        _VERSION_NAME: np.array(VERSION, "<i8"),
        "camera": np.array([camera.fx, camera.fy, camera.cx, camera.cy], "<f8"),
        "resolution": np.array([camera.width, camera.height], "<i8"),
        "sensor": np.array(origin.sensor.value),
        "baseline_m": np.array(baseline_m, "<f8"),
        "extractor": np.array(origin.extractor),
        "weights_sha256": np.array(origin.weights_sha256 or ""),
        "place_method": np.array(origin.place_method or ""),
    }
    arrays = {name: getattr(saved, name).astype(dtype, copy=False) for name, (dtype, _) in _LAYOUT.items()}
    write_sealed(path, about | arrays)


def read_map(path: Path, extractor: FeatureExtractor | None = None) -> SavedMap:
    """Read a map file.

    Args:
        path: of the file.
        extractor: that new frames are to be matched with it by; None where no frames will be.

    Raises:
        MapFileError: the file is missing, cut off, altered, of a newer version or something else, or it was
            made with other features than those of the extractor.
    """
    arrays = read_sealed(path, _VERSION_NAME)
    version = arrays[_VERSION_NAME]
    if version.shape or version.dtype.kind not in "iu":
        raise MapFileError(f"{path}: the map file is malformed (no version); make it anew")
    if version > VERSION:
        raise MapFileError(
            f"{path}: map file of version {version}, expected {VERSION} at most; install a newer vo_frontend"
        )
    if problem := _misfit(arrays):
        raise MapFileError(f"{path}: the map file is malformed ({problem}); make it anew")
    saved = SavedMap(origin=_origin(path, arrays), **{name: arrays[name] for name in _LAYOUT})
    if problem := _contradiction(saved):
        raise MapFileError(f"{path}: the map file is malformed ({problem}); make it anew")
    if extractor is not None:
        _require_same_features(path, saved.origin, extractor)
    return saved


def require_same_rig(
    path: Path, origin: MapOrigin, camera: PinholeCamera, sensor: Sensor, baseline_m: float | None
) -> None:
    """Refuse to go on with a map by another camera or sensor than it was made with.

    Raises:
        MapFileError: they differ.
    """
    if sensor is not origin.sensor:
        raise MapFileError(
            f"{path}: the map was made with sensor '{origin.sensor.value}', the frames come from "
            f"'{sensor.value}'; give --sensor {origin.sensor.value}"
        )
    same_size = (camera.width, camera.height) == (origin.camera.width, origin.camera.height)
    if not same_size or not np.allclose(
        _intrinsics(camera), _intrinsics(origin.camera), rtol=0, atol=SAME_PX
    ):
        raise MapFileError(
            f"{path}: the map was made with {_described(origin.camera)}, "
            f"the frames have {_described(camera)}; take frames of the same camera"
        )
    if not np.isclose(baseline_m or 0.0, origin.baseline_m or 0.0, rtol=1e-6, atol=0):
        raise MapFileError(
            f"{path}: the map was made with a baseline of {origin.baseline_m} m, "
            f"the frames have {baseline_m} m; take frames of the same pair of cameras"
        )


def _intrinsics(camera: PinholeCamera) -> list[float]:
    return [camera.fx, camera.fy, camera.cx, camera.cy]


def _described(camera: PinholeCamera) -> str:
    return f"intrinsics {_intrinsics(camera)} at {camera.width}x{camera.height} px"


def _require_same_features(path: Path, origin: MapOrigin, extractor: FeatureExtractor) -> None:
    if (extractor.name, extractor.descriptor_size) != (origin.extractor, origin.descriptor_size):
        raise MapFileError(
            f"{path}: the map has features '{origin.extractor}' of {origin.descriptor_size} numbers, "
            f"got '{extractor.name}' of {extractor.descriptor_size}; give --features {origin.extractor}"
        )
    if extractor.weights_sha256 != origin.weights_sha256:
        raise MapFileError(
            f"{path}: the map was made with other weights of '{origin.extractor}' "
            f"({str(origin.weights_sha256)[:12]}..., not {str(extractor.weights_sha256)[:12]}...); "
            "give the folder of those with --weights-dir"
        )


def _origin(path: Path, arrays: dict[str, AnyArray]) -> MapOrigin:
    try:
        fx, fy, cx, cy = arrays["camera"].astype(float).tolist()
        width, height = arrays["resolution"].astype(int).tolist()
        baseline_m = float(arrays["baseline_m"])
        return MapOrigin(
            PinholeCamera(fx, fy, cx, cy, width, height),
            Sensor(str(arrays["sensor"])),
            None if np.isnan(baseline_m) else baseline_m,
            str(arrays["extractor"]),
            arrays["descriptors"].shape[1],
            str(arrays["place_method"]) or None,
            str(arrays["weights_sha256"]) or None,
        )
    except (CameraError, LookupError, ValueError, TypeError) as error:
        raise MapFileError(f"{path}: the map file is malformed ({error}); make it anew") from None


def _misfit(arrays: dict[str, AnyArray]) -> str | None:
    """Say which array is missing or of the wrong type or shape."""
    sizes: dict[str, int] = {str(number): number for number in (2, 3, 4)}
    for name, (dtype, shape) in _LAYOUT.items():
        if name not in arrays:
            return f"no array '{name}'"
        array = arrays[name]
        if array.dtype.str != dtype or array.ndim != len(shape):
            return f"'{name}' is {array.dtype.str} of {array.ndim} dimensions"
        for letter, size in zip(shape, array.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                return f"'{name}' is of shape {array.shape}"
    return None


def _contradiction(saved: SavedMap) -> str | None:
    """Say what in a map cannot be."""
    num_keyframes, num_landmarks = len(saved.frame_indices), len(saved.points_world)
    R = saved.T_world_cam[:, :3, :3]
    is_rotation = np.abs(R @ R.swapaxes(1, 2) - np.eye(3)).max(initial=0) < 1e-6
    checks = {
        "frame_indices do not increase": (np.diff(saved.frame_indices) > 0).all(),
        "num_features do not add up": (saved.num_features >= 0).all()
        and saved.num_features.sum() == len(saved.pixels),
        "T_world_cam are no poses": np.isfinite(saved.T_world_cam).all() and is_rotation,
        "pixels are not finite": np.isfinite(saved.pixels).all(),
        "points_world are not finite": np.isfinite(saved.points_world).all(),
        "landmarks are not there": _are_rows(saved.landmarks, NO_LANDMARK, num_landmarks),
        "anchors are not there": _are_rows(saved.anchors, NO_KEYFRAME, num_keyframes),
    }
    return next((problem for problem, holds in checks.items() if not holds), None)


def _are_rows(rows: AnyArray, none: int, count: int) -> bool:
    return bool(((rows >= none) & (rows < count)).all())
