"""Accuracy on real sequences through the command line, with the bounds that README states."""

import json
from pathlib import Path

import pytest

from vo_frontend.cli.run import main

pytestmark = [pytest.mark.real, pytest.mark.slow]


@pytest.fixture
def run(data_root, weights_dir, tmp_path):
    def run_sequence(name, *args):
        options = ["--data-root", str(data_root), "--weights-dir", str(weights_dir), "--no-view"]
        folder = tmp_path / "run"
        assert main(["--seq", name, *options, "--out", str(folder), *args]) == 0
        return json.loads((folder / "metrics.json").read_text()), folder

    return run_sequence


def test_kitti_06_is_tracked_throughout(run):
    metrics, _ = run("kitti/06")
    errors = metrics["errors"]
    assert metrics["frames"] == metrics["poses"] == 51
    assert metrics["num_segments"] == 1
    assert errors["path_length_m"] == pytest.approx(59.86, abs=0.1)
    assert errors["ate_m"]["rmse"] <= 0.10
    assert errors["rpe_rotation_deg"]["mean"] <= 0.06


def test_kitti_00_survives_a_right_angle_in_one_segment(run):
    metrics, folder = run("kitti/00")
    errors = metrics["errors"]
    assert metrics["num_segments"] == 1
    assert metrics["lost"] == 0
    assert errors["final_heading_error_deg"] <= 1.5
    assert errors["ate_m"]["rmse"] <= 0.5
    frames = Path(folder / "trajectory_kitti_frames.txt").read_text().split()
    assert (frames[0], frames[-1]) == ("100", "199"), "frame numbers are those of the file names"


def test_fr2_desk(run):
    metrics, _ = run("tum/fr2_desk")
    assert metrics["errors"]["ate_m"]["rmse"] <= 0.02


def test_fr1_rpy_is_nearly_pure_rotation(run):
    metrics, _ = run("tum/fr1_rpy")
    known = {"waiting for a second view", "too little parallax", "too few matches", "degenerate geometry"}
    assert set(metrics["reasons"]) <= known
    if metrics["poses"] > 10:
        assert metrics["errors"]["rpe_rotation_deg"]["median"] <= 0.6


def test_a_still_camera_is_said_to_have_too_little_parallax(run):
    metrics, _ = run("euroc/V1_01_easy")
    assert metrics["poses"] == 0
    assert metrics["reasons"] == {"waiting for a second view": 1, "too little parallax": 29}


def test_redkitchen_is_tracked(run):
    metrics, _ = run("7scenes/redkitchen")
    errors = metrics["errors"]
    assert metrics["poses"] >= 0.95 * 300
    assert errors["rotation_10_frames_deg"]["median"] <= 1.2


def test_kitti_06_with_the_command_of_the_readme(run):
    metrics, _ = run("kitti/06", "--frames", "0:40:2", "--keypoints", "500", "--features", "aliked-n16")
    assert metrics["frames"] == 20
    assert metrics["errors"]["ate_m"]["rmse"] <= 0.2


def test_opencv_is_a_working_alternative(run):
    metrics, _ = run("kitti/06", "--set", "ransac.estimator=opencv")
    assert metrics["errors"]["ate_m"]["rmse"] <= 0.10
