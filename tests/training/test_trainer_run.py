"""A whole run in a folder: what it writes, and that a resumed one equals one that was never stopped."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from tiny_training import run, tiny_config, write_images
from training_tables import timeless_table

from vo_frontend.config_files import build_from_mapping
from vo_frontend.errors import ConfigError, TrainingError
from vo_frontend.features.cpu.extractor import CpuAlikedExtractor
from vo_frontend.features.loading import make_network
from vo_frontend.features.networks.aliked.network import AlikedNetwork
from vo_frontend.training.local_features.train_config import TrainConfig, load_train_config


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def whole_run(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six steps without a stop."""
    folder = tmp_path_factory.mktemp("whole")
    assert run(tiny_config(images), folder) == 6
    return folder


def assert_same_run(folder: Path, other: Path) -> None:
    assert timeless_table(folder / "metrics.csv") == timeless_table(other / "metrics.csv")
    weights, expected = (torch.load(path / "weights.pth") for path in (folder, other))
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in weights)


def test_a_run_leaves_tables_pictures_checkpoints_weights_and_its_configuration(
    whole_run: Path, images: Path
) -> None:
    assert sorted(path.name for path in whole_run.iterdir()) == [
        "best.pth",
        "checkpoint_00000004.pt",
        "checkpoint_00000006.pt",
        "config.yaml",
        "matches_00000006.png",
        "metrics.csv",
        "validation.csv",
        "weights.pth",
    ]
    rows = timeless_table(whole_run / "metrics.csv")
    assert [int(row["step"]) for row in rows] == list(range(6))
    assert [float(row["learning_rate"]) for row in rows[:2]] == pytest.approx([5e-4, 1e-3])
    assert all(np.isfinite(float(row["total"])) and row["num_pairs"] == "2" for row in rows)
    assert [row["step"] for row in timeless_table(whole_run / "validation.csv")] == ["5"]
    picture = cv2.imread(str(whole_run / "matches_00000006.png"))
    assert picture is not None
    assert picture.shape == (128, 256, 3)
    assert load_train_config(whole_run / "config.yaml") == tiny_config(images)


def test_exported_weights_are_those_of_the_network_and_of_an_extractor(whole_run: Path) -> None:
    network = make_network("aliked-t16")
    assert isinstance(network, AlikedNetwork)
    network.load_state_dict(torch.load(whole_run / "weights.pth", weights_only=True))
    extractor = CpuAlikedExtractor("trained", network.config, network.arrays(), max_keypoints=50)
    features = extractor.extract(np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8))
    assert len(features) > 0
    np.testing.assert_allclose(np.linalg.norm(features.descriptors, axis=1), 1, atol=1e-5)


def test_a_run_stopped_and_resumed_equals_one_that_was_not(
    images: Path, whole_run: Path, tmp_path: Path
) -> None:
    config = tiny_config(images)
    assert run(config, tmp_path, stop_after=3) == 3
    assert run(config, tmp_path) == 6
    assert_same_run(tmp_path, whole_run)


def test_a_run_killed_while_it_wrote_a_checkpoint_loses_only_the_steps_since_the_one_before(
    images: Path, whole_run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = tiny_config(images)
    run(config, tmp_path, stop_after=4)
    newest = tmp_path / "checkpoint_00000004.pt"
    newest.write_bytes(newest.read_bytes()[:20_000])
    (tmp_path / ".checkpoint_00000006.pt.part").write_bytes(b"half a file")
    with (tmp_path / "metrics.csv").open("a") as file:
        file.write("4,12.3,4.")  # the row that was being written
    assert run(config, tmp_path) == 6
    assert "checkpoint_00000004.pt: cannot be read" in caplog.text
    assert_same_run(tmp_path, whole_run)
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".part"]


def test_a_run_that_has_ended_has_nothing_left_to_resume(images: Path, whole_run: Path) -> None:
    before = (whole_run / "metrics.csv").read_text()
    assert run(tiny_config(images), whole_run) == 6
    assert (whole_run / "metrics.csv").read_text() == before


