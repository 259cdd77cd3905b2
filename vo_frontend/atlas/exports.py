"""Maps for other programs: a cloud of points, and COLMAP's sparse models."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.atlas.saved_map import NO_KEYFRAME, SavedMap
from vo_frontend.formats.colmap import NO_POINT, ColmapModel, write_colmap
from vo_frontend.formats.ply import vertices_of, write_ply
from vo_frontend.geometry import se3
from vo_frontend.mapping.keyframe import NO_LANDMARK


def export_ply(path: Path, saved: SavedMap) -> None:
    """Write all landmarks with their colours, each in the world of its segment.

    Raises:
        OutputError: the file cannot be written; an older one stays as it was.
    """
    write_ply(path, vertices_of(saved.points_world, saved.point_colors))


def export_colmap(folder: Path, saved: SavedMap) -> list[Path]:
    """Write a text model of each segment into ``folder/0``, ``folder/1``, ... Returns these folders.

    Images are named ``frame_000123.png`` by their frame index. Landmarks that no keyframe of their segment
    sees are left out: a point of COLMAP has views.

    Raises:
        OutputError: a folder or a file cannot be written.
    """
    folders = []
    for number, segment_id in enumerate(np.unique(saved.segment_ids).tolist()):
        folders.append(folder / str(number))
        write_colmap(folders[-1], colmap_model(saved, segment_id))
    return folders


def colmap_model(saved: SavedMap, segment_id: int) -> ColmapModel:
    """Make the model of one segment: its keyframes, all their features, and the landmarks that they see."""
    keyframe = np.repeat(np.arange(len(saved.frame_indices)), saved.num_features)  # of each feature
    is_own = saved.segment_ids == segment_id
    lives_here = (saved.anchors != NO_KEYFRAME) & np.append(is_own, False)[saved.anchors]
    features = np.flatnonzero(is_own[keyframe])
    landmarks = saved.landmarks[features].astype(np.int64)
    landmarks[~np.append(lives_here, False)[landmarks]] = NO_LANDMARK
    rows = np.unique(landmarks[landmarks != NO_LANDMARK])
    number = np.full(len(saved.points_world) + 1, NO_POINT)  # the last is that of NO_LANDMARK
    number[rows] = np.arange(len(rows))
    sees = landmarks != NO_LANDMARK
    errors_px = _errors_px(saved, keyframe[features[sees]], features[sees], landmarks[sees])
    sums = np.bincount(number[landmarks[sees]], weights=errors_px, minlength=len(rows))
    counts = np.bincount(number[landmarks[sees]], minlength=len(rows))
    return ColmapModel(
        camera=saved.origin.camera,
        names=[f"frame_{frame_index:06d}.png" for frame_index in saved.frame_indices[is_own].tolist()],
        T_world_cam=saved.T_world_cam[is_own],
        num_features=saved.num_features[is_own],
        pixels=saved.pixels[features],
        points=number[landmarks],
        points_world=saved.points_world[rows],
        colors=saved.point_colors[rows],
        errors_px=sums / counts,
    )


def _errors_px(
    saved: SavedMap, keyframes: NDArray[np.int64], features: NDArray[np.int64], landmarks: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Measure the reprojection errors (O,) of observations, NaN behind the camera."""
    T_cam_world = se3.inverse(saved.T_world_cam)[keyframes]
    points_cam = np.einsum("oij,oj->oi", T_cam_world[:, :3, :3], saved.points_world[landmarks])
    pixels = saved.origin.camera.project(points_cam + T_cam_world[:, :3, 3])
    return np.linalg.norm(pixels - saved.pixels[features], axis=1)
