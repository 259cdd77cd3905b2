import numpy as np
import pytest
from world import CAMERA, make_world, sideways

from vo_frontend.geometry import se3
from vo_frontend.mapping.bundle import BundleProblem, adjust
from vo_frontend.mapping.bundle_kernels import linearize, reduced_system, residuals, robust_cost

HUBER = 1.0 / CAMERA.focal_px


def make_problem(*, noise_px=0.0, num_points=80, num_fixed=2):
    """Five poses and their points, observed with noise, sorted by point."""
    world, T_world_cam = make_world(num_points=num_points), sideways(5)
    rng = np.random.default_rng(3)
    pose_index, point_index, rays = [], [], []
    for k, T in enumerate(T_world_cam):
        pixels, index = world.visible(T)
        pose_index.append(np.full(len(index), k))
        point_index.append(index)
        rays.append(CAMERA.rays(pixels + noise_px * rng.normal(size=pixels.shape)))
    points = np.concatenate(point_index)
    order = np.argsort(points, kind="stable")
    seen, compact = np.unique(points[order], return_inverse=True)
    problem = BundleProblem(
        T_world_cam, num_fixed, world.points_world[seen], np.concatenate(pose_index)[order], compact,
        np.concatenate(rays)[order],
    )  # fmt: skip
    return problem, rng


def disturbed(problem, rng, size):
    T_world_cam = problem.T_world_cam.copy()
    for k in range(problem.num_fixed, len(T_world_cam)):
        T_world_cam[k] = T_world_cam[k] @ se3.exp(size * rng.normal(size=6))
    points = problem.points_world + size * rng.normal(size=problem.points_world.shape)
    return BundleProblem(
        T_world_cam, problem.num_fixed, points, problem.pose_index, problem.point_index, problem.rays
    )


def test_jacobians_agree_with_finite_differences():
    T_cam_world = se3.exp(np.array([0.1, -0.2, 0.3, 0.2, -0.1, 0.3]))
    point, ray, step = np.array([0.5, -0.4, 5.0]), np.zeros((1, 2)), 1e-6
    J_pose, J_point = np.empty((2, 6)), np.empty((2, 3))
    found = linearize(T_cam_world[None], 0, point[None], 0, ray, 0, J_pose, J_point)

    def residual(T, p):
        first = np.zeros(1, np.int64)
        return residuals(T[None], p[None], first, first, ray)[0]

    np.testing.assert_allclose(found, residual(T_cam_world, point))
    for a in range(6):
        moved = [residual(se3.exp(s * step * np.eye(6)[a]) @ T_cam_world, point) for s in (1, -1)]
        np.testing.assert_allclose(J_pose[:, a], (moved[0] - moved[1]) / (2 * step), atol=1e-8)
    for b in range(3):
        moved = [residual(T_cam_world, point + s * step * np.eye(3)[b]) for s in (1, -1)]
        np.testing.assert_allclose(J_point[:, b], (moved[0] - moved[1]) / (2 * step), atol=1e-8)


def test_a_point_behind_the_camera_pulls_at_nothing():
    J_pose, J_point = np.ones((2, 6)), np.ones((2, 3))
    behind = np.array([[0.1, 0.2, -1.0]])
    assert linearize(np.eye(4)[None], 0, behind, 0, np.zeros((1, 2)), 0, J_pose, J_point) == (0, 0)
    assert not J_pose.any()
    assert not J_point.any()


def test_schur_complement_equals_the_dense_normal_equations():
    problem, rng = make_problem(noise_px=0.5, num_points=12)
    T_cam_world = se3.inverse(problem.T_world_cam)
    points, F = problem.points_world, len(T_cam_world) - problem.num_fixed
    start = np.searchsorted(problem.point_index, np.arange(len(points) + 1))
    # A Huber width in the middle of the residuals, so that both branches of the weight are used.
    huber, damping = 0.5 * HUBER, 1e-3
    S, g, *_ = reduced_system(
        T_cam_world, points, problem.pose_index, start, problem.rays, problem.num_fixed, huber, damping
    )
    size = 6 * F + 3 * len(points)
    H, b = np.zeros((size, size)), np.zeros(size)
    all_residuals = residuals(T_cam_world, points, problem.pose_index, problem.point_index, problem.rays)
    for o, (k, m) in enumerate(zip(problem.pose_index, problem.point_index, strict=True)):
        J, J_pose, J_point = np.zeros((2, size)), np.empty((2, 6)), np.empty((2, 3))
        linearize(T_cam_world, k, points, m, problem.rays, o, J_pose, J_point)
        if k >= problem.num_fixed:
            J[:, 6 * (k - problem.num_fixed) :][:, :6] = J_pose
        J[:, 6 * F + 3 * m :][:, :3] = J_point
        weight = min(1.0, huber / np.linalg.norm(all_residuals[o]))
        H += weight * J.T @ J
        b -= weight * J.T @ all_residuals[o]
    H[np.diag_indices(size)] *= 1 + damping
    step = np.linalg.solve(H, b)
    np.testing.assert_allclose(np.linalg.solve(S, g), step[: 6 * F], rtol=1e-6, atol=1e-12)


