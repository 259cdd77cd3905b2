"""Pose graphs with known answers: drift that loops undo, scale that drifts, loops that are wrong."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.atlas.pose_graph import EdgeKind, PoseGraph
from vo_frontend.atlas.pose_graph_solver import optimize, optimize_consistent
from vo_frontend.errors import VoError
from vo_frontend.geometry import se3

Array = NDArray[np.float64]
SIGMA_RAD, SIGMA = 0.002, 0.02


def test_a_loop_brings_a_drifted_square_back_to_the_truth() -> None:
    """Each corner of the square is turned 2 degrees too far, so that the end misses the start."""
    pytest.importorskip("gtsam")
    truth, bend = square(40), np.array([0, 0, 0, 0, np.radians(2.0), 0])
    corners = np.arange(10, 40, 10)
    motions = relative(truth, np.arange(39), np.arange(1, 40))
    motions[corners - 1] = motions[corners - 1] @ se3.exp(bend)
    graph = chain(motions, loops=[(0, 39)], truth=truth)
    graph.sigma_rotation_rad[corners - 1] = np.radians(2.0)  # odometry knows that it turned there
    assert distance(graph.T_world_cam, truth) > 0.5
    solution = optimize(graph)
    assert distance(solution.T_world_cam, truth) < 0.02
    assert solution.final_cost == pytest.approx(0.5 * 3, rel=0.05)  # one deviation at each corner
    assert solution.iterations > 0


def test_exact_edges_bring_disturbed_keyframes_back_exactly() -> None:
    pytest.importorskip("gtsam")
    truth, rng = circle(30), np.random.default_rng(1)
    exact = chain(relative(truth, np.arange(29), np.arange(1, 30)), loops=[(0, 29)], truth=truth)
    disturbed = truth @ noise(rng, 30, 0.05, 0.5)
    disturbed[7] = truth[7]
    solution = optimize(replace(exact, T_world_cam=disturbed, fixed=7))
    np.testing.assert_allclose(solution.T_world_cam, truth, atol=1e-6)
    np.testing.assert_array_equal(solution.scales, 1.0)
    assert solution.chi2.max() < 1e-6


@pytest.mark.parametrize("mono", [False, True])
def test_a_graph_that_agrees_stays_where_it_is_and_the_fixed_keyframe_stays_anyway(mono: bool) -> None:
    pytest.importorskip("gtsam")
    truth = circle(20)
    graph = chain(relative(truth, np.arange(19), np.arange(1, 20)), loops=[(0, 19)], truth=truth)
    graph = replace(with_scale(graph) if mono else graph, fixed=3)
    np.testing.assert_allclose(optimize(graph).T_world_cam, graph.T_world_cam, atol=1e-9)
    drifted = optimize(replace(graph, T_i_j=graph.T_i_j @ noise(np.random.default_rng(0), 20, 0.01, 0.1)))
    np.testing.assert_allclose(drifted.T_world_cam[3], graph.T_world_cam[3], atol=1e-9)
    assert distance(drifted.T_world_cam, truth) > 0.01


@pytest.mark.parametrize("rate", [-0.01, 0.01])
def test_a_loop_with_scale_recovers_scale_drift(rate: float) -> None:
    """The unit of odometry shrinks or grows by 1 % from keyframe to keyframe, to a factor of 2.2 in all."""
    pytest.importorskip("gtsam")
    truth = circle(80)
    unit = np.exp(rate * np.arange(80))  # true length of the unit around each keyframe
    motions = relative(truth, np.arange(79), np.arange(1, 80))
    motions[:, :3, 3] /= unit[:79, None]
    graph = with_scale(chain(motions, loops=[(0, 79)], truth=truth))
    assert graph.scale_i_j is not None
    graph.scale_i_j[-1] = unit[79] / unit[0]
    assert distance(graph.T_world_cam, truth) > 5.0
    solution = optimize(graph)
    np.testing.assert_allclose(solution.scales, unit, rtol=0.01)
    assert distance(solution.T_world_cam, truth) < 0.2


def test_scales_take_points_of_the_old_cameras_to_the_new_world() -> None:
    """Keyframe 1 was placed at half the size: a landmark 2 ahead of it is 4 ahead."""
    pytest.importorskip("gtsam")
    start = np.tile(np.eye(4), (2, 1, 1))
    start[1, 0, 3] = 1.0
    link = start[1:].copy()
    graph = PoseGraph(
        start, 0, np.array([0]), np.array([1]), link, np.array([0.01]), np.array([0.01]),
        np.array([EdgeKind.COVISIBILITY]), np.array([2.0]), np.array([0.01]),
    )  # fmt: skip
    solution = optimize(graph)
    assert solution.scales == pytest.approx([1.0, 2.0])
    point = solution.scales[1] * np.array([0, 0, 2.0]) @ solution.T_world_cam[1, :3, :3].T
    np.testing.assert_allclose(point + solution.T_world_cam[1, :3, 3], [1, 0, 4], atol=1e-6)


@pytest.mark.parametrize("mono", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_wrong_loops_among_right_ones_are_taken_back_and_move_nothing(mono: bool, seed: int) -> None:
    pytest.importorskip("gtsam")
    graph, truth = two_laps(seed)
    wrong = np.flatnonzero(graph.is_loop)[[3, 8, 11]]
    spoiled_motions = graph.T_i_j.copy()
    spoiled_motions[wrong] = spoiled_motions[wrong] @ noise(np.random.default_rng(seed), 3, 1.0, 20.0)
    graph = with_scale(graph) if mono else graph
    solution = optimize_consistent(replace(graph, T_i_j=spoiled_motions))
    assert not solution.is_used[wrong].any()
    assert (solution.chi2[wrong] > 100).all()
    right = np.flatnonzero(graph.is_loop & ~np.isin(np.arange(len(graph.i)), wrong))
    assert solution.is_used[right].mean() > 0.9
    assert solution.is_used[~graph.is_loop].all()
    without = np.ones(len(graph.i), bool)
    without[wrong] = False
    reference = optimize_consistent(subset(graph, without))
    assert distance(solution.T_world_cam, reference.T_world_cam) < 0.1 * distance(graph.T_world_cam, truth)
    np.testing.assert_allclose(solution.T_world_cam, reference.T_world_cam, atol=1e-3)


def test_many_loops_that_are_right_are_all_kept_although_drift_holds_them_open() -> None:
    pytest.importorskip("gtsam")
    graph, truth = two_laps(5)
    solution = optimize_consistent(graph)
    before = np.linalg.norm(graph.T_world_cam[graph.i[-1], :3, 3] - graph.T_world_cam[graph.j[-1], :3, 3])
    assert before > 20 * SIGMA
    assert solution.is_used[graph.is_loop].mean() > 0.9
    assert distance(solution.T_world_cam, truth) < 0.5 * distance(graph.T_world_cam, truth)


def test_a_single_loop_is_kept_although_it_bends_every_edge_by_a_deviation() -> None:
    """Odometry turns too far by one deviation at each keyframe; the loop is five times less exact."""
    pytest.importorskip("gtsam")
    truth = np.tile(np.eye(4), (201, 1, 1))  # it stands and thinks that it turns
    turn = se3.exp(np.array([0, 0, 0, 0, SIGMA_RAD, 0]))
    graph = chain(np.tile(turn, (200, 1, 1)), loops=[(0, 200)], truth=truth)
    sigma_rad = graph.sigma_rotation_rad.copy()
    sigma_rad[-1] *= 5
    solution = optimize_consistent(replace(graph, sigma_rotation_rad=sigma_rad))
    assert solution.is_used.all()
    share = 200 / (200 + 25)  # variance of the chain over that of chain and loop
    np.testing.assert_allclose(solution.chi2[:-1], share**2, rtol=1e-3)
    assert solution.chi2[-1] == pytest.approx((200 * (1 - share) / 5) ** 2, rel=1e-3)
    assert solution.chi2[-1] > 16.812  # the 99 % quantile


def test_chi2_is_what_the_edges_say_in_standard_deviations() -> None:
    pytest.importorskip("gtsam")
    graph, _ = two_laps(2)
    solution = optimize(graph)
    found = solution.T_world_cam
    for e in (0, 17, len(graph.i) - 1):
        difference = se3.inverse(graph.T_i_j[e]) @ se3.inverse(found[graph.i[e]]) @ found[graph.j[e]]
        scaled = se3.log(difference) / np.repeat([SIGMA, SIGMA_RAD], 3)
        assert solution.chi2[e] == pytest.approx(scaled @ scaled, rel=1e-6)


@pytest.mark.parametrize("mono", [False, True])
def test_the_same_graph_gives_the_same_bytes(mono: bool) -> None:
    pytest.importorskip("gtsam")
    graph, _ = two_laps(3)
    graph = with_scale(graph) if mono else graph
    first, second = optimize_consistent(graph), optimize_consistent(graph)
    assert first.T_world_cam.tobytes() == second.T_world_cam.tobytes()
    assert first.chi2.tobytes() == second.chi2.tobytes()


def test_the_input_is_not_changed() -> None:
    pytest.importorskip("gtsam")
    graph, _ = two_laps(4)
    before = graph.T_world_cam.tobytes(), graph.T_i_j.tobytes()
    optimize_consistent(graph)
    assert (graph.T_world_cam.tobytes(), graph.T_i_j.tobytes()) == before


def test_parts_that_only_a_loop_joins_are_refused() -> None:
    truth = circle(20)
    graph = chain(relative(truth, np.arange(19), np.arange(1, 20)), loops=[(3, 15)], truth=truth)
    keep = graph.i != 11
    with pytest.raises(ValueError, match="8 keyframes, the first of them 12, are not joined to the fixed"):
        subset(graph, keep)


def test_input_that_is_not_finite_is_refused() -> None:
    graph, _ = two_laps(0)
    poses = graph.T_world_cam.copy()
    poses[5, 0, 3] = np.nan
    with pytest.raises(ValueError, match="T_world_cam must be finite, got 1 that are not"):
        replace(graph, T_world_cam=poses)
    with pytest.raises(ValueError, match="sigma_translation must be finite"):
        replace(graph, sigma_translation=np.full(len(graph.i), np.inf))


def test_deviations_of_zero_wrong_shapes_and_keyframes_that_do_not_exist_are_refused() -> None:
    graph, _ = two_laps(0)
    with pytest.raises(ValueError, match=r"sigma_rotation_rad must be positive, got 0\.0"):
        replace(graph, sigma_rotation_rad=np.zeros(len(graph.i)))
    with pytest.raises(ValueError, match=r"T_i_j must be \(\d+, 4, 4\), got \(3, 4, 4\)"):
        replace(graph, T_i_j=graph.T_i_j[:3])
    with pytest.raises(ValueError, match="expected keyframes 0 to 79, got 0 to 81"):
        replace(graph, j=graph.j + 2)
    with pytest.raises(ValueError, match="belong together"):
        replace(graph, scale_i_j=np.ones(len(graph.i)))


def test_without_gtsam_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, _ = two_laps(0)
    monkeypatch.setitem(sys.modules, "gtsam", None)
    with pytest.raises(VoError, match=r'pip install "vo_frontend\[slam\]"') as raised:
        optimize(graph)
    assert "\n" not in str(raised.value)


def circle(num_poses: int, laps: float = 1.0, radius: float = 10.0) -> Array:
    """Poses (N, 4, 4) of a camera that drives round and looks ahead; y is down."""
    angle = 2 * np.pi * laps * np.arange(num_poses) / num_poses
    turns = se3.so3_exp(np.stack([0 * angle, angle, 0 * angle], axis=1))
    positions = radius * np.stack([1 - np.cos(angle), 0 * angle, np.sin(angle)], axis=1)
    return se3.from_rotation_translation(turns, positions)


def square(num_poses: int) -> Array:
    """Poses (N, 4, 4) along a square of side N / 4, turning at its corners."""
    steps = np.zeros((num_poses, 6))
    steps[1:, 2] = 1.0
    steps[num_poses // 4 :: num_poses // 4, 4] = np.pi / 2
    poses = [np.eye(4)]
    for step in steps[1:]:
        turn = se3.exp(np.concatenate([np.zeros(3), step[3:]]))
        poses.append(poses[-1] @ se3.exp(np.concatenate([step[:3], np.zeros(3)])) @ turn)
    return np.stack(poses)


def relative(T_world_cam: Array, i: NDArray[np.int64], j: NDArray[np.int64]) -> Array:
    return se3.inverse(T_world_cam[i]) @ T_world_cam[j]


def noise(rng: np.random.Generator, num: int, sigma_rad: float, sigma: float) -> Array:
    """Small motions (num, 4, 4)."""
    twists = rng.normal(size=(num, 6)) * np.repeat([sigma, sigma_rad], 3)
    return np.stack([se3.exp(twist) for twist in twists])


def chain(motions: Array, *, loops: list[tuple[int, int]], truth: Array) -> PoseGraph:
    """Odometry (N - 1, 4, 4) and exact loops; the start is what odometry alone gives."""
    poses = [truth[0]]
    for motion in motions:
        poses.append(poses[-1] @ motion)
    first, second = np.array(loops, np.int64).reshape(-1, 2).T
    number = np.arange(len(motions))
    i, j = np.concatenate([number, first]), np.concatenate([number + 1, second])
    kind = np.where(np.arange(len(i)) < len(motions), EdgeKind.ODOMETRY, EdgeKind.LOOP)
    edges = np.concatenate([motions, relative(truth, first, second)])
    rad, unit = np.full(len(i), SIGMA_RAD), np.full(len(i), SIGMA)
    return PoseGraph(np.stack(poses), 0, i, j, edges, rad, unit, kind)


def two_laps(seed: int) -> tuple[PoseGraph, Array]:
    """Two laps of 40 noisy poses each, with 14 noisy loops from lap to lap, and the truth (80, 4, 4)."""
    rng, truth = np.random.default_rng(seed), circle(80, laps=2)
    motions = relative(truth, np.arange(79), np.arange(1, 80)) @ noise(rng, 79, SIGMA_RAD, SIGMA)
    motions = motions @ se3.exp(np.array([0.0, 0, 0.01, 0, 0.001, 0]))  # and a bias
    loops = [(k, k + 40) for k in range(0, 40, 3)]
    graph = chain(motions, loops=loops, truth=truth)
    graph.T_i_j[79:] = graph.T_i_j[79:] @ noise(rng, len(loops), SIGMA_RAD, SIGMA)
    return graph, truth


def with_scale(graph: PoseGraph) -> PoseGraph:
    """The same graph over Sim(3), with ratios of scales of 1."""
    return replace(graph, scale_i_j=np.ones(len(graph.i)), sigma_log_scale=np.full(len(graph.i), 0.005))


def subset(graph: PoseGraph, keep: NDArray[np.bool_]) -> PoseGraph:
    """The graph with only some of its edges."""
    edges = ("i", "j", "T_i_j", "sigma_rotation_rad", "sigma_translation", "kind")
    scale = ("scale_i_j", "sigma_log_scale") if graph.scale_i_j is not None else ()
    return replace(graph, **{name: getattr(graph, name)[keep] for name in (*edges, *scale)})


def distance(T_world_cam: Array, other: Array) -> float:
    """Largest distance of two positions."""
    return float(np.linalg.norm(T_world_cam[:, :3, 3] - other[:, :3, 3], axis=1).max())
