"""Shares of images within the limits of the benchmark."""

from pathlib import Path

import numpy as np
import pytest
from known import known
from numpy.testing import assert_allclose

from vo_frontend.errors import TrajectoryError
from vo_frontend.evaluation.localization import (
    TruePoses,
    align_to_truth,
    localization_errors,
    read_true_poses,
)
from vo_frontend.formats.localization_files import (
    LocalizedImage,
    write_csv,
    write_json,
    write_submission,
)
from vo_frontend.formats.trajectories import tum_row
from vo_frontend.geometry import se3
from vo_frontend.geometry.alignment import Similarity

SECOND_NS = 10**9


def poses(count: int) -> np.ndarray:
    twists = np.random.default_rng(0).normal(0, 1, (count, 6))
    return np.array([se3.exp(twist) for twist in twists])


def test_a_map_of_another_world_and_scale_is_aligned_by_its_keyframes() -> None:
    true, world = poses(8), Similarity(0.4, se3.exp(np.full(6, 0.3))[:3, :3], np.array([3.0, 1.0, 2.0]))
    stamps = np.arange(8) * SECOND_NS
    own = world.transform_poses(true)
    truth = TruePoses(stamps, true, by_frame=False)
    alignments = align_to_truth(stamps[:5], np.full(5, 7), own[:5], truth, with_scale=True)
    assert_allclose(alignments[7].scale, 2.5)
    images = [LocalizedImage(f"{k}.0.png", None, own[k], 7, 50) for k in (5, 6)]
    images.append(LocalizedImage("7.0.png", None, None))
    errors = localization_errors(images, truth, alignments)
    assert_allclose(errors.position_m[:2], 0, atol=1e-9)
    assert np.isinf(errors.position_m[2])
    assert_allclose(errors.share_within(0.05, 5), 2 / 3)


def test_both_limits_must_hold() -> None:
    true = np.array([np.eye(4)] * 3)
    found = true.copy()
    found[1, 0, 3] = 0.3
    found[2] = se3.exp(np.array([0, 0, 0, np.deg2rad(3), 0, 0]))
    truth = TruePoses(np.arange(3), true, by_frame=True)
    same = {0: Similarity(1.0, np.eye(3), np.zeros(3))}
    images = [LocalizedImage(f"frame-{k:06d}.png", None, found[k], 0) for k in range(3)]
    errors = localization_errors(images, truth, same)
    assert_allclose(errors.share_within(0.25, 2), 1 / 3)
    assert_allclose(errors.share_within(0.5, 2), 2 / 3)
    assert_allclose(errors.share_within(0.5, 5), 1.0)


def test_images_and_truth_that_have_nothing_in_common_are_said_so() -> None:
    truth = TruePoses(np.arange(3), poses(3), by_frame=True)
    with pytest.raises(TrajectoryError, match="no image has a true pose"):
        localization_errors([LocalizedImage("x.png", None, None)], truth, {})
    with pytest.raises(TrajectoryError, match="fewer than 3 keyframes"):
        align_to_truth(np.array([5, 6, 7]), np.zeros(3, int), poses(3), truth, with_scale=True)


def test_truth_is_read_from_files_and_from_folders(tmp_path: Path) -> None:
    T = poses(4)
    tum = tmp_path / "truth.txt"
    tum.write_text("".join(tum_row(k * SECOND_NS + 1, each) for k, each in enumerate(T)))
    assert_allclose(known(read_true_poses(tum).of_name("rgb/2.01.png")), T[2], atol=1e-12)
    assert read_true_poses(tum).of_name("rgb/9.0.png") is None
    for k, each in enumerate(T):
        np.savetxt(tmp_path / f"frame-{k:06d}.pose.txt", each)
    scenes = read_true_poses(tmp_path)
    assert_allclose(known(scenes.of_name("frame-000003.color.jpg")), T[3], atol=1e-12)


def test_a_submission_has_the_world_in_the_camera_and_no_folders(tmp_path: Path) -> None:
    T = se3.exp(np.array([1.0, 2.0, 3.0, 0.1, 0.2, 0.3]))
    image = LocalizedImage("query/night/a.jpg", None, T, 0, 40, np.diag([1e-4] * 6))
    lost = LocalizedImage("query/night/b.jpg", None, None)
    write_submission(tmp_path / "s.txt", [image, lost])
    (line,) = (tmp_path / "s.txt").read_text().splitlines()
    name, *numbers = line.split()
    q_t = np.array(numbers, float)
    found = se3.from_rotation_translation(se3.rotation_from_quaternion(q_t[None, :4])[0], q_t[4:])
    assert name == "a.jpg"
    assert_allclose(found @ T, np.eye(4), atol=1e-12)
    write_csv(tmp_path / "s.csv", [image, lost])
    header, first, second = (tmp_path / "s.csv").read_text().splitlines()
    assert len(first.split(",")) == len(second.split(",")) == len(header.split(","))
    write_json(tmp_path / "s.json", [image, lost])
    assert '"T_world_cam": null' in (tmp_path / "s.json").read_text()
