"""Ground truth in the scene of an estimate whose origin and scale only the run brings forth."""

import numpy as np
import pytest
from numpy.typing import NDArray
from viewer_street import FedScene, make_map, make_pose, make_result, make_truth

from vo_frontend.geometry.alignment import align
from vo_frontend.types import StampedPose, Trajectory
from vo_frontend.viewer import ground_truth_overlay

Array = NDArray[np.float64]

R_TRUTH_SCENE = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])  # z up, as surveyors like it


def estimate_at(index: float) -> Array:
    return np.array([np.sin(0.2 * index), 0.01 * index, 0.3 * index])


def truth_of(positions: Array, scale: float = 8.0) -> Array:
    return scale * positions @ R_TRUTH_SCENE.T + [100.0, -50.0, 3.0]


@pytest.fixture
def drive() -> Array:
    """Estimated positions (60, 3)."""
    return np.array([estimate_at(index) for index in range(60)])


def fed(scene: FedScene, positions: Array, segment_id: int = 0, first: int = 0) -> FedScene:
    for index, position in enumerate(positions, start=first):
        scene.update(make_result(index, tuple(position), segment_id))
    return scene


def test_ground_truth_in_a_world_of_its_own_lands_on_the_estimate(drive: Array) -> None:
    scene = fed(FedScene(make_truth(truth_of(drive))), drive)
    np.testing.assert_allclose(scene.snapshot().ground_truth, drive, atol=1e-4)


def test_ground_truth_is_shown_from_the_first_frame_to_the_last_and_not_further(
    drive: Array,
) -> None:
    scene = FedScene(make_truth(truth_of(drive)))
    for index in (10, 11, 12, 13, 14):
        scene.update(make_result(index, None))
    fed(scene, drive[15:40], first=15)
    np.testing.assert_allclose(scene.snapshot(is_final=True).ground_truth, drive[10:40], atol=1e-4)


def test_nothing_is_drawn_before_there_are_ten_poses(drive: Array) -> None:
    truth = make_truth(truth_of(drive))
    assert len(fed(FedScene(truth), drive[:9]).snapshot(is_final=True).ground_truth) == 0
    assert len(fed(FedScene(truth), drive[:10]).snapshot(is_final=True).ground_truth) == 10


def test_backfilled_poses_count(drive: Array) -> None:
    scene = FedScene(make_truth(truth_of(drive)))
    earlier = tuple(StampedPose(i, i * 10**8, make_pose(tuple(drive[i]))) for i in range(12))
    scene.update(make_result(12, tuple(drive[12]), backfilled=earlier))
    assert len(scene.snapshot().ground_truth) == 1  # the run began with this frame
    scene.update(make_result(13, tuple(drive[13])))
    np.testing.assert_allclose(scene.snapshot().ground_truth, drive[12:14], atol=1e-4)


@pytest.mark.parametrize("with_scale", [True, False])
def test_a_camera_that_hardly_moves_gets_no_ground_truth(drive: Array, with_scale: bool) -> None:
    scene = FedScene(make_truth(truth_of(drive)), with_scale)
    noise = np.random.default_rng(0).normal(scale=1e-3, size=(40, 3))
    scene.update(make_result(0, tuple(noise[0]), map=make_map(0, np.full((5, 3), 3.0))))
    fed(scene, noise[1:], first=1)
    assert len(scene.snapshot(is_final=True).ground_truth) == 0


@pytest.mark.parametrize(
    "truth",
    [
        make_truth(np.ones((60, 3))),
        make_truth(np.arange(180.0).reshape(60, 3), period_s=7.03),
        make_truth(np.empty((0, 3))),
        make_truth(np.ones((1, 3))),
    ],
    ids=["stands still", "other clock", "empty", "one pose"],
)
def test_ground_truth_that_cannot_be_aligned_is_not_drawn_and_raises_nothing(
    drive: Array, truth: Trajectory
) -> None:
    assert len(fed(FedScene(truth), drive).snapshot(is_final=True).ground_truth) == 0


def test_a_straight_drive_is_aligned(drive: Array) -> None:
    straight = drive * [0, 0, 1]
    scene = fed(FedScene(make_truth(truth_of(straight))), straight)
    np.testing.assert_allclose(scene.snapshot().ground_truth, straight, atol=1e-4)


def test_a_sensor_that_knows_scale_is_not_scaled(drive: Array) -> None:
    scene = fed(FedScene(make_truth(truth_of(drive)), with_scale=False), drive)
    truth = scene.snapshot().ground_truth
    assert np.linalg.norm(truth[1] - truth[0]) == pytest.approx(8 * np.linalg.norm(drive[1] - drive[0]), 1e-3)


def test_ground_truth_of_another_rate_pairs_by_time_within_20_ms(drive: Array) -> None:
    positions = np.array([estimate_at(index) for index in np.arange(0, 60, 0.25)])
    scene = fed(FedScene(make_truth(truth_of(positions), period_s=0.025)), drive)
    np.testing.assert_allclose(scene.snapshot().ground_truth[::4], drive, atol=1e-4)


def test_ground_truth_belongs_to_the_longest_segment_the_first_of_equal_ones(
    drive: Array,
) -> None:
    scene = FedScene(make_truth(truth_of(drive)))
    fed(scene, drive[:20])
    fed(scene, 0.1 * (drive[20:40] - drive[20]), segment_id=1, first=20)  # a scale of its own
    np.testing.assert_allclose(scene.snapshot(is_final=True).ground_truth, drive[:40], atol=1e-4)
    fed(scene, 0.1 * (drive[40:] - drive[20]), segment_id=1, first=40)
    snapshot = scene.snapshot(is_final=True)
    np.testing.assert_allclose(snapshot.ground_truth[20:], snapshot.trajectories[1], atol=1e-4)


def test_alignment_is_rare_while_results_come_and_certain_at_the_end(
    drive: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def counting(source: Array, target: Array, *, with_scale: bool) -> object:
        sizes.append(len(source))
        return align(source, target, with_scale=with_scale)

    monkeypatch.setattr(ground_truth_overlay, "align", counting)
    positions = np.array([estimate_at(index) for index in range(1000)])
    scene = FedScene(make_truth(truth_of(positions)))
    for index, position in enumerate(positions):
        scene.update(make_result(index, tuple(position)))
        scene.snapshot()
    assert len(sizes) < 50
    assert np.all(np.diff(sizes) >= 0.1 * np.array(sizes[:-1]))
    scene.snapshot(is_final=True)
    assert sizes[-1] == 1000


def test_a_snapshot_keeps_its_ground_truth_when_the_alignment_changes(drive: Array) -> None:
    scene = fed(FedScene(make_truth(truth_of(drive))), drive[:20])
    snapshot = scene.snapshot()
    before = snapshot.ground_truth.copy()
    fed(scene, 2 * drive[20:], first=20)
    assert not np.allclose(scene.snapshot(is_final=True).ground_truth[:20], before)
    np.testing.assert_array_equal(snapshot.ground_truth, before)