def test_exact_observations_pull_a_disturbed_world_back():
    truth, rng = make_problem()
    solution = adjust(disturbed(truth, rng, 0.03), huber=HUBER, max_iterations=50, tolerance=1e-12)
    assert solution.final_cost < 1e-9 * solution.initial_cost
    np.testing.assert_allclose(solution.T_world_cam, truth.T_world_cam, atol=1e-4)
    well_seen = np.bincount(truth.point_index) >= 4
    np.testing.assert_allclose(solution.points_world[well_seen], truth.points_world[well_seen], atol=1e-3)


def test_fixed_poses_do_not_move_and_rotations_stay_rotations():
    truth, rng = make_problem(noise_px=0.5)
    solution = adjust(disturbed(truth, rng, 0.02), huber=HUBER, max_iterations=10)
    np.testing.assert_allclose(solution.T_world_cam[:2], truth.T_world_cam[:2], atol=1e-12)
    R = solution.T_world_cam[:, :3, :3]
    np.testing.assert_allclose(R @ R.transpose(0, 2, 1), np.tile(np.eye(3), (5, 1, 1)), atol=1e-12)


def test_huber_keeps_a_tenth_of_wild_observations_from_bending_the_poses():
    truth, rng = make_problem(noise_px=0.3, num_points=200)
    rays = truth.rays.copy()
    wild = rng.choice(len(rays), len(rays) // 10, replace=False)
    rays[wild] += rng.uniform(20, 50, size=(len(wild), 2)) / CAMERA.focal_px
    spoiled = BundleProblem(
        truth.T_world_cam, 2, truth.points_world, truth.pose_index, truth.point_index, rays
    )
    solution = adjust(disturbed(spoiled, rng, 0.01), huber=HUBER, max_iterations=30)
    assert np.abs(solution.T_world_cam[:, :3, 3] - truth.T_world_cam[:, :3, 3]).max() < 0.02


def test_cost_never_rises_and_starts_where_the_input_is():
    truth, rng = make_problem(noise_px=0.5)
    problem = disturbed(truth, rng, 0.05)
    residual = residuals(
        se3.inverse(problem.T_world_cam), problem.points_world, problem.pose_index, problem.point_index,
        problem.rays,
    )  # fmt: skip
    costs = [adjust(problem, huber=HUBER, max_iterations=n).final_cost for n in range(6)]
    assert costs[0] == pytest.approx(robust_cost(residual, HUBER))
    assert (np.diff(costs) <= 0).all()
    assert costs[-1] < 0.1 * costs[0]


def test_inputs_are_not_changed():
    problem, rng = make_problem(noise_px=0.5)
    problem = disturbed(problem, rng, 0.02)
    before = problem.T_world_cam.copy(), problem.points_world.copy()
    adjust(problem, huber=HUBER, max_iterations=3)
    np.testing.assert_array_equal(problem.T_world_cam, before[0])
    np.testing.assert_array_equal(problem.points_world, before[1])


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_points_without_any_parallax_do_no_harm(scale):
    """Two cameras at one place see points whose depth nothing determines."""
    world = make_world(num_points=40)
    pixels, index = world.visible(np.eye(4))
    point_index = np.repeat(np.arange(len(index)), 2)
    problem = BundleProblem(
        np.tile(np.eye(4), (2, 1, 1)),
        1,
        scale * world.points_world[index],
        np.tile([0, 1], len(index)),
        point_index,
        CAMERA.rays(pixels)[point_index] + 1e-4,
    )
    solution = adjust(problem, huber=HUBER, max_iterations=20)
    assert np.isfinite(solution.T_world_cam).all()
    assert np.isfinite(solution.points_world).all()
    assert solution.final_cost <= solution.initial_cost


def test_a_problem_that_is_not_finite_is_handed_back_as_it_was():
    truth, _ = make_problem(num_points=20)
    points = truth.points_world.copy()
    points[3] = np.nan
    spoiled = BundleProblem(truth.T_world_cam, 2, points, truth.pose_index, truth.point_index, truth.rays)
    solution = adjust(spoiled, huber=HUBER, max_iterations=5)
    np.testing.assert_allclose(solution.T_world_cam, truth.T_world_cam, atol=1e-12)
