"""What happens when a frame becomes a keyframe: new landmarks, fusion, adjustment, culling."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.config import MappingConfig
from vo_frontend.geometry import epipolar, se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.triangulation import triangulate
from vo_frontend.mapping.depth_noise import depth_errors, followed_noise
from vo_frontend.mapping.keyframe import Keyframe
from vo_frontend.mapping.landmarks import Landmarks
from vo_frontend.mapping.observations import Observations
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.optimization.bundle import BundleProblem, adjust
from vo_frontend.tracking.matching import Matcher

MIN_EXPECTED = 4  # frames, before a landmark is judged
# Times the median error: an observation that is nearer stays even beyond the limit. Keypoints of a hand-held
# camera that blurs and has a rolling shutter are 1 px off (TUM fr1_rpy), those of a drive 0.2 (KITTI).
USUAL_DEVIATION = 6.0


class Mapper:
    """Grows and improves a map. Stateless: everything it knows is in the map."""

    def __init__(self, camera: PinholeCamera, matcher: Matcher, config: MappingConfig) -> None:
        self._camera = camera
        self._matcher = matcher
        self._config = config
        self._min_parallax_rad = float(np.deg2rad(config.min_parallax_deg))

    def extend(self, sparse_map: SparseMap) -> None:
        """Give the newest keyframe landmarks of its own; :meth:`improve` the map after that."""
        neighbors = self._neighbors(sparse_map)
        for position in neighbors:  # oldest first: it has the most parallax
            self._triangulate(sparse_map, position)
        self.add_measured(sparse_map)
        for position in neighbors:
            self._find_again(sparse_map, position)
        self._fuse(sparse_map)

    def improve(self, sparse_map: SparseMap) -> None:
        """Adjust the window, drop outliers, and forget what frames keep missing."""
        self.adjust(sparse_map)
        self._cull(sparse_map)

    def add_measured(self, sparse_map: SparseMap) -> None:
        """Give the newest keyframe landmarks at free features whose depth the sensor measures well."""
        keyframe, position = sparse_map.last_keyframe, len(sparse_map.keyframes) - 1
        depths = keyframe.view.depths
        if depths is None:
            return
        # False where NaN. The relative error of the depth is that of its inverse.
        sigma = sparse_map.depth_noise * depths.sigma_per_m
        sound = sigma < self._config.max_depth_error * depths.inverse_depth_per_m
        index = np.flatnonzero(sound & ~keyframe.has_landmark)
        rays = self._camera.rays(keyframe.features.pixels[index])
        points_cam = np.column_stack([rays, np.ones(len(index))]) / depths.inverse_depth_per_m[index, None]
        sparse_map.add_landmarks(se3.transform_points(keyframe.T_world_cam, points_cam), [(position, index)])

    def adjust(self, sparse_map: SparseMap) -> None:
        """Bundle-adjust the window, then forget the observations that still disagree."""
        config, focal_px = self._config, self._camera.focal_px
        num_fixed = max(1, len(sparse_map.keyframes) - config.adjusted_keyframes)
        seen = sparse_map.observations()
        num_landmarks = len(sparse_map.landmarks)
        num_views = np.bincount(seen.landmark_row, minlength=num_landmarks)
        moving = np.bincount(seen.landmark_row[seen.position >= num_fixed], minlength=num_landmarks)
        # A landmark with one view left, or with none that moves, has nothing to say about the poses.
        rows = np.flatnonzero((num_views >= 2) & (moving >= 1))
        point_of_row = np.full(num_landmarks, -1)
        point_of_row[rows] = np.arange(len(rows))
        points = point_of_row[seen.landmark_row]
        order = np.argsort(points, kind="stable")  # by point, then by keyframe
        order = order[np.searchsorted(points, 0, sorter=order) :]
        seen = seen.select(order)

        problem = self._problem(sparse_map, seen, points[order], rows, num_fixed)
        solution = adjust(problem, huber=config.huber_px / focal_px, max_iterations=config.max_iterations)
        errors = depth_errors(problem, solution, config.pixel_sigma_px / focal_px)
        sparse_map.depth_noise = followed_noise(sparse_map.depth_noise, errors, config.min_depth_noise)
        points_world = sparse_map.landmarks.points_world.copy()
        points_world[rows] = solution.points_world
        sparse_map.move(solution.T_world_cam, points_world)
        errors_px = np.linalg.norm(solution.residuals, axis=1) * focal_px
        usual_px = USUAL_DEVIATION * float(np.median(errors_px)) if len(errors_px) else 0.0
        is_bad = errors_px > max(config.max_reprojection_px, usual_px)
        sparse_map.remove_observations(seen.select(is_bad))

    def _neighbors(self, sparse_map: SparseMap) -> NDArray[np.int64]:
        """Find the keyframes that share most landmarks with the newest: positions (K,), oldest first."""
        newest = len(sparse_map.keyframes) - 1
        shared = sparse_map.covisibility(newest)[:newest]
        # Among equals the latest: it is nearest.
        order = np.lexsort([np.arange(newest), shared])[::-1]
        return np.sort(order[: self._config.num_neighbors])

    def _triangulate(self, sparse_map: SparseMap, position: int) -> None:
        """Match features of a keyframe and the newest that have no landmark, and add the sound points."""
        config, camera, newest = self._config, self._camera, len(sparse_map.keyframes) - 1
        keyframe0, keyframe1 = sparse_map.keyframes[position], sparse_map.keyframes[newest]
        free0, free1 = np.flatnonzero(~keyframe0.has_landmark), np.flatnonzero(~keyframe1.has_landmark)
        matches = self._matcher.match(
            keyframe0.features.descriptors[free0], keyframe1.features.descriptors[free1]
        )
        index0, index1 = free0[matches.index0], free1[matches.index1]
        rays0 = camera.rays(keyframe0.features.pixels[index0])
        rays1 = camera.rays(keyframe1.features.pixels[index1])

        T_cam0_cam1 = se3.inverse(keyframe0.T_world_cam) @ keyframe1.T_world_cam
        E = epipolar.essential_from_pose(T_cam0_cam1)
        points_cam0, parallax_rad = triangulate(T_cam0_cam1, rays0, rays1)
        points_cam1 = se3.transform_points(se3.inverse(T_cam0_cam1), points_cam0)
        max_error = config.max_reprojection_px / camera.focal_px
        sound = epipolar.sampson_errors(E, rays0, rays1) < config.max_epipolar_px / camera.focal_px
        sound &= parallax_rad > self._min_parallax_rad
        sound &= _ray_errors(points_cam0, rays0) < max_error  # False where NaN
        sound &= _ray_errors(points_cam1, rays1) < max_error
        if sound.any():
            points_world = se3.transform_points(keyframe0.T_world_cam, points_cam0[sound])
            sparse_map.add_landmarks(points_world, [(position, index0[sound]), (newest, index1[sound])])

    def _find_again(self, sparse_map: SparseMap, position: int) -> None:
        """Look in an older keyframe for the landmarks of the newest: more views, better depth."""
        keyframe, landmarks = sparse_map.keyframes[position], sparse_map.landmarks
        wanted = _seen_by(sparse_map, sparse_map.last_keyframe) & ~_seen_by(sparse_map, keyframe)
        free = np.flatnonzero(~keyframe.has_landmark)
        radius_px = self._config.max_reprojection_px
        rows, index = self._reprojected(landmarks, np.flatnonzero(wanted), keyframe, free, radius_px)
        sparse_map.observe(position, index, landmarks.ids[rows])

    def _fuse(self, sparse_map: SparseMap) -> None:
        """Merge landmarks of the newest keyframe with older ones that turn out to be the same point.

        They may be farther apart than an observation from its landmark: both have errors, and tracks must
        grow long where the camera comes back. The adjustment that follows drops what was not one.

        That is half and more of what lies that near and looks alike: a keyframe sees it apart. A young map
        bears it, and loses more tracks without it (docs/slam.md), but it would wear away what has left.
        """
        newest, landmarks = sparse_map.last_keyframe, sparse_map.landmarks
        others = np.flatnonzero(~_seen_by(sparse_map, newest))
        known, radius_px = np.flatnonzero(newest.has_landmark), self._config.fuse_radius_px
        rows, index = self._reprojected(landmarks, others, newest, known, radius_px)
        own = landmarks.rows(newest.landmark_ids[index])
        is_kept = sparse_map.is_kept()
        are_two = _seen_apart(sparse_map, rows, own, self._config.max_reprojection_px)
        are_two &= is_kept[rows] & is_kept[own]
        rows, own = rows[~are_two], own[~are_two]
        num_views = sparse_map.num_observations()
        older_wins = num_views[rows] > num_views[own]
        kept, gone = np.where(older_wins, rows, own), np.where(older_wins, own, rows)
        sparse_map.fuse(landmarks.ids[kept], landmarks.ids[gone])

    def _reprojected(
        self,
        landmarks: Landmarks,
        rows: NDArray[np.int64],
        keyframe: Keyframe,
        feature_index: NDArray[np.int64],
        radius_px: float,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pair landmarks ``rows`` and features of a keyframe, (P,) each, that look alike and lie together."""
        points_cam = se3.transform_points(se3.inverse(keyframe.T_world_cam), landmarks.points_world[rows])
        matches = self._matcher.match_guided(
            landmarks.descriptors[rows],
            self._camera.project(points_cam),
            keyframe.features.select(feature_index),
            radius_px,
        )
        return rows[matches.index0], feature_index[matches.index1]

    def _cull(self, sparse_map: SparseMap) -> None:
        """Forget landmarks that frames keep missing: mismatches, things that moved.

        Not what a keyframe that left has seen: on another way through the place frames miss much of it,
        and would wear the memory of it away. ORB-SLAM (section VI-B), too, tests new points only.
        """
        landmarks = sparse_map.landmarks
        share = landmarks.num_found / np.maximum(landmarks.num_expected, 1)
        weak = (landmarks.num_expected >= MIN_EXPECTED) & (share < self._config.min_found_share)
        sparse_map.remove_landmarks(weak & ~sparse_map.is_kept())

    def _problem(
        self,
        sparse_map: SparseMap,
        seen: Observations,
        point_index: NDArray[np.int64],
        rows: NDArray[np.int64],
        num_fixed: int,
    ) -> BundleProblem:
        """Pose the adjustment of landmarks ``rows`` and of all keyframes but the first ``num_fixed``."""
        keyframes = sparse_map.keyframes
        sizes = np.array([len(keyframe.features) for keyframe in keyframes])
        index = (np.cumsum(sizes) - sizes)[seen.position] + seen.feature_index
        pixels = np.concatenate([keyframe.features.pixels for keyframe in keyframes])
        inverse_depth, depth_weight = None, None
        if any(keyframe.view.depths is not None for keyframe in keyframes):
            inverse_depth, sigma = measured_depths(keyframes)[:, index]
            sigma = sparse_map.depth_noise * sigma
            depth_weight = self._config.pixel_sigma_px / self._camera.focal_px / sigma
        return BundleProblem(
            T_world_cam=np.array([keyframe.T_world_cam for keyframe in keyframes]),
            num_fixed=num_fixed,
            points_world=sparse_map.landmarks.points_world[rows],
            pose_index=seen.position,
            point_index=point_index,
            rays=self._camera.rays(pixels[index]),
            inverse_depth=inverse_depth,
            depth_weight=depth_weight,
        )


