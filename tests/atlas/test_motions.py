"""Motions and the graph that they make: units follow corrections, and a drifted square comes back."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.atlas.motions import TIE_DISTANCE_SHARE, Motion, Motions, pose_graph
from vo_frontend.atlas.pose_graph import EdgeKind
from vo_frontend.atlas.pose_graph_solver import optimize_consistent
from vo_frontend.geometry import se3
from vo_frontend.mapping.ties import Tie

Array = NDArray[np.float64]
NUM = 40  # keyframes of the square
FRAMES = 7 * np.arange(NUM)  # their frames


def tie(i: int, j: int, x: float = 1.0) -> Tie:
    T_cam_other = np.eye(4)
    T_cam_other[0, 3] = x
    return Tie(i, j, T_cam_other, 50, depth=0.0)


def loop(i: int, j: int, T_i_j: Array | None = None, scale_i_j: float = 1.0) -> Motion:
    T = np.eye(4) if T_i_j is None else T_i_j
    return Motion(i, j, T, EdgeKind.LOOP, 1e-3, 0.02, scale_i_j)


def frames(*indices: int) -> NDArray[np.int64]:
    return np.array(indices, np.int64)


def test_a_tie_is_as_exact_as_odometry_and_never_infinitely_so() -> None:
    motion = Motion.of_tie(tie(3, 5, x=2.0))
    assert (motion.i_index, motion.j_index, motion.kind) == (3, 5, EdgeKind.ODOMETRY)
    assert motion.sigma_translation == pytest.approx(TIE_DISTANCE_SHARE * 2.0)
    still = Motion.of_tie(replace(tie(3, 5, x=0.0), depth=8.0))
    assert still.sigma_translation > 0


def test_a_tie_between_the_same_keyframes_replaces_the_older_one_whichever_comes_first() -> None:
    motions = Motions()
    motions.tie([tie(1, 2), tie(2, 3), tie(2, 1, x=-5.0)])
    found = motions.between(frames(1, 2, 3))
    assert [(m.i_index, m.j_index, m.T_i_j[0, 3]) for m in found] == [(2, 1, -5.0), (2, 3, 1.0)]


def test_only_motions_between_the_keyframes_in_question_are_listed_and_loops_last() -> None:
    motions = Motions()
    motions.add_loop(loop(1, 9))
    motions.tie([tie(1, 2), tie(2, 3), tie(3, 9)])
    found = motions.between(frames(1, 2, 9))
    assert [(m.i_index, m.j_index, m.kind) for m in found] == [
        (1, 2, EdgeKind.ODOMETRY),
        (1, 9, EdgeKind.LOOP),
    ]


@pytest.mark.parametrize("ends", [(2, 9), (9, 2)])
def test_a_loop_that_is_taken_back_is_gone_and_the_tie_beside_it_stays(ends: tuple[int, int]) -> None:
    motions = Motions()
    motions.tie([tie(2, 9)])
    motions.add_loop(loop(2, 9))
    motions.take_back(*ends)
    assert [m.kind for m in motions.between(frames(2, 9))] == [EdgeKind.ODOMETRY]


def test_what_was_tied_to_a_keyframe_that_is_given_up_is_tied_to_its_heir_where_it_was() -> None:
    motions = Motions()
    motions.tie([tie(1, 2, x=5.0), tie(3, 2, x=-4.0), tie(2, 7, x=0.5), tie(7, 1, x=-9.0)])
    motions.add_loop(loop(1, 2))
    motions.add_loop(loop(1, 3))
    motions.hand_over(2, 7, tie(7, 2, x=-0.5).T_cam_other, depth=10.0)
    found = motions.between(frames(1, 2, 3, 7))
    places = {(m.i_index, m.j_index): (m.T_i_j[0, 3], m.kind) for m in found}
    assert places == {
        (7, 1): (-9.0, EdgeKind.ODOMETRY),  # what was known stays
        (7, 3): (-0.5 + 4.0, EdgeKind.ODOMETRY),
        (1, 3): (0.0, EdgeKind.LOOP),
    }


@pytest.mark.parametrize("gone_is_first", [True, False])
def test_a_loop_that_is_handed_over_puts_the_heir_where_it_is(gone_is_first: bool) -> None:
    rng = np.random.default_rng(0)
    T_world_cam = {k: se3.exp(rng.normal(size=6)) for k in (1, 2, 7)}
    unit_of_1 = 3.0  # units of 2 and 7 that make one of 1, for one camera

    def measured(i: int, j: int) -> Motion:
        T_i_j, unit = se3.inverse(T_world_cam[i]) @ T_world_cam[j], unit_of_1 if i == 1 else 1.0
        T_i_j[:3, 3] /= unit
        return loop(i, j, T_i_j, (1.0 if j == 1 else 1 / unit_of_1) if i == 1 else unit_of_1)

    motions = Motions()
    motions.add_loop(measured(2, 1) if gone_is_first else measured(1, 2))
    motions.add_loop(loop(2, 7))
    T_heir_gone = se3.inverse(T_world_cam[7]) @ T_world_cam[2]
    motions.hand_over(2, 7, T_heir_gone, depth=10.0, with_loops=True)
    (found,) = motions.between(frames(1, 2, 7))
    expected = measured(7, 1) if gone_is_first else measured(1, 7)
    assert (found.i_index, found.j_index, found.kind) == (expected.i_index, expected.j_index, EdgeKind.LOOP)
    np.testing.assert_allclose(found.T_i_j, expected.T_i_j, atol=1e-12)
    assert found.scale_i_j == expected.scale_i_j


class TestUnits:
    """A correction makes everything around keyframe 1 twice as large, and around 2 three times."""

    def after(self, *scaled: int, motion: Motion | None = None) -> Motion:
        motions = Motions()
        if motion is None:
            motions.tie([tie(1, 2)])
        else:
            motions.add_loop(motion)
        motions.rescale(frames(*scaled), np.array([{1: 2.0, 2: 3.0}[each] for each in scaled]))
        (found,) = motions.between(frames(1, 2))
        return found

    def test_a_translation_is_in_units_of_its_first_keyframe_and_its_deviation_of_the_second(self) -> None:
        found = self.after(1, 2)
        assert found.T_i_j[0, 3] == pytest.approx(2.0)
        assert found.sigma_translation == pytest.approx(3.0 * TIE_DISTANCE_SHARE)
        assert found.scale_i_j == pytest.approx(2.0 / 3.0)
        np.testing.assert_array_equal(found.T_i_j[:3, :3], np.eye(3))

    def test_one_end_that_was_corrected_changes_the_ratio(self) -> None:
        first, second = self.after(1), self.after(2)
        assert (first.T_i_j[0, 3], first.scale_i_j) == pytest.approx((2.0, 2.0))
        assert (second.T_i_j[0, 3], second.scale_i_j) == pytest.approx((1.0, 1.0 / 3.0))

    def test_a_loop_follows_likewise_from_the_ratio_that_it_measured(self) -> None:
        found = self.after(1, 2, motion=loop(1, 2, tie(1, 2).T_cam_other, scale_i_j=1.5))
        assert (found.T_i_j[0, 3], found.scale_i_j) == pytest.approx((2.0, 1.0))

    def test_what_is_measured_after_a_correction_is_in_the_units_of_now(self) -> None:
        motions = Motions()
        motions.rescale(frames(1, 2), np.array([2.0, 3.0]))
        motions.tie([tie(1, 2)])
        (found,) = motions.between(frames(1, 2))
        assert (found.T_i_j[0, 3], found.scale_i_j) == pytest.approx((1.0, 1.0))
        assert found.sigma_translation == pytest.approx(TIE_DISTANCE_SHARE)
        motions.rescale(frames(1, 2), np.array([0.5, 0.5]))
        (found,) = motions.between(frames(1, 2))
        assert (found.T_i_j[0, 3], found.scale_i_j) == pytest.approx((0.5, 1.0))

    def test_corrections_multiply(self) -> None:
        motions = Motions()
        motions.tie([tie(1, 2)])
        for _ in range(3):
            motions.rescale(frames(1, 2), np.array([2.0, 2.0]))
        (found,) = motions.between(frames(1, 2))
        assert (found.T_i_j[0, 3], found.scale_i_j) == pytest.approx((8.0, 1.0))


def square() -> Array:
    """Poses (N, 4, 4) once around a square, ahead first, turning at the corners; it ends where it began."""
    poses = [np.eye(4)]
    for k in range(1, NUM):
        corner = k % (NUM // 4) == 0
        step = np.array([0, 0, 1.0, 0, 0, 0])
        turn = np.array([0, 0, 0, 0, np.pi / 2 if corner else 0.0, 0])
        poses.append(poses[-1] @ se3.exp(step) @ se3.exp(turn))
    return np.array(poses)


def drifted(truth: Array, unit: Array) -> tuple[Array, Motions]:
    """What odometry makes of it, 0.1 degrees too far at each keyframe, with a unit (N,) that drifts."""
    motions, poses = Motions(), [truth[0]]
    bend = se3.exp(np.array([0, 0, 0, 0, np.radians(0.1), 0]))
    for k in range(NUM - 1):
        step = se3.inverse(truth[k]) @ truth[k + 1] @ bend
        step[:3, 3] /= unit[k]
        poses.append(poses[-1] @ step)
        motions.tie([Tie(int(FRAMES[k]), int(FRAMES[k + 1]), step, 50, depth=5.0)])
    return np.array(poses), motions


def errors(T_world_cam: Array, truth: Array) -> Array:
    return np.asarray(np.linalg.norm(T_world_cam[:, :3, 3] - truth[:, :3, 3], axis=1))


@pytest.mark.parametrize("mono", [False, True])
def test_a_loop_takes_the_drift_out_of_a_square_and_the_first_keyframe_stays(mono: bool) -> None:
    pytest.importorskip("gtsam")
    truth = square()
    unit = np.exp(0.005 * np.arange(NUM)) if mono else np.ones(NUM)  # true length of the unit of odometry
    start, motions = drifted(truth, unit)
    closing = loop(0, int(FRAMES[-1]), se3.inverse(truth[0]) @ truth[-1], scale_i_j=unit[-1])
    motions.add_loop(replace(closing, sigma_translation=0.005))
    graph = pose_graph(FRAMES, start, motions.between(FRAMES), is_metric=not mono)
    assert errors(start, truth).max() > (1.0 if mono else 0.3)
    solution = optimize_consistent(graph)
    assert solution.is_used.all()
    assert errors(solution.T_world_cam, truth).max() < 0.1 * errors(start, truth).max()
    np.testing.assert_allclose(solution.T_world_cam[0], start[0], atol=1e-6)
    np.testing.assert_allclose(solution.scales, unit if mono else np.ones(NUM), rtol=0.01)


def test_after_a_mono_correction_the_motions_agree_with_the_poses_that_it_gave() -> None:
    """Ties were measured before the correction; in the units of now they must still fit, so that it rests."""
    pytest.importorskip("gtsam")
    truth, unit = square(), np.exp(0.005 * np.arange(NUM))
    start, motions = drifted(truth, unit)
    motions.add_loop(loop(0, int(FRAMES[-1]), se3.inverse(truth[0]) @ truth[-1], scale_i_j=unit[-1]))
    first = optimize_consistent(pose_graph(FRAMES, start, motions.between(FRAMES), is_metric=False))
    motions.rescale(FRAMES, first.scales)
    again = pose_graph(FRAMES, first.T_world_cam, motions.between(FRAMES), is_metric=False)
    second = optimize_consistent(again)
    np.testing.assert_allclose(second.scales, 1.0, atol=1e-3)
    np.testing.assert_allclose(second.T_world_cam, first.T_world_cam, atol=5e-3)


def test_a_keyframe_that_is_tied_to_nothing_is_refused() -> None:
    motions = Motions()
    motions.tie([tie(1, 2)])
    poses = np.tile(np.eye(4), (3, 1, 1))
    with pytest.raises(ValueError, match="not joined to the fixed"):
        pose_graph(frames(1, 2, 3), poses, motions.between(frames(1, 2, 3)), is_metric=True)
