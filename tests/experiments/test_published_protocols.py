"""Protocols of the papers: score thresholds, PhotoTourism, and published figures beside ours."""

import json
from pathlib import Path

import numpy as np
import pytest
from tourism_folder import make_scene, write_pairs, write_view

from vo_frontend.cli.evaluate_features import main
from vo_frontend.errors import SourceError
from vo_frontend.evaluation.feature_metrics import (
    HomographyScores,
    mean_average_accuracy,
    mean_homography_scores,
)
from vo_frontend.experiments.feature_quality.contestants import Contestant, Extraction
from vo_frontend.experiments.feature_quality.phototourism import read_phototourism
from vo_frontend.experiments.feature_quality.published import hpatches_rows
from vo_frontend.experiments.feature_quality.scores import HomographyResult
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.simulation.street import ground_truth
from vo_frontend.simulation.street.renderer import load_street

STREET_SEED = 0


@pytest.fixture(scope="module")
def tourism(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pictures of the built-in street, by cameras of different focal lengths."""
    root = tmp_path_factory.mktemp("tourism")
    folder = make_scene(root)
    poses = ground_truth(1000, STREET_SEED).T_world_cam
    for number, focal_px in enumerate((300.0, 260.0, 340.0)):
        camera = PinholeCamera(focal_px, focal_px, 199.5, 149.5, 400, 300)
        image, _ = load_street(STREET_SEED).render(poses[3 * number], camera)
        write_view(folder, str(number), image, camera, poses[3 * number])
    write_pairs(folder, ["0-1", "1-2", "0-2"])
    return root


def test_motions_between_cameras_of_different_focal_lengths_are_found(
    tourism: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--phototourism", str(tourism), "--keypoints", "2048", "--out", str(tmp_path)]
    assert main(["--features", "sift", *options]) == 0
    (result,) = json.loads((tmp_path / "features.json").read_text())["stereo"]
    assert (result["scene"], result["num_pairs"]) == ("street/set_100", 3)
    assert result["maa_5deg"] > 0.8
    assert result["maa_10deg"] >= result["maa_5deg"]
    assert "published maa 10deg" in capsys.readouterr().out


def test_pairs_are_spread_evenly_over_those_of_a_scene(tourism: Path) -> None:
    (scene,) = read_phototourism(tourism, 2)
    assert scene.pairs == (("0", "1"), ("0", "2"))
    assert len(read_phototourism(tourism, 500)[0].pairs) == 3


@pytest.mark.parametrize("content", [b"", b"PK"])
def test_a_list_of_pairs_that_cannot_be_read_is_an_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(SourceError, match=r"no new-vis-pairs/keys-th-0\.1\.npy at any depth"):
        read_phototourism(tmp_path, 10)
    path = tmp_path / "scene" / "new-vis-pairs" / "keys-th-0.1.npy"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(SourceError, match="cannot read the pairs"):
        read_phototourism(tmp_path, 10)
    np.save(path, np.array(["0_1"]))
    with pytest.raises(SourceError, match="expected texts NAME-NAME"):
        read_phototourism(tmp_path, 10)


def test_mean_average_accuracy_counts_whole_degrees() -> None:
    assert mean_average_accuracy(np.zeros(4), 10) == 1.0
    assert mean_average_accuracy(np.full(4, np.inf), 10) == 0.0
    assert mean_average_accuracy(np.array([2.5, np.inf]), 10) == pytest.approx(0.5 * 8 / 10)
    assert mean_average_accuracy(np.array([2.5]), 5) == pytest.approx(3 / 5)


def scores(accuracy: float) -> HomographyScores:
    return HomographyScores(1000, 10, np.zeros(10), np.zeros(10), np.full(10, accuracy), 0.0)


def test_published_figures_stand_beside_the_mean_over_all_pairs() -> None:
    results = [
        HomographyResult("alike-n", "HPatches v_*", mean_homography_scores([scores(0.5)] * 3)),
        HomographyResult("alike-n", "HPatches i_*", mean_homography_scores([scores(0.9)])),
        HomographyResult("alike-n", "photographs", mean_homography_scores([scores(0.0)])),
        HomographyResult("orb", "HPatches i_*", mean_homography_scores([scores(0.1)])),
    ]
    first, second = hpatches_rows(results)
    assert first.pairs == 4
    assert first.mma_3px_percent == pytest.approx(60)
    assert (first.published_mma_3px_percent, first.published_mha_3px_percent) == (70.8, 75.7)
    assert second.published_mma_3px_percent is None


@pytest.mark.parametrize("text", ["1", "-0.1", "high"])
def test_a_score_threshold_is_a_share(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--score-threshold", text])
    assert "expected a number from 0 to below 1" in capsys.readouterr().err


def test_an_unknown_device_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--features", "vof-t16", "--device", "tpu", "--out", str(tmp_path)]
    assert main(options) == 2
    assert "device: got 'tpu', expected auto, cpu, cuda or cuda:N" in capsys.readouterr().err


def test_a_threshold_leaves_out_weak_keypoints_of_networks_alone() -> None:
    image, _ = load_street(STREET_SEED).render(
        ground_truth(10, STREET_SEED).T_world_cam[0], PinholeCamera(300, 300, 159.5, 119.5, 320, 240)
    )
    network, orb = Contestant("vof-t16", "aliked-t16"), Contestant("orb", None)
    every, strong = (Extraction(5000, None, score_threshold=threshold) for threshold in (0.0, 0.5))
    found = network.load(strong).extract(image).scores
    assert 0 < len(found) < len(network.load(every).extract(image).scores)
    assert found.min() > 0.5
    assert len(orb.load(strong).extract(image).scores) == len(orb.load(every).extract(image).scores)