def _seen_by(sparse_map: SparseMap, keyframe: Keyframe) -> NDArray[np.bool_]:
    """Tell which landmarks (M,) a keyframe sees."""
    seen = np.zeros(len(sparse_map.landmarks), bool)
    seen[sparse_map.rows_seen_by(keyframe)] = True
    return seen


def _seen_apart(
    sparse_map: SparseMap, rows0: NDArray[np.int64], rows1: NDArray[np.int64], least_px: float
) -> NDArray[np.bool_]:
    """Tell which pairs of landmarks (P,), by row, a keyframe sees at least so far from each other.

    Nearer, two features may be of one point: keypoints are less than 3 px apart where an image is blurred.
    """
    keyframes, seen = sparse_map.keyframes, sparse_map.observations()
    feature = np.full((len(keyframes), len(sparse_map.landmarks)), -1)
    feature[seen.position, seen.landmark_row] = seen.feature_index
    position, pair = np.nonzero((feature[:, rows0] >= 0) & (feature[:, rows1] >= 0))
    first = np.cumsum([0] + [len(each.features) for each in keyframes])[position]
    pixels = np.concatenate([each.features.pixels for each in keyframes])
    step = pixels[first + feature[position, rows0[pair]]] - pixels[first + feature[position, rows1[pair]]]
    found = np.zeros(len(rows0), bool)
    found[pair[np.linalg.norm(step, axis=1) >= least_px]] = True
    return found


def measured_depths(keyframes: list[Keyframe]) -> NDArray[np.float64]:
    """Stack inverse depths and their sigmas, 1/m, (2, F) over the features of all keyframes; NaN: unknown."""
    columns = []
    for keyframe in keyframes:
        depths = keyframe.view.depths
        unknown = np.full((2, len(keyframe.features)), np.nan)
        columns.append(unknown if depths is None else [depths.inverse_depth_per_m, depths.sigma_per_m])
    return np.concatenate(columns, axis=1)


def _ray_errors(points_cam: NDArray[np.float64], rays: NDArray[np.float64]) -> NDArray[np.float64]:
    """Measure the distance (N,) at z = 1 of points (N, 3) from observed rays (N, 2); NaN stays NaN."""
    return np.asarray(np.hypot(*(points_cam[:, :2] / points_cam[:, 2:] - rays).T))
