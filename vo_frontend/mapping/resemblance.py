"""Whether an image is what its pose makes of the keyframe that saw most of the same.

Fast turns blur what is known: few landmarks are found, and yet the image as a whole has moved since an
earlier one just as the pose says. Where a facade occurs twice, what stands around it has not.
"""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.mapping.keyframe import Keyframe, View
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.tracking.matching import Matcher
from vo_frontend.tracking.motion_agreement import MAX_ERROR_PX, MIN_MATCHED_SHARE, motion_errors
from vo_frontend.tracking.pose import PoseEstimate

# Of the matches, and of those with landmarks. Right poses that few landmarks support have 93 to 99 % (TUM
# fr1_rpy) or 68 to 98 % (7-Scenes redkitchen), wrong ones up to 76 % (cuts in the built-in street).
MIN_AGREEING_SHARE = 0.8


def resembles(
    view: View,
    pose: PoseEstimate,
    sparse_map: SparseMap,
    matcher: Matcher,
    camera: PinholeCamera,
    nearest: float,
) -> bool:
    """Tell whether a view matches the likest keyframe, with its features where a pose puts them.

    All matches must lie where their epipolar lines allow, which says little of the length of the step; those
    of landmarks, whose depth is known, must lie where the landmarks are projected to.

    Args:
        view: of N features.
        pose: one that was found for it, with rows of the map's landmarks.
        sparse_map: the local map.
        matcher: of features.
        camera: of all views.
        nearest: depth that nothing in the image is expected to fall below, in map units.
    """
    assert pose.T_world_cam is not None
    keyframe = _likest(pose, sparse_map)
    matches = matcher.match(keyframe.features.descriptors, view.features.descriptors)
    if len(matches) < MIN_MATCHED_SHARE * len(view.features):
        return False
    pixels_before = keyframe.features.pixels[matches.index0]
    pixels_now = view.features.pixels[matches.index1]
    T_keyframe_cam = se3.inverse(keyframe.T_world_cam) @ pose.T_world_cam
    rays_before, rays_now = camera.rays(pixels_before), camera.rays(pixels_now)
    errors_px = motion_errors(rays_before, rays_now, T_keyframe_cam, nearest) * camera.focal_px
    is_mapped = keyframe.has_landmark[matches.index0]
    rows = sparse_map.landmarks.rows(keyframe.landmark_ids[matches.index0[is_mapped]])
    points_cam = se3.transform_points(se3.inverse(pose.T_world_cam), sparse_map.landmarks.points_world[rows])
    landmark_errors_px = np.linalg.norm(camera.project(points_cam) - pixels_now[is_mapped], axis=1)
    return _most_are_small(errors_px) and _most_are_small(landmark_errors_px)


def _likest(pose: PoseEstimate, sparse_map: SparseMap) -> Keyframe:
    """Find the keyframe that saw most of the landmarks that support a pose."""
    is_seen = np.zeros(len(sparse_map.landmarks), bool)
    is_seen[pose.landmark_rows] = True
    return max(sparse_map.keyframes, key=lambda each: is_seen[sparse_map.rows_seen_by(each)].sum())


def _most_are_small(errors_px: NDArray[np.float64]) -> bool:
    """Tell whether enough errors (N,) are small: NaN, of a point behind the camera, is not; N of 0 is not."""
    num_small = int((errors_px < MAX_ERROR_PX).sum())
    return num_small > 0 and num_small >= MIN_AGREEING_SHARE * len(errors_px)
