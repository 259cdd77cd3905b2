"""Placing a frame among known landmarks: tracking from a guess, and finding itself again."""

import numpy as np
import pytest
from numpy.typing import NDArray
from world import CAMERA, make_world

from vo_frontend.config import Config
from vo_frontend.geometry import se3
from vo_frontend.tracking.matching import Matcher
from vo_frontend.tracking.pose import PoseEstimate, PoseTracker
from vo_frontend.tracking.robust import PoselibEstimator
from vo_frontend.types import Features, Reason

Seen = tuple[NDArray[np.float32], NDArray[np.int64]]  # descriptors and landmark rows of a keyframe

WORLD = make_world()
T_WORLD_CAM = se3.exp(np.array([0.3, -0.1, 0.5, 0.02, -0.05, 0.01]))
FAR = se3.exp(np.array([6.0, 1.0, -3.0, 0.1, 0.6, 0.0]))


def make_tracker() -> PoseTracker:
    config = Config()
    estimator = PoselibEstimator(CAMERA, config.ransac, config.seed)
    return PoseTracker(CAMERA, Matcher(0.8), estimator, config)


def view(noise_px: float = 0.3) -> Features:
    return WORLD.features(T_WORLD_CAM, np.random.default_rng(1), noise_px)


def errors(estimate: PoseEstimate) -> tuple[float, float]:
    """Distance, and angle in deg, from the truth."""
    assert estimate.T_world_cam is not None
    T_error = se3.inverse(T_WORLD_CAM) @ estimate.T_world_cam
    angle_rad = float(se3.rotation_angle_rad(T_error[:3, :3]))
    return float(np.linalg.norm(T_error[:3, 3])), float(np.rad2deg(angle_rad))


def other_descriptors(seed: int = 9) -> NDArray[np.float32]:
    descriptors = np.random.default_rng(seed).normal(size=WORLD.descriptors.shape).astype(np.float32)
    return np.asarray(descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True))


def test_a_good_guess_leads_to_the_pose_and_all_its_landmarks() -> None:
    features = view()
    guess = T_WORLD_CAM @ se3.exp(np.array([0.1, 0, 0, 0, 0.01, 0]))
    found = make_tracker().track(features, WORLD.points_world, WORLD.descriptors, guess)
    distance, angle_deg = errors(found)
    assert (distance, angle_deg) < (0.01, 0.1)
    assert found.num_inliers > 0.95 * len(features)
    visible = WORLD.visible(T_WORLD_CAM)[1]
    assert len(np.setxor1d(found.expected_rows, visible)) < 0.02 * len(visible)
    seen = WORLD.descriptors[found.landmark_rows]
    np.testing.assert_array_equal(seen, features.descriptors[found.feature_index])


def test_a_guess_far_away_finds_nothing_and_says_so() -> None:
    found = make_tracker().track(view(), WORLD.points_world, WORLD.descriptors, FAR)
    assert found.T_world_cam is None
    assert found.reason in (Reason.TOO_FEW_MATCHES, Reason.DEGENERATE_GEOMETRY)


class TestRelocalization:
    def relocalize(self, landmark_descriptors: NDArray[np.float32], keyframes: list[Seen]) -> PoseEstimate:
        return make_tracker().relocalize(view(), WORLD.points_world, landmark_descriptors, iter(keyframes))

    def test_needs_no_guess(self) -> None:
        assert errors(self.relocalize(other_descriptors(), [(WORLD.descriptors, np.arange(600))])) < (
            0.01,
            0.1,
        )

    def test_a_keyframe_may_know_what_the_latest_views_have_forgotten(self) -> None:
        """As after a turn: the landmarks now look as from the other side, one old view does not."""
        rows = np.arange(0, len(WORLD.points_world), 2)
        keyframes = [(other_descriptors(5), np.arange(600)), (WORLD.descriptors[rows], rows)]
        assert self.relocalize(other_descriptors(), keyframes[:1]).T_world_cam is None
        assert errors(self.relocalize(other_descriptors(), keyframes)) < (0.05, 0.3)

    @pytest.mark.parametrize("keyframes", [[], [(other_descriptors(5), np.arange(600))]])
    def test_another_place_is_not_mistaken_for_this_one(self, keyframes: list[Seen]) -> None:
        found = self.relocalize(other_descriptors(), keyframes)
        assert found.T_world_cam is None
        assert found.reason in (Reason.TOO_FEW_MATCHES, Reason.DEGENERATE_GEOMETRY)
