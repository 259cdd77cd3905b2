"""Bundle adjustment against Ceres: the same optimum, on windows and maps made up, and on real windows."""

from dataclasses import replace
from pathlib import Path

import global_problems
import pytest
from bundle_problems import HUBER, disturbed, make_problem
from world import CAMERA

from vo_frontend.cli.run import main
from vo_frontend.mapping import mapper
from vo_frontend.optimization.bundle import BundleProblem, BundleSolution, adjust
from vo_frontend.optimization.global_bundle import adjust_all

pytest.importorskip("pyceres", reason="pyceres is not installed")


def relative_cost_to_ceres(problem: BundleProblem, huber: float = HUBER) -> float:
    from vo_frontend.experiments.baselines.ceres import adjust_with_ceres

    ours = adjust(problem, huber=huber, max_iterations=200, tolerance=1e-10)
    theirs = adjust_with_ceres(problem, huber=huber, max_iterations=100)
    assert ours.initial_cost == pytest.approx(theirs.initial_cost, rel=1e-9)
    return ours.final_cost / theirs.final_cost


@pytest.mark.parametrize("depth_noise_per_m", [None, 0.002], ids=["mono", "depth"])
@pytest.mark.parametrize("seed", range(5))
def test_ten_random_windows_reach_the_optimum_of_ceres(seed: int, depth_noise_per_m: float | None) -> None:
    truth, rng = make_problem(
        noise_px=0.5, depth_noise_per_m=depth_noise_per_m, num_poses=4 + seed, num_points=60 + 10 * seed,
        num_fixed=1 + seed % 2, seed=seed, step=0.3,
    )  # fmt: skip
    rays = truth.rays.copy()
    wild = rng.choice(len(rays), len(rays) // 10, replace=False)
    rays[wild] += rng.uniform(-30, 30, size=(len(wild), 2)) / CAMERA.focal_px
    problem = replace(truth, rays=rays)
    if truth.inverse_depth is not None:
        inverse_depth = truth.inverse_depth.copy()
        inverse_depth[rng.choice(len(rays), len(rays) // 10, replace=False)] *= 1.7
        problem = replace(problem, inverse_depth=inverse_depth)
    assert relative_cost_to_ceres(disturbed(problem, rng, 0.02)) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("depth_sigma_per_m", [None, 0.002], ids=["mono", "depth"])
def test_a_whole_map_reaches_the_optimum_of_ceres(depth_sigma_per_m: float | None) -> None:
    from vo_frontend.experiments.baselines.ceres import adjust_with_ceres

    truth = global_problems.make_drive(num_poses=60, num_points=400, noise_px=0.5)
    if depth_sigma_per_m is not None:
        truth = global_problems.with_depths(truth, depth_sigma_per_m)
    problem, huber = global_problems.moved(truth, 0.05), global_problems.HUBER
    ours = adjust_all(problem, huber=huber, max_error=1.0, max_iterations=100, num_threads=2, tolerance=1e-10)
    window = global_problems.as_window(problem)
    theirs = adjust_with_ceres(window, huber=huber, max_iterations=100, sparse=True)
    assert ours.initial_cost == pytest.approx(theirs.initial_cost, rel=1e-9)
    assert ours.final_cost == pytest.approx(theirs.final_cost, rel=1e-6)


@pytest.mark.real
@pytest.mark.slow
def test_three_windows_of_a_drive_reach_the_optimum_of_ceres(
    data_root: Path, weights_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows: list[tuple[BundleProblem, float]] = []

    def recorded(problem: BundleProblem, *, huber: float, max_iterations: int) -> BundleSolution:
        windows.append((problem, huber))
        return adjust(problem, huber=huber, max_iterations=max_iterations)

    monkeypatch.setattr(mapper, "adjust", recorded)
    folders = [
        "--data-root",
        str(data_root),
        "--weights-dir",
        str(weights_dir),
        "--out",
        str(tmp_path / "run"),
    ]
    assert main(["--seq", "kitti/06", "--frames", "0:16", "--keypoints", "500", "--no-view", *folders]) == 0
    assert len(windows) >= 3
    for problem, huber in (windows[0], windows[len(windows) // 2], windows[-1]):
        assert relative_cost_to_ceres(problem, huber) == pytest.approx(1.0, abs=1e-4)
