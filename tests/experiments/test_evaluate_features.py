"""The command ``vo-frontend evaluate-features`` as a user meets it."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from vo_frontend.cli.evaluate_features import main
from vo_frontend.experiments.feature_quality.contestants import ALL, Extraction, choose_contestants
from vo_frontend.experiments.feature_quality.hpatches import read_hpatches
from vo_frontend.experiments.feature_quality.losses import compare_losses, loss_pairs
from vo_frontend.experiments.feature_quality.network_cost import network_cost
from vo_frontend.experiments.feature_quality.pairs import (
    choose_pairs,
    homography_of_warp,
    hpatches_scenes,
)
from vo_frontend.experiments.feature_quality.scores import score_homographies
from vo_frontend.features.classical.sift import SiftExtractor
from vo_frontend.features.loading import make_network
from vo_frontend.training.data.homography_pairs import warp_map

SIZE = (240, 200)
ZOOM = np.array([[1.1, 0.02, -8.0], [-0.03, 1.08, 4.0], [1e-4, 5e-5, 1.0]])


def picture(seed: int = 0, size: tuple[int, int] = SIZE) -> NDArray[np.float64]:
    """Smooth noise: corners at every scale."""
    rng = np.random.default_rng(seed)
    levels = [rng.uniform(0, 255, (size[1] // step, size[0] // step, 3)) for step in (4, 8, 20)]
    resized = [cv2.resize(level, size, interpolation=cv2.INTER_CUBIC) for level in levels]
    return np.asarray(np.mean(resized, axis=0).clip(0, 255))


def write_scene(folder: Path, homography: NDArray[np.float64]) -> None:
    """Six images, all related to the first one by powers of a homography."""
    folder.mkdir()
    image = picture()
    for number in range(1, 7):
        H = np.linalg.matrix_power(homography, number % 3)
        H = np.eye(3) if number == 1 else H / H[2, 2]
        cv2.imwrite(str(folder / f"{number}.ppm"), cv2.warpPerspective(image, H, SIZE))
        if number > 1:
            np.savetxt(folder / f"H_1_{number}", H)


@pytest.fixture
def hpatches(tmp_path: Path) -> Path:
    folder = tmp_path / "hpatches"
    folder.mkdir()
    write_scene(folder / "v_zoom", ZOOM)
    write_scene(folder / "i_same", np.eye(3))
    (folder / "v_talent").mkdir()  # left out by the protocol, so that its missing files do not matter
    return folder


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "photographs"
    folder.mkdir()
    for number in range(3):
        cv2.imwrite(str(folder / f"{number}.png"), picture(number, (420, 400)))
    return folder


def test_orb_on_a_planar_data_set_from_the_command_to_the_files(
    hpatches: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    markdown = tmp_path / "features.md"
    options = ("--features", "orb", "--keypoints", "200", "--out", str(tmp_path / "out"))
    assert main(["--hpatches", str(hpatches), *options, "--markdown", str(markdown)]) == 0
    found = json.loads((tmp_path / "out" / "features.json").read_text())
    by_group = {row["data"]: row for row in found["homographies"]}
    assert list(by_group) == ["i_same", "v_zoom"]
    assert by_group["i_same"]["num_pairs"] == 5
    assert by_group["i_same"]["matching_accuracy"] == [1.0] * 10
    assert by_group["i_same"]["repeatability"] == [1.0] * 10
    assert by_group["v_zoom"]["matching_accuracy"][2] > 0.6
    assert by_group["v_zoom"]["homography_accuracy"][4] > 0.5
    assert found["costs"][0]["parameters"] is None
    table = capsys.readouterr().out
    assert "mma 3px [%]" in table
    text = markdown.read_text()
    assert "(out/matching_accuracy.png)" in text
    assert (tmp_path / "out" / "matching_accuracy.png").stat().st_size > 10_000


def test_poses_of_the_built_in_street_are_better_over_short_gaps(tmp_path: Path) -> None:
    medians = []
    for gap in ("1", "40"):
        options = ("--gaps", gap, "--starts", "3", "--out", str(tmp_path))
        assert main(["--features", "orb", "--keypoints", "300", *options]) == 0
        (result,) = json.loads((tmp_path / "features.json").read_text())["poses"]
        assert result["sequence"] == "street"
        medians.append(result["median_error_deg"])
    assert medians[0] < medians[1]
    assert (tmp_path / "pose_auc.png").stat().st_size > 5_000


def test_own_weights_and_their_losses_stand_beside_random_ones(
    photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    torch.save(make_network("aliked-t16").state_dict(), tmp_path / "weights.pth")
    extra = f"mine=aliked-t16:{tmp_path / 'weights.pth'}"
    options = ("--photo-pairs", "1", "--keypoints", "100", "--out", str(tmp_path))
    arguments = ["--features", "orb", "--extra", extra, "--photos", str(photographs), *options]
    assert main([*arguments, "--losses", "mine"]) == 0
    found = json.loads((tmp_path / "features.json").read_text())
    assert [row["features"] for row in found["homographies"]] == ["orb", "mine"]
    assert [row["weights"] for row in found["losses"]] == ["mine", "random aliked-t16"]
    assert found["losses"][0]["sparse_nre"] > 0
    assert found["costs"][1]["parameters"] == 192_100
    assert main([*arguments, "--losses", "orb"]) == 2
    assert "orb: hand-made features have no losses" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--features", "orp"], "unknown name 'orp', did you mean 'orb'?"),
        (["--features", "orb,orb"], "got 'orb' twice"),
        (["--features", "orb", "--extra", "mine"], "expected NAME=ARCHITECTURE:PATH"),
        (["--features", "orb", "--losses"], "--losses needs pairs"),
        (["--features", "orb", "--hpatches", "nowhere"], "nowhere: not a folder"),
        (["--features", "orb", "--sequences", "street", "--gaps", "300"], "too few for a gap of 300"),
    ],
)
def test_wrong_options_are_one_line_and_exit_code_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], args: list[str], message: str
) -> None:
    assert main([*args, "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1


def test_missing_weights_and_those_of_another_architecture_are_refused(
    hpatches: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(make_network("alike-t").state_dict(), tmp_path / "other.pth")
    for name, message in (("none", "none.pth: cannot be read"), ("other", "hold weights of aliked-t16")):
        extra = f"mine=aliked-t16:{tmp_path / name}.pth"
        options = ("--hpatches", str(hpatches), "--out", str(tmp_path))
        assert main(["--features", "orb", "--extra", extra, *options]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda scene: (scene / "3.ppm").unlink(), "image 3: got none, expected one file"),
        (lambda scene: (scene / "H_1_4").unlink(), "H_1_4: cannot read the homography"),
        (lambda scene: (scene / "H_1_4").write_text("1 2 3"), "got 3 numbers, expected the 9"),
        (lambda scene: (scene / "H_1_4").write_text("a b c"), "something else than numbers"),
        (lambda scene: (scene / "H_1_4").write_text("0 " * 9), "is not a homography"),
        (lambda scene: (scene / "3.ppm").write_bytes(b"P6"), "3.ppm: cannot decode"),
    ],
)
def test_a_malformed_scene_is_named(
    hpatches: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], object],
    message: str,
) -> None:
    spoil(hpatches / "v_zoom")
    assert main(["--features", "orb", "--hpatches", str(hpatches), "--out", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


def test_a_folder_without_scenes_is_no_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--features", "orb", "--hpatches", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "no scenes v_* or i_* in it" in capsys.readouterr().err


def test_pairs_are_spread_over_the_sequence_and_end_inside_it() -> None:
    assert choose_pairs(10, (1, 6), 5) == [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9), (0, 6), (2, 8)]
    assert choose_pairs(3, (5,), 20) == []
    assert choose_pairs(3, (1,), 20) == [(0, 1), (1, 2)]


def test_the_homography_of_a_warp_is_found_again() -> None:
    found = homography_of_warp(warp_map(ZOOM, 320))
    np.testing.assert_allclose(found / found[2, 2], ZOOM, rtol=1e-4, atol=1e-5)


def test_sift_keeps_its_budget_and_finds_a_blob_where_it_is() -> None:
    y, x = np.mgrid[:128, :128]
    blob = 200 * np.exp(-((x - 60.3) ** 2 + (y - 70.6) ** 2) / (2 * 4.0**2))
    features = SiftExtractor(max_keypoints=50).extract(blob.astype(np.uint8))
    np.testing.assert_allclose(features.pixels[0], [60.3, 70.6], atol=0.1)
    features = SiftExtractor(max_keypoints=50).extract(picture().astype(np.uint8))
    assert len(features) == 50
    assert np.all(np.diff(features.scores) <= 0)
    np.testing.assert_allclose(np.linalg.norm(features.descriptors, axis=1), 1, atol=1e-5)
    assert len(SiftExtractor(max_keypoints=50).extract(np.zeros((64, 64), np.uint8))) == 0


def test_operations_grow_with_pixels_and_with_keypoints() -> None:
    network = make_network("alike-t")
    small, large = network_cost(network, 64, 64, 0), network_cost(network, 128, 64, 0)
    assert small.parameters == 82_728
    assert large.gflop == pytest.approx(2 * small.gflop)
    # ALIKE describes four pixels per keypoint by a 64 x 64 product, then blends the four.
    per_keypoint = network_cost(network, 64, 64, 100).gflop - small.gflop
    assert per_keypoint == pytest.approx(100 * (4 * 2 * 64 * 64 + 2 * 4 * 64) / 1e9)


@pytest.mark.real
@pytest.mark.parametrize("scene", ["v_churchill", "v_graffiti"])
def test_official_t16_matches_more_accurately_than_orb(
    data_root: Path, weights_dir: Path, scene: str
) -> None:
    scenes = [found for found in read_hpatches(data_root / "hpatches") if found.name == scene]
    t16, orb = (
        score_homographies(
            contestant.name, contestant.load(Extraction(1000, weights_dir)), hpatches_scenes(scenes)
        )[0].scores
        for contestant in choose_contestants(["aliked-t16", "orb"], [])
    )
    least_mma_3px, least_lead = {"v_churchill": (0.82, 0.28), "v_graffiti": (0.37, 0.12)}[scene]
    assert t16.matching_accuracy[2] >= least_mma_3px
    assert t16.matching_accuracy[2] >= orb.matching_accuracy[2] + least_lead
    assert t16.matching_score[2] >= 2 * orb.matching_score[2]


@pytest.mark.real
def test_losses_of_the_official_weights_are_clearly_below_those_of_random_ones(
    data_root: Path, weights_dir: Path
) -> None:
    pairs = loss_pairs([data_root / "hpatches"], 2)
    contestants = choose_contestants(["aliked-t16"], [])
    official, untrained = compare_losses(["aliked-t16"], contestants, pairs, weights_dir)
    # Not the reliability: descriptors that are all alike are as similar to their partner as can be.
    for name in ("total", "reprojection_px", "peak", "sparse_nre", "dense_nre", "triplet"):
        assert getattr(official, name) < 0.8 * getattr(untrained, name), name


def test_all_variants_and_both_hand_made_features_take_part() -> None:
    assert {"aliked-t16", "aliked-n16", "aliked-n16rot", "aliked-n32"} <= set(ALL)
    assert {"alike-t", "alike-s", "alike-n", "alike-l", "orb", "sift"} <= set(ALL)