def test_a_checkpoint_of_another_network_is_an_error_and_the_configuration_stays(
    images: Path, tmp_path: Path
) -> None:
    config = tiny_config(images, steps=3)
    run(config, tmp_path, stop_after=1)
    with pytest.raises(TrainingError, match="checkpoint is of another network"):
        run(dataclasses.replace(config, network="alike-t"), tmp_path)
    assert load_train_config(tmp_path / "config.yaml") == config


def test_validation_comes_in_its_interval_and_at_the_end(images: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(tiny_config(images, steps=5), validate_every=2)
    run(config, tmp_path)
    rows = timeless_table(tmp_path / "validation.csv")
    assert [int(row["step"]) for row in rows] == [1, 3, 4]
    assert all(0 <= float(row["mma_3px"]) <= 1 for row in rows)
    assert len(list(tmp_path.glob("matches_*.png"))) == 3


def test_the_best_weights_are_those_of_the_highest_mean_of_three_measures(
    images: Path, tmp_path: Path
) -> None:
    config = dataclasses.replace(tiny_config(images, steps=5), validate_every=1, checkpoint_every=1)
    run(config, tmp_path)
    rows = timeless_table(tmp_path / "validation.csv")
    three = ("mma_3px", "repeatability_3px", "matching_score_3px")
    for row in rows:
        assert float(row["quality_3px"]) == pytest.approx(sum(float(row[name]) for name in three) / 3)
    best, last = (torch.load(tmp_path / name) for name in ("best.pth", "weights.pth"))
    is_last_best = max(rows, key=lambda row: float(row["quality_3px"])) is rows[-1]
    assert all(torch.equal(best[name], last[name]) for name in best) == is_last_best


def test_training_starts_from_given_weights(images: Path, whole_run: Path, tmp_path: Path) -> None:
    weights = whole_run / "weights.pth"
    config = tiny_config(images, steps=3, average_decay=0.0, learning_rate=1e-12)
    run(dataclasses.replace(config, initial_weights=str(weights)), tmp_path, stop_after=1)
    first, given = torch.load(tmp_path / "weights.pth"), torch.load(weights)
    torch.testing.assert_close(first["conv1.weight"], given["conv1.weight"])


def test_initial_weights_that_do_not_fit_are_an_error(images: Path, whole_run: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(tiny_config(images), network="aliked-n16")
    for path, message in (
        (whole_run / "weights.pth", r"weights\.pth does not hold weights of aliked-n16"),
        (whole_run / "metrics.csv", r"metrics\.csv: cannot be read"),
        (tmp_path / "missing.pth", r"missing\.pth: cannot be read"),
    ):
        with pytest.raises(TrainingError, match=message):
            run(dataclasses.replace(config, initial_weights=str(path)), tmp_path / "run")


def test_reduced_precision_on_the_cpu_is_an_error(images: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(tiny_config(images), precision="bf16")
    with pytest.raises(ConfigError, match="precision: got 'bf16' on cpu, which has fp32; bf16 needs CUDA"):
        run(config, tmp_path)


@pytest.mark.gpu
def test_a_run_in_mixed_precision_on_a_gpu_ends_with_finite_weights(images: Path, tmp_path: Path) -> None:
    run(dataclasses.replace(tiny_config(images), precision="bf16"), tmp_path, device="cuda")
    assert all(row["skipped"] == "0" for row in timeless_table(tmp_path / "metrics.csv"))
    assert all(value.isfinite().all() for value in torch.load(tmp_path / "weights.pth").values())


def test_another_seed_gives_another_run(images: Path, whole_run: Path, tmp_path: Path) -> None:
    run(dataclasses.replace(tiny_config(images), seed=1), tmp_path, stop_after=1)
    assert timeless_table(tmp_path / "metrics.csv")[0] != timeless_table(whole_run / "metrics.csv")[0]


def test_the_written_configuration_is_plain_yaml(whole_run: Path) -> None:
    values = yaml.safe_load((whole_run / "config.yaml").read_text())
    assert build_from_mapping(TrainConfig, values, "again") == load_train_config(whole_run / "config.yaml")
    assert values["network"] == "aliked-t16"
