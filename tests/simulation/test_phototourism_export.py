"""The street as a scene of the Image Matching Workshop, read back by the reader of the real ones."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from vo_frontend.experiments.feature_quality.multiview import read_bags
from vo_frontend.experiments.feature_quality.phototourism import SceneViews, listed_pairs, read_phototourism
from vo_frontend.features.classical.sift import SiftExtractor
from vo_frontend.geometry import se3

TOOL = Path(__file__).parents[2] / "tools" / "export_phototourism.py"


def export(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, TOOL, *map(str, arguments)], capture_output=True, text=True)


def test_pairs_of_the_exported_scene_have_points_in_common_and_true_poses(tmp_path: Path) -> None:
    assert export(tmp_path, "--views", 8, "--size", 400, 300).returncode == 0
    (scene,) = read_phototourism(tmp_path, 500)
    assert scene.name == "street/set_8"
    pairs = set(scene.pairs)
    assert 0 < len(pairs) < 8 * 7 / 2
    views, num_inliers, errors_rad = SceneViews(scene.folder, SiftExtractor(max_keypoints=1000)), {}, []
    names = [f"view{number:03d}" for number in range(8)]
    for pair in [(first, second) for first in names for second in names if first < second]:
        two = views.match(*pair)
        num_inliers[pair] = int(two.inliers.sum())
        if num_inliers[pair] > 100 and two.T_cam0_cam1 is not None:
            R_true = (views[pair[0]].T_cam_world @ se3.inverse(views[pair[1]].T_cam_world))[:3, :3]
            errors_rad.append(float(se3.rotation_angle_rad(R_true.T @ two.T_cam0_cam1[:3, :3])))
    listed = [count for pair, count in num_inliers.items() if pair in pairs]
    others = [count for pair, count in num_inliers.items() if pair not in pairs]
    assert np.median(listed) > 1.5 * np.median(others)
    assert np.rad2deg(np.median(errors_rad)) < 1.0
    assert read_bags(scene, [3], 2)[0].is_drawn


def test_the_same_arguments_write_the_same_scene(tmp_path: Path) -> None:
    for name in ("first", "second"):
        assert export(tmp_path / name, "--views", 3, "--size", 160, 120).returncode == 0
    first, second = (tmp_path / name / "street" / "set_3" for name in ("first", "second"))
    assert listed_pairs(first) == listed_pairs(second)
    for image in sorted((first / "images").iterdir()):
        assert image.read_bytes() == (second / "images" / image.name).read_bytes()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = export(tmp_path / "file", "--views", 1)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("export_phototourism: ")


def test_a_number_of_views_is_above_zero(tmp_path: Path) -> None:
    done = export(tmp_path, "--views", 0)
    assert done.returncode == 2
    assert "whole number above 0" in done.stderr
