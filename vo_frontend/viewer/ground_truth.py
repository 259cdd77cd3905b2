"""Ground truth laid over the estimate, for the eye only: nothing of it ever reaches the estimator."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import TrajectoryError
from vo_frontend.geometry.alignment import align
from vo_frontend.types import Trajectory
from vo_frontend.viewer.thinning import ThinnedRows

MAX_DIFFERENCE_S = 0.02  # between the stamps of an estimated and a true pose of the same moment
MIN_PAIRS = 10
MIN_EXTENT = 0.05  # of the estimate, in landmark distances: below it there is more noise than motion
GROWTH = 1.1  # of the number of poses, from one alignment to the next


class GroundTruthOverlay:
    """The true path of the camera in scene coordinates, as soon as enough of the estimate is known.

    The scene of a monocular run has an origin and a scale that only the run itself brings forth, so
    the path is aligned (least squares) to what was estimated so far, again and again as that grows.

    Args:
        ground_truth: of the camera, in a world of its own; at least one pose.
        with_scale: align with Sim(3), for a sensor that does not know scale; False means SE(3).
    """

    def __init__(self, ground_truth: Trajectory, with_scale: bool) -> None:
        self._times_s = ground_truth.timestamps_ns * 1e-9
        self._positions_world = ground_truth.positions_world
        self._with_scale = with_scale
        self._positions_scene: NDArray[np.float32] | None = None
        self._num_followed = 0

    def follow(self, estimate: ThinnedRows, landmark_distance: float, *, is_final: bool = False) -> None:
        """Align to the estimate where it has grown enough; keep what was where that is impossible.

        Args:
            estimate: rows (N, 4) of one segment: timestamp (s), camera centre in scene coordinates.
            landmark_distance: typical distance camera - landmark, in scene units.
            is_final: nothing more will come, so align whatever the growth.
        """
        if estimate.num_seen < GROWTH * self._num_followed and not is_final:
            return
        self._num_followed = estimate.num_seen
        true_rows, is_pair = self._nearest(estimate.rows[:, 0])
        positions_scene = estimate.rows[is_pair, 1:]
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
        """True camera centres (G, 3) of a span of time in scene coordinates; G = 0 before alignment."""
        if self._positions_scene is None:
            return np.empty((0, 3), np.float32)
        first, last = np.searchsorted(self._times_s, [first_s - MAX_DIFFERENCE_S, last_s + MAX_DIFFERENCE_S])
        return self._positions_scene[first:last]

    def _nearest(self, times_s: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Row (N,) of the true pose nearest in time, and whether it is near enough."""
        after = np.clip(np.searchsorted(self._times_s, times_s), 0, len(self._times_s) - 1)
        before = np.maximum(after - 1, 0)
        is_before = times_s - self._times_s[before] < self._times_s[after] - times_s
        nearest = np.where(is_before, before, after)
        return nearest, np.abs(self._times_s[nearest] - times_s) <= MAX_DIFFERENCE_S
