"""The multi-view task of the Image Matching Workshop, on views of the built-in street."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from tourism_folder import make_scene, write_pairs, write_view

from vo_frontend.cli.evaluate_features import main
from vo_frontend.errors import OutputError, SourceError
from vo_frontend.experiments.feature_quality.multiview import MultiviewResult, read_bags
from vo_frontend.experiments.feature_quality.phototourism import TourismScene, read_phototourism
from vo_frontend.experiments.feature_quality.published import multiview_rows
from vo_frontend.experiments.feature_quality.reconstruction import (
    PosedImage,
    VerifiedPair,
    reconstruct,
    write_database,
)
from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.simulation.street import ground_truth
from vo_frontend.simulation.street.renderer import load_street

STREET_SEED = 0
NUM_VIEWS = 5
BLANK = "blank"
TARGET_M = 9.0  # ahead of the first view: what all views look at


def write_bag(folder: Path, number: int, images: Sequence[str]) -> None:
    (folder / "sub_set").mkdir(exist_ok=True)
    text = "".join(f"images/{image}.jpg\n" for image in images)
    (folder / f"sub_set/{len(images)}bag_{number:03d}.txt").write_text(text)


@pytest.fixture(scope="module")
def tourism(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Views of one place of the street by cameras side by side, and a blank picture that shows nothing."""
    root = tmp_path_factory.mktemp("tourism")
    folder = make_scene(root)
    street, T_world_first = load_street(STREET_SEED), ground_truth(10, STREET_SEED).T_world_cam[0]
    names = [f"view{number}" for number in range(NUM_VIEWS)]
    for number, name in enumerate([*names, BLANK]):
        focal_px = 300.0 + 20.0 * (number % 3)
        camera = PinholeCamera(focal_px, focal_px, 199.5, 149.5, 400, 300)
        side_m = 1.2 * (number - 2)
        R = cv2.Rodrigues(np.array([0.0, -np.arctan2(side_m, TARGET_M), 0.0]))[0]
        T_first_cam = se3.from_rotation_translation(np.asarray(R, float), np.array([side_m, 0.0, 0.0]))
        T_world_cam = T_world_first @ T_first_cam
        image = (
            street.render(T_world_cam, camera)[0] if name != BLANK else np.full((300, 400, 3), 128, np.uint8)
        )
        write_view(folder, name, image, camera, T_world_cam)
    neighbours = [f"{first}-{second}" for first, second in zip(names, names[1:], strict=False)]
    write_pairs(folder, neighbours)
    write_bag(folder, 0, names)
    write_bag(folder, 1, [*names[:-1], BLANK])
    return root


@pytest.fixture
def scene(tourism: Path) -> TourismScene:
    return read_phototourism(tourism, 1)[0]


def options(tourism: Path, out: Path, *more: str) -> list[str]:
    data = ["--phototourism", str(tourism), "--phototourism-pairs", "1", "--multiview", "5"]
    return ["--features", "sift", "--keypoints", "2048", *data, "--out", str(out), *more]


