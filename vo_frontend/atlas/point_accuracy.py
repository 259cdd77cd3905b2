"""How exactly an archive knows its landmarks, from who saw them from where."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.atlas.archive import Archive
from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.mapping.keyframe import Keyframe
from vo_frontend.optimization.uncertain_points import ray_jacobians

# Of the depth of a landmark: keeps one that was seen without parallax from being infinitely vague.
MAX_DEPTH_SHARE = 1.0


def landmark_covariances(
    archive: Archive, camera: PinholeCamera, pixel_sigma_px: float
) -> NDArray[np.float64]:
    """Estimate the covariance of every landmark, as if the poses of the keyframes were exact.

    Args:
        archive: of the map.
        camera: that all keyframes are from.
        pixel_sigma_px: standard deviation of an observation, the errors of its keyframe's pose included.

    Returns:
        (L, 3, 3) in squared map units, by landmark id; of ids that are not there infinite.
    """
    ids = archive.landmark_ids()
    information = np.zeros((int(ids.max(initial=-1)) + 1, 3, 3))
    ray_sigma = pixel_sigma_px / camera.focal_px
    for frame_index in archive:
        keyframe = archive.keyframe(frame_index)
        features = np.flatnonzero(keyframe.has_landmark)
        features = features[archive.contains(keyframe.landmark_ids[features])]
        seen = keyframe.landmark_ids[features]  # each once
        points_world = archive.retired(seen).points_world
        information[seen] += _information(keyframe, features, points_world, ray_sigma)
    covariances = np.full(information.shape, np.inf)
    known = ids[information[ids].any(axis=(1, 2))]
    covariances[known] = np.linalg.inv(information[known])
    return covariances


def _information(
    keyframe: Keyframe, features: NDArray[np.int64], points_world: NDArray[np.float64], ray_sigma: float
) -> NDArray[np.float64]:
    """Return what a keyframe says about points (N, 3) that its features (N,) see: (N, 3, 3)."""
    T_cam_world = se3.inverse(keyframe.T_world_cam)
    points_cam = se3.transform_points(T_cam_world, points_world)
    is_ahead = points_cam[:, 2] > 1e-9
    points_cam = np.where(is_ahead[:, None], points_cam, [0.0, 0.0, 1.0])
    J = ray_jacobians(points_cam) / ray_sigma
    information = J.swapaxes(1, 2) @ J
    # Across the rays there is always some; along them at least that the point is about as far as it is.
    vague = 1.0 / (MAX_DEPTH_SHARE * points_cam[:, 2]) ** 2
    depths = keyframe.view.depths
    if depths is not None:
        sigma = depths.sigma_per_m[features] * points_cam[:, 2] ** 2
        vague += np.where(sigma > 0, 1.0 / np.where(sigma > 0, sigma, 1.0) ** 2, 0.0)
    information[:, 2, 2] += vague
    R = T_cam_world[:3, :3]
    return np.asarray(R.T @ information @ R * is_ahead[:, None, None])
