"""What happens when a frame becomes a keyframe: new landmarks, adjustment, culling."""

from dataclasses import dataclass

import numpy as np

from vo_frontend.geometry import epipolar, se3
from vo_frontend.geometry.camera import Camera
from vo_frontend.geometry.triangulation import triangulate
from vo_frontend.mapping.bundle import BundleProblem, adjust
from vo_frontend.mapping.sparse_map import NO_LANDMARK, Keyframe, Landmarks, SparseMap
from vo_frontend.tracking.matching import Matcher


@dataclass(frozen=True, slots=True)
class MapperOptions:
    """Values of the ``mapping`` section of the configuration."""

    num_neighbors: int
    min_parallax_rad: float
    max_epipolar_px: float
    max_reprojection_px: float
    adjusted_keyframes: int
    huber_px: float
    max_iterations: int


class Mapper:
    """Grows and improves a map. Stateless: everything it knows is in the map."""

    def __init__(self, camera: Camera, matcher: Matcher, options: MapperOptions) -> None:
        self._camera = camera
        self._matcher = matcher
        self._options = options

    def extend(self, sparse_map: SparseMap) -> None:
        """Give the newest keyframe landmarks of its own, then adjust the window and drop outliers."""
        newest = len(sparse_map.keyframes) - 1
        first = max(0, newest - self._options.num_neighbors)
        for neighbor in range(first, newest):  # oldest first: it has the most parallax
            self._triangulate(sparse_map, neighbor, newest)
        for neighbor in range(first, newest):
            self._find_again(sparse_map, neighbor, newest)
        self.adjust(sparse_map)

    def adjust(self, sparse_map: SparseMap) -> None:
        """Windowed bundle adjustment; observations that still disagree afterwards are forgotten."""
        options, focal_px = self._options, self._camera.focal_px
        keyframes = sparse_map.keyframes
        num_fixed = max(1, len(keyframes) - options.adjusted_keyframes)
        # A landmark with one view left, or with none that moves, has nothing to say about the poses.
        useful = sparse_map.num_observations() >= 2
        useful &= sparse_map.num_observations(keyframes[num_fixed:]) >= 1
        rows = np.flatnonzero(useful)
        landmarks = sparse_map.landmarks.select(rows)
        problem = self._problem(keyframes, landmarks, num_fixed)
        solution = adjust(problem, huber=options.huber_px / focal_px, max_iterations=options.max_iterations)
        points_world = sparse_map.landmarks.points_world.copy()
        points_world[rows] = solution.points_world
        sparse_map.move(solution.T_world_cam, points_world)

        error_px = np.linalg.norm(solution.residuals, axis=1) * focal_px
        bad = error_px > options.max_reprojection_px
        bad_ids, bad_position = landmarks.ids[problem.point_index[bad]], problem.pose_index[bad]
        sparse_map.remove_observations(
            [
                np.isin(keyframe.landmark_ids, bad_ids[bad_position == position])
                for position, keyframe in enumerate(sparse_map.keyframes)
            ]
        )

    def _triangulate(self, sparse_map: SparseMap, position0: int, position1: int) -> None:
        """Match the two keyframes' features that have no landmark yet, and add the sound points."""
        options, camera = self._options, self._camera
        keyframe0, keyframe1 = sparse_map.keyframes[position0], sparse_map.keyframes[position1]
        free0 = np.flatnonzero(keyframe0.landmark_ids == NO_LANDMARK)
        free1 = np.flatnonzero(keyframe1.landmark_ids == NO_LANDMARK)
        matches = self._matcher.match(
            keyframe0.features.descriptors[free0], keyframe1.features.descriptors[free1]
        )
        index0, index1 = free0[matches.index0], free1[matches.index1]
        pixels0 = keyframe0.features.pixels[index0].astype(np.float64)
        pixels1 = keyframe1.features.pixels[index1].astype(np.float64)
        rays0, rays1 = camera.rays(pixels0), camera.rays(pixels1)

        T_cam0_cam1 = se3.inverse(keyframe0.T_world_cam) @ keyframe1.T_world_cam
        E = epipolar.essential_from_pose(T_cam0_cam1)
        points_cam0, parallax_rad = triangulate(T_cam0_cam1, rays0, rays1)
        points_cam1 = se3.transform_points(se3.inverse(T_cam0_cam1), points_cam0)
        error0_px = np.linalg.norm(camera.project(points_cam0) - pixels0, axis=1)
        error1_px = np.linalg.norm(camera.project(points_cam1) - pixels1, axis=1)
        sound = epipolar.sampson_errors(E, rays0, rays1) * camera.focal_px < options.max_epipolar_px
        sound &= parallax_rad > options.min_parallax_rad
        sound &= np.fmax(error0_px, error1_px) < options.max_reprojection_px  # False where NaN
        if sound.any():
            points_world = se3.transform_points(keyframe0.T_world_cam, points_cam0[sound])
            sparse_map.add_landmarks(points_world, [(position0, index0[sound]), (position1, index1[sound])])

    def _find_again(self, sparse_map: SparseMap, position: int, newest: int) -> None:
        """Look in an older keyframe for the landmarks of the newest: more views, better depth."""
        options, camera, landmarks = self._options, self._camera, sparse_map.landmarks
        keyframe = sparse_map.keyframes[position]
        free = np.flatnonzero(keyframe.landmark_ids == NO_LANDMARK)
        wanted = np.isin(landmarks.ids, sparse_map.keyframes[newest].landmark_ids)
        wanted &= ~np.isin(landmarks.ids, keyframe.landmark_ids)
        rows = np.flatnonzero(wanted)
        points_cam = se3.transform_points(se3.inverse(keyframe.T_world_cam), landmarks.points_world[rows])
        matches = self._matcher.match_guided(
            landmarks.descriptors[rows],
            camera.project(points_cam),
            keyframe.features.select(free),
            options.max_reprojection_px,
        )
        sparse_map.observe(position, free[matches.index1], landmarks.ids[rows[matches.index0]])

    def _problem(self, keyframes: list[Keyframe], landmarks: Landmarks, num_fixed: int) -> BundleProblem:
        pose_index, point_index, rays = [], [], []
        for position, keyframe in enumerate(keyframes):
            feature_index = np.flatnonzero(np.isin(keyframe.landmark_ids, landmarks.ids))
            pose_index.append(np.full(len(feature_index), position))
            point_index.append(landmarks.rows(keyframe.landmark_ids[feature_index]))
            rays.append(self._camera.rays(keyframe.features.pixels[feature_index]))
        points = np.concatenate(point_index)
        order = np.argsort(points, kind="stable")
        return BundleProblem(
            T_world_cam=np.array([keyframe.T_world_cam for keyframe in keyframes]),
            num_fixed=num_fixed,
            points_world=landmarks.points_world,
            pose_index=np.concatenate(pose_index)[order],
            point_index=points[order],
            rays=np.concatenate(rays)[order],
        )
