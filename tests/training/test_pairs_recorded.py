"""RGB-D sequences and scenes in MegaDepth's layout: what may be wrong on disk."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pair_data import CAMERA, CROP_PX, NUM_FRAMES, write_megadepth, write_tum

from vo_frontend.errors import SourceError, TrajectoryError
from vo_frontend.geometry import se3
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sources.registry import find_sequence
from vo_frontend.training.data.array_scenes import ArrayScene
from vo_frontend.training.data.megadepth import MegadepthPairs, find_scenes
from vo_frontend.training.data.pairs import ImagePair
from vo_frontend.training.data.rgbd_pairs import RgbdPairs, interpolate_poses
from vo_frontend.training.data.scenes import read_depth
from vo_frontend.types import Trajectory


@pytest.fixture(scope="module")
def tum_original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tum(tmp_path_factory.mktemp("tum"))


@pytest.fixture
def tum(tum_original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tum_original, tmp_path / "sequence")


def rgbd(folder: Path, crop_px: int = CROP_PX) -> RgbdPairs:
    return RgbdPairs(folder, Camera.from_pinhole(CAMERA), crop_px, 4)


def test_a_pose_between_two_is_where_constant_velocity_puts_it() -> None:
    T_world_0 = se3.exp(np.array([1.0, 0, 0, 0, 0.3, 0]))
    twist = np.array([0.2, -0.1, 0.4, 0.05, 0.1, -0.2])
    trajectory = Trajectory(np.array([0, 10_000_000]), np.array([T_world_0, T_world_0 @ se3.exp(twist)]))
    positions, T_world_cam = interpolate_poses(trajectory, np.array([0, 2_500_000]))
    assert positions.tolist() == [0, 1]
    np.testing.assert_allclose(T_world_cam, [T_world_0, T_world_0 @ se3.exp(0.25 * twist)], atol=1e-9)


def test_frames_outside_the_ground_truth_or_in_its_gaps_have_no_pose() -> None:
    stamps_ms = np.array([0, 10, 200, 210])
    trajectory = Trajectory(stamps_ms * 1_000_000, np.array([np.eye(4)] * 4))
    positions, T_world_cam = interpolate_poses(trajectory, np.array([-5, 5, 100, 205, 215]) * 1_000_000)
    assert positions.tolist() == [1, 3]
    assert T_world_cam.shape == (2, 4, 4)


def test_the_last_frame_has_no_pose_after_it(tum: Path) -> None:
    assert len(rgbd(tum)) == NUM_FRAMES - 1


def test_a_frame_that_cannot_be_read_is_left_out_with_one_warning_that_names_it(
    tum: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tum / "rgb" / "2.png").write_bytes(b"no image")
    source = rgbd(tum)
    for seed in range(6):
        source.pair(2, np.random.default_rng(seed))
    assert sum("2.png" in record.message for record in caplog.records) == 1


def test_ground_truth_of_another_recording_is_an_error(tum: Path) -> None:
    (tum / "groundtruth.txt").write_text("99.0 0 0 0 0 0 0 1\n99.01 0 0 0 0 0 0 1\n")
    with pytest.raises(SourceError, match=r"0 of 6 frames.*groundtruth\.txt of this recording"):
        rgbd(tum)


def test_missing_ground_truth_is_an_error(tum: Path) -> None:
    (tum / "groundtruth.txt").unlink()
    with pytest.raises(TrajectoryError, match=r"groundtruth\.txt"):
        rgbd(tum)


def test_frames_smaller_than_a_crop_are_an_error(tum: Path) -> None:
    with pytest.raises(SourceError, match="192x144 px, expected at least 160 px"):
        rgbd(tum, 160)


def test_poses_that_contradict_the_depth_are_an_error(tum: Path) -> None:
    # Each camera looks away from the last.
    rows = [f"{1 + 0.04 * n:.2f} {50 * n} 0 0 0 {n % 2} 0 {1 - n % 2}" for n in range(NUM_FRAMES)]
    (tum / "groundtruth.txt").write_text("\n".join(rows) + "\n")
    with pytest.raises(SourceError, match="in common"):
        RgbdPairs(tum, Camera.from_pinhole(CAMERA), CROP_PX, 1).pair(0, np.random.default_rng(0))


@pytest.mark.real
def test_warps_of_a_fast_turning_real_sequence_agree_with_sift_within_five_pixels(data_root: Path) -> None:
    spec = find_sequence("tum/fr1_rpy", data_root)
    assert spec.calibration is not None
    source = RgbdPairs(spec.folder, spec.calibration, 448, 6, photometric=None)
    errors_px = np.concatenate(
        [sift_errors(source.pair(n, np.random.default_rng(n))) for n in range(0, 140, 14)]
    )
    inliers_px = errors_px[errors_px < 20]
    assert len(inliers_px) > 300
    assert np.median(inliers_px) < 5.0


def sift_errors(pair: ImagePair) -> NDArray[np.float64]:
    """Distances (N,) in px between the partners of covisible SIFT keypoints and where the warp puts them."""
    sift = cv2.SIFT.create(800)
    found = [sift.detectAndCompute(image, None) for image in (pair.image0, pair.image1)]
    if any(descriptors is None for _, descriptors in found):
        return np.zeros(0)
    (keypoints0, descriptors0), (keypoints1, descriptors1) = found
    matches = cv2.BFMatcher(cv2.NORM_L2, crossCheck=True).match(descriptors0, descriptors1)
    at0 = np.array([keypoints0[match.queryIdx].pt for match in matches]).reshape(-1, 2)
    at1 = np.array([keypoints1[match.trainIdx].pt for match in matches]).reshape(-1, 2)
    x, y = np.rint(at0).astype(int).T
    expected = pair.warp01[y, x] + at0 - np.rint(at0)
    return np.linalg.norm(at1 - expected, axis=1)[pair.covisible01[y, x]]


@pytest.fixture(scope="module")
def megadepth_original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_megadepth(tmp_path_factory.mktemp("megadepth")).parent


@pytest.fixture
def megadepth(megadepth_original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(megadepth_original, tmp_path / "copy") / "scene.npz"


def rewrite(scene: Path, without: Sequence[str] = (), **changes: NDArray[Any]) -> Path:
    with np.load(scene) as file:
        arrays = {name: file[name] for name in file if name not in without}
    np.savez(scene, **(arrays | changes))
    return scene


def test_only_pairs_with_a_useful_overlap_are_items(megadepth: Path) -> None:
    assert len(MegadepthPairs(ArrayScene(megadepth), CROP_PX)) == 3
    assert len(MegadepthPairs(ArrayScene(megadepth, overlap=(0.55, 1.0)), CROP_PX)) == 1
    with pytest.raises(SourceError, match="none of its 1 scenes lists a pair with a useful overlap"):
        find_scenes([rewrite(megadepth, overlaps=np.full(4, 0.9))], None)


def test_paths_may_be_relative_to_another_folder(megadepth: Path, tmp_path: Path) -> None:
    moved = megadepth.rename(tmp_path / "scene.npz")
    source = MegadepthPairs(ArrayScene(moved, tmp_path / "copy"), CROP_PX)
    assert source.pair(0, np.random.default_rng(0)).covisible01.any()


def test_a_scene_that_lacks_an_array_is_an_error_that_names_it(megadepth: Path) -> None:
    with pytest.raises(SourceError, match="overlaps"):
        ArrayScene(rewrite(megadepth, without=["overlaps"]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"poses": np.zeros((2, 4, 4))}, r"poses has shape \(2, 4, 4\), expected \(6, 4, 4\)"),
        ({"pairs": np.array([[0, 1], [1, 3], [2, 0], [0, 6]])}, "names image 6, expected 0 to 5"),
        ({"overlaps": np.ones(3)}, r"overlaps has shape \(3,\), expected \(4,\)"),
    ],
)
def test_arrays_that_do_not_fit_each_other_are_an_error(
    megadepth: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(SourceError, match=message):
        ArrayScene(rewrite(megadepth, **changes))


def test_a_pose_that_is_no_rotation_is_an_error_that_names_the_image(megadepth: Path) -> None:
    scene = ArrayScene(rewrite(megadepth, poses=np.array([2 * np.eye(4)] * NUM_FRAMES)))
    with pytest.raises(TrajectoryError, match=r"images/0\.png"):
        scene.view(0)


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_a_file_that_is_no_scene_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "scene.npz").write_bytes(content)
    with pytest.raises(SourceError, match=r"scene\.npz: cannot read the scene"):
        ArrayScene(tmp_path / "scene.npz")
    with pytest.raises(SourceError, match=r"missing\.npz: cannot read the scene"):
        ArrayScene(tmp_path / "missing.npz")


@pytest.mark.parametrize("damaged", ["images/1.png", "depths/1.npy", "depths/0.png"])
def test_an_image_that_cannot_be_read_is_left_out_with_one_warning_that_names_it(
    megadepth: Path, damaged: str, caplog: pytest.LogCaptureFixture
) -> None:
    (megadepth.parent / damaged).write_bytes(b"broken")
    scene = rewrite(megadepth, pairs=np.array([[0, 1], [2, 3], [1, 3], [0, 2]]), overlaps=np.full(4, 0.5))
    source = MegadepthPairs(ArrayScene(scene), CROP_PX)
    for number in range(4):
        source.pair(number, np.random.default_rng(0))
    assert [damaged in record.message for record in caplog.records] == [True]


def test_depth_of_another_size_than_its_image_is_left_out(
    megadepth: Path, caplog: pytest.LogCaptureFixture
) -> None:
    np.save(megadepth.parent / "depths" / "1.npy", np.ones((10, 10), np.float32))
    MegadepthPairs(ArrayScene(megadepth), CROP_PX).pair(0, np.random.default_rng(0))
    assert "expected (144, 192) of the image" in caplog.text


def test_a_scene_where_no_pair_works_is_an_error(megadepth: Path) -> None:
    shutil.rmtree(megadepth.parent / "images")
    with pytest.raises(SourceError, match="none can be read"):
        MegadepthPairs(ArrayScene(megadepth), CROP_PX).pair(0, np.random.default_rng(0))


def test_zero_and_negative_depth_are_unknown(tmp_path: Path) -> None:
    np.save(tmp_path / "depth.npy", np.array([[0.0, -1.0, np.nan, 2.5]]))
    np.testing.assert_array_equal(read_depth(tmp_path / "depth.npy"), [[np.nan, np.nan, np.nan, 2.5]])
