"""Ground truth drawn over the estimate. It is for display only and never reaches the estimator."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import TrajectoryError
from vo_frontend.geometry.alignment import align
from vo_frontend.geometry.timestamps import nearest
from vo_frontend.types import Trajectory

MAX_DIFFERENCE_S = 0.02  # between the stamps of an estimated and a true pose that form a pair
MIN_PAIRS = 10
MIN_EXTENT = 0.05  # of the estimate, in landmark distances; smaller ones are noise rather than motion
GROWTH = 1.1  # of the number of poses, from one alignment to the next


class GroundTruthOverlay:
    """Gives the true path of the camera in scene coordinates, once enough of the estimate is known.

    Only the run itself determines the origin and scale of its scene. So the path is aligned to the
    estimate by least squares, and again whenever the estimate has grown or jumped.

    Args:
        ground_truth: poses of the camera in a world of their own, at least one.
        with_scale: align with Sim(3), for a sensor without scale; False aligns with SE(3).
    """

    def __init__(self, ground_truth: Trajectory, with_scale: bool) -> None:
        self._times_ns = ground_truth.timestamps_ns
        self._times_s = ground_truth.timestamps_ns * 1e-9
        self._positions_world = ground_truth.positions_world
        self._with_scale = with_scale
        self._positions_scene: NDArray[np.float32] | None = None
        self._num_followed = 0

    def follow(
        self, estimate: NDArray[np.float64], landmark_distance: float, *, align_anew: bool = False
    ) -> None:
        """Align to the estimate if it has grown enough; keep the previous alignment if that is impossible.

        Args:
            estimate: rows (N, 4) of one segment: timestamp in s, camera centre in scene coordinates.
            landmark_distance: typical distance camera - landmark, in scene units.
            align_anew: however little it has grown: the run is over, or the estimate was corrected.
        """
        if len(estimate) < GROWTH * self._num_followed and not align_anew:
            return
        self._num_followed = len(estimate)
        true_rows, is_pair = self._nearest_true_rows(estimate[:, 0])
        positions_scene = estimate[is_pair, 1:]
        if len(positions_scene) < MIN_PAIRS:
            return
        if np.ptp(positions_scene, axis=0).max() < MIN_EXTENT * landmark_distance:
            return
        try:
            S_scene_world = align(
                self._positions_world[true_rows[is_pair]], positions_scene, with_scale=self._with_scale
            )
        except TrajectoryError:  # the true camera stood still: there is no path to show
            return
        self._positions_scene = S_scene_world.transform_points(self._positions_world).astype(np.float32)

    def path(self, first_s: float, last_s: float) -> NDArray[np.float32]:
        """Return the true camera centres (G, 3) of a time span, in the scene; G = 0 before alignment."""
        if self._positions_scene is None:
            return np.empty((0, 3), np.float32)
        first, last = np.searchsorted(self._times_s, [first_s - MAX_DIFFERENCE_S, last_s + MAX_DIFFERENCE_S])
        return self._positions_scene[first:last]

    def _nearest_true_rows(self, times_s: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the row (N,) of the true pose nearest to each time (N,), and (N,) whether it is a pair."""
        row = nearest(np.rint(times_s * 1e9).astype(np.int64), self._times_ns)
        return row, np.abs(self._times_s[row] - times_s) <= MAX_DIFFERENCE_S