def test_bags_are_reconstructed_and_an_image_that_shows_nothing_fails_with_all_its_pairs(
    tourism: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pycolmap = pytest.importorskip("pycolmap", reason="pycolmap is not installed (pip install -e .[dev])")
    kept = tmp_path / "colmap"
    assert main(options(tourism, tmp_path / "out", "--colmap-out", str(kept))) == 0
    (result,) = json.loads((tmp_path / "out" / "features.json").read_text())["multiview"]
    assert (result["bag_size"], result["num_bags"], result["num_drawn"]) == (5, 2, 0)
    assert result["registered"] == pytest.approx((1.0 + 0.8) / 2)
    assert result["maa_10deg"] == pytest.approx((1.0 + 0.6) / 2)  # 4 of the 10 pairs have the blank image
    assert 0.75 < result["maa_5deg"] <= result["maa_10deg"]
    assert 2.0 < result["track_length"] < 5.0
    assert result["num_landmarks"] > 100
    assert "published maa 10deg" in capsys.readouterr().out

    bag = kept / "sift" / "street" / "set_100" / "5bag_001"
    with pycolmap.Database.open(bag / "database.db") as database:
        assert database.num_images() == 5
        assert database.num_keypoints() > 1000
        assert database.num_matched_image_pairs() == 10
        assert database.num_verified_image_pairs() == 6
    model = pycolmap.Reconstruction(bag / "sparse" / "0")
    assert {image.name for image in model.images.values()} == {f"view{n}.jpg" for n in range(4)}
    assert model.compute_mean_reprojection_error() < 1.0
    first, second = reconstruct(bag, tourism), reconstruct(bag, tourism)
    assert first.num_landmarks == second.num_landmarks > 0
    assert first.T_cam_world[4] is None
    np.testing.assert_array_equal(first.T_cam_world[0], second.T_cam_world[0])

    assert main(options(tourism, tmp_path / "out", "--colmap-out", str(kept))) == 2
    assert "expected a new or an empty folder" in capsys.readouterr().err


def test_databases_follow_colmap_in_where_pixels_are_and_which_way_motions_go(tmp_path: Path) -> None:
    pycolmap = pytest.importorskip("pycolmap", reason="pycolmap is not installed (pip install -e .[dev])")
    camera = PinholeCamera(300.0, 310.0, 199.5, 149.5, 400, 300)
    pixels = np.random.default_rng(0).uniform(0, 300, (20, 2)).astype(np.float32)
    indices, every = np.column_stack([np.arange(20), np.arange(20)]), np.ones(20, dtype=bool)
    T_cam0_cam1 = se3.from_rotation_translation(np.eye(3), np.array([1.0, 0.0, 0.0]))
    pairs = [
        VerifiedPair(0, 1, indices, every, T_cam0_cam1),
        VerifiedPair(0, 2, indices, np.arange(20) < 14, T_cam0_cam1),
        VerifiedPair(1, 2, indices[:0], every[:0], None),
    ]
    write_database(tmp_path, [PosedImage(f"{n}.jpg", camera, pixels) for n in range(3)], pairs)
    with pycolmap.Database.open(tmp_path / "database.db") as database:
        np.testing.assert_allclose(database.read_keypoints(3), pixels + 0.5)
        np.testing.assert_allclose(database.read_camera(3).params, [300.0, 310.0, 200.0, 150.0])
        assert database.num_verified_image_pairs() == 1
        geometry = database.read_two_view_geometry(1, 2)
    np.testing.assert_allclose(geometry.cam2_from_cam1.translation, [-1.0, 0.0, 0.0])
    nothing = reconstruct(tmp_path, tmp_path)
    assert (nothing.T_cam_world, nothing.num_landmarks) == ((None, None, None), 0)
    with pytest.raises(OutputError, match="is there already"):
        write_database(tmp_path, [], [])


def test_bags_that_the_scene_does_not_list_are_drawn_along_common_points(scene: TourismScene) -> None:
    bags = read_bags(scene, [3], 10)
    assert bags == read_bags(scene, [3], 10)
    assert {frozenset(bag.images) for bag in bags} <= {
        frozenset(f"view{number}" for number in range(start, start + 3)) for start in range(3)
    }
    assert 1 < len(bags) <= 3
    assert len(read_bags(scene, [3], 1)) == 1
    assert all(bag.is_drawn for bag in bags)
    assert [bag.name for bag in read_bags(scene, [5], 1)] == ["5bag_000"]
    with pytest.raises(SourceError, match="no 6 images have points in common, take smaller bags"):
        read_bags(scene, [6], 1)


def copied(scene: TourismScene, folder: Path) -> TourismScene:
    for name in ("images", "calibration", "new-vis-pairs"):
        (folder / name).symlink_to(scene.folder / name)
    return TourismScene("copy", folder, scene.pairs)


@pytest.mark.parametrize("lines", ["", "images/view0.jpg\n", "images/view0.jpg\n" * 3])
def test_a_bag_with_other_than_its_number_of_images_is_an_error(
    scene: TourismScene, tmp_path: Path, lines: str
) -> None:
    copy = copied(scene, tmp_path)
    write_bag(tmp_path, 0, ["view0", "view1", "view2"])
    assert read_bags(copy, [3], 1)[0].images == ("view0", "view1", "view2")
    (tmp_path / "sub_set" / "3bag_000.txt").write_text(lines)
    with pytest.raises(SourceError, match=r"3bag_000\.txt: got [01] different images, expected 3 lines"):
        read_bags(copy, [3], 1)


def test_an_image_without_calibration_is_an_error_before_anything_is_computed(
    scene: TourismScene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied(scene, tmp_path)
    (tmp_path / "images").unlink()
    (tmp_path / "images").mkdir()
    for name in ("view0", "view1", "absent"):
        (tmp_path / "images" / f"{name}.jpg").touch()
    write_bag(tmp_path, 0, ["view0", "view1", "absent", "a", "b"])
    assert main(options(tmp_path, tmp_path / "out")) == 2
    assert "calibration_absent.h5: no such file, bag 5bag_000 needs it" in capsys.readouterr().err


def test_a_missing_pycolmap_is_one_line(
    tourism: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pycolmap", None)
    assert main(options(tourism, tmp_path)) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "pip install 'pycolmap>=4.2'" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--multiview"], "--multiview needs scenes to reconstruct, add --phototourism DIR"),
        (["--multiview", "2", "--phototourism", "."], "got bags of 2 images, expected 3 or more"),
        (["--colmap-out", "kept"], "--colmap-out keeps what --multiview reconstructs"),
    ],
)
def test_options_that_lack_another_are_errors(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--features", "orb", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_published_figures_stand_beside_the_mean_over_their_bags() -> None:
    results = [
        MultiviewResult(features, "square", size, 10, 0, size / 50, size / 40, 1.0, 4.0, 100.0 * size)
        for features, sizes in (("aliked-t16", (5, 10, 25)), ("orb", (5,)))
        for size in sizes
    ]
    rows = multiview_rows(results)
    assert [row.images for row in rows] == ["5", "10", "25", "5, 10, 25", "5"]
    assert [row.published_maa_5deg_percent for row in rows] == [None, None, None, 60.31, None]
    mean = rows[3]
    assert (mean.bags, mean.published_maa_10deg_percent) == (30, 70.88)
    assert mean.maa_5deg_percent == pytest.approx(100 * 40 / 3 / 50)
    assert mean.landmarks == pytest.approx(100 * 40 / 3)
