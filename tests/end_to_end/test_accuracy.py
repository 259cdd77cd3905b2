"""Accuracy on real sequences through the command line, with the bounds that README states."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import pytest

from vo_frontend.cli.run import main
from vo_frontend.formats.trajectories import read_poses

Metrics: TypeAlias = Mapping[str, Any]  # metrics.json
Bounds: TypeAlias = Mapping[Callable[[Metrics], float], float]

pytestmark = [pytest.mark.real, pytest.mark.slow]


class Run(Protocol):
    """Runs the command, and returns its metrics and its folder."""

    def __call__(self, *args: str) -> tuple[Metrics, Path]: ...


@pytest.fixture
def run(data_root: Path, weights_dir: Path, tmp_path: Path) -> Run:
    def run_command(*args: str) -> tuple[Metrics, Path]:
        options = ["--data-root", str(data_root), "--weights-dir", str(weights_dir), "--no-view"]
        folder = tmp_path / "run"
        assert main([*options, "--out", str(folder), *args]) == 0
        return json.loads((folder / "metrics.json").read_text()), folder

    return run_command


def ate_m(metrics: Metrics) -> float:
    return float(metrics["errors"]["ate_m"]["rmse"])


def scale_error_percent(metrics: Metrics) -> float:
    return float(abs(metrics["errors"]["scale_error_percent"]))


def final_position_percent(metrics: Metrics) -> float:
    return float(metrics["errors"]["final_position_error_percent"])


def rotation_per_frame_deg(metrics: Metrics) -> float:
    return float(metrics["errors"]["rpe_rotation_deg"]["mean"])


def final_heading_deg(metrics: Metrics) -> float:
    return float(metrics["errors"]["final_heading_error_deg"])


def t_rel_percent(metrics: Metrics) -> float:
    return float(metrics["errors"]["kitti"]["t_rel_percent"])


def r_rel_deg_per_100m(metrics: Metrics) -> float:
    return float(metrics["errors"]["kitti"]["r_rel_deg_per_100m"])


def poses_missing_percent(metrics: Metrics) -> float:
    return float(100 * (1 - metrics["poses"] / metrics["frames"]))


def exceeded(bounds: Bounds, metrics: Metrics) -> dict[str, float]:
    return {error.__name__: error(metrics) for error, limit in bounds.items() if error(metrics) > limit}


# The ground truth of kitti/06 turns 0.1 deg per frame against every estimator in its first 11 frames, which
# is most of the mean rotation error, and of the final position error as seen from the first pose. Settings
# that should not matter (window, fusion radius, least parallax) move the error of its mono run between 0.034
# and 0.042 m.
SEQUENCES: list[tuple[str, str, Bounds]] = [
    ("kitti/06", "mono", {ate_m: 0.045, rotation_per_frame_deg: 0.041}),
    ("kitti/06", "stereo", {ate_m: 0.08, scale_error_percent: 0.5, final_position_percent: 0.95}),
    ("kitti/00", "mono", {ate_m: 0.20, final_heading_deg: 0.5}),
    ("tum/fr1_rpy", "rgbd", {ate_m: 0.035, poses_missing_percent: 2.0}),
    ("tum/fr2_desk", "mono", {ate_m: 0.01}),
    ("7scenes/redkitchen", "mono", {ate_m: 0.06, poses_missing_percent: 2.0}),
]


@pytest.mark.parametrize(("name", "sensor", "bounds"), SEQUENCES, ids=[f"{s[0]}-{s[1]}" for s in SEQUENCES])
def test_a_sequence_is_one_segment_within_its_bounds(
    name: str, sensor: str, bounds: Bounds, run: Run
) -> None:
    metrics, _ = run("--seq", name, "--sensor", sensor)
    assert metrics["num_segments"] == 1
    assert metrics["lost"] == 0
    assert metrics["errors"]["alignment"] == ("Sim(3)" if sensor == "mono" else "SE(3)")
    assert exceeded(bounds, metrics) == {}


def test_fast_turns_at_half_the_frame_rate_are_tracked(run: Run) -> None:
    # Blur and the way between two frames leave few landmarks to be found; the image as a whole tells.
    metrics, _ = run("--seq", "tum/fr1_rpy", "--sensor", "rgbd", "--frames", "0:150:2")
    assert metrics["num_segments"] == 1
    assert exceeded({ate_m: 0.04, poses_missing_percent: 4.0}, metrics) == {}


@pytest.mark.parametrize(("name", "sensor", "bounds"), SEQUENCES, ids=[f"{s[0]}-{s[1]}" for s in SEQUENCES])
def test_the_realtime_preset_loses_no_frame_and_at_most_half_of_the_accuracy(
    name: str, sensor: str, bounds: Bounds, run: Run
) -> None:
    metrics, _ = run("--seq", name, "--sensor", sensor, "--config", "realtime")
    assert (metrics["num_segments"], metrics["lost"]) == (1, 0)
    assert ate_m(metrics) <= 1.5 * bounds[ate_m]


@pytest.mark.parametrize("sensor", ["mono", "stereo"])
def test_the_realtime_preset_has_at_most_half_more_error_than_the_defaults_on_the_street(
    sensor: str, run: Run
) -> None:
    # Keypoints are more exact there than any camera's, so it loses most.
    default, _ = run("--sensor", sensor)
    realtime, _ = run("--sensor", sensor, "--config", "realtime")
    assert (realtime["num_segments"], realtime["lost"]) == (1, 0)
    assert ate_m(realtime) <= 1.5 * ate_m(default)


STREETS: list[tuple[str, Bounds]] = [
    ("stereo", {t_rel_percent: 0.6, r_rel_deg_per_100m: 0.2}),
    ("mono", {t_rel_percent: 2.0}),
]


@pytest.mark.parametrize(("sensor", "bounds"), STREETS, ids=["stereo", "mono"])
def test_the_street_drifts_little(sensor: str, bounds: Bounds, run: Run) -> None:
    # 216 m: enough for the benchmark's pieces of 100 and 200 m. docs/accuracy.md has all 1000 frames.
    metrics, _ = run("--frames", "0:400", "--sensor", sensor)
    assert (metrics["frames"], metrics["num_segments"], metrics["lost"]) == (400, 1, 0)
    assert metrics["errors"]["kitti"]["is_standard"]
    assert 0.9 < metrics["errors"]["scale_drift"] < 1.1
    assert exceeded(bounds, metrics) == {}


def test_a_still_stereo_camera_stays_where_it_is(run: Run) -> None:
    metrics, folder = run("--seq", "euroc/V1_01_easy", "--sensor", "stereo")
    assert metrics["tracked"] == metrics["frames"] == 30
    positions = read_poses(folder / "trajectory_tum.txt").T_world_cam[:, :3, 3]
    assert np.linalg.norm(positions, axis=1).max() <= 0.02


def test_the_camera_height_gives_kitti_06_its_scale(run: Run) -> None:
    metrics, _ = run("--seq", "kitti/06", "--camera-height", "1.65")
    assert metrics["errors"]["alignment"] == "SE(3)"
    assert metrics["scale_from_camera_height"]["0"]["num_keyframes"] >= 10
    assert scale_error_percent(metrics) <= 2.0


def test_kitti_00_is_written_with_the_frame_numbers_of_the_file_names(run: Run) -> None:
    _, folder = run("--seq", "kitti/00", "--frames", "0:10")
    frames = Path(folder / "trajectory_kitti_frames.txt").read_text().split()
    assert (frames[0], frames[-1]) == ("100", "109")


def test_fr1_rpy_is_nearly_pure_rotation(run: Run) -> None:
    metrics, _ = run("--seq", "tum/fr1_rpy")
    known = {"waiting for a second view", "too little parallax", "too few matches", "degenerate geometry"}
    doubted = metrics["reasons"].pop("not sure where", 0)  # where blur and a rolling shutter are worst
    assert doubted <= 2
    assert set(metrics["reasons"]) <= known
    if metrics["poses"] > 10:
        assert metrics["errors"]["rpe_rotation_deg"]["median"] <= 0.6


def test_a_still_camera_is_said_to_have_too_little_parallax(run: Run) -> None:
    metrics, _ = run("--seq", "euroc/V1_01_easy")
    assert metrics["poses"] == 0
    assert metrics["reasons"] == {"waiting for a second view": 1, "too little parallax": 29}


def test_kitti_06_with_the_command_of_the_readme(run: Run) -> None:
    metrics, _ = run(
        "--seq", "kitti/06", "--frames", "0:40:2", "--keypoints", "500", "--features", "aliked-n16"
    )
    assert metrics["frames"] == 20
    assert metrics["errors"]["ate_m"]["rmse"] <= 0.2


def test_opencv_is_a_working_alternative(run: Run) -> None:
    metrics, _ = run("--seq", "kitti/06", "--set", "ransac.estimator=opencv")
    assert metrics["errors"]["ate_m"]["rmse"] <= 0.10
