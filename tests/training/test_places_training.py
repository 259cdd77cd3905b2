"""Training places from pictures to weights: whole runs, stopped ones, and what cannot be trained."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_places import BACKBONE, run, tiny_config, write_places
from training_tables import read_table

from vo_frontend.cli.train import main
from vo_frontend.config_files import build_from_mapping, read_yaml
from vo_frontend.errors import ConfigError, WeightsError
from vo_frontend.features.networks.places.loading import head_sizes, load_backbone, load_heads
from vo_frontend.features.networks.places.network import PlaceNetwork, make_delg
from vo_frontend.training.engine.checkpoint import load_file
from vo_frontend.training.places.batches import MapBatch
from vo_frontend.training.places.cached import CachedBatches, CachedViews, cached_in_file
from vo_frontend.training.places.train_config import PlaceDataConfig, PlaceTrainConfig
from vo_frontend.training.places.validation import recall_at_1

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_places(tmp_path_factory.mktemp("data") / "places")


@pytest.fixture(scope="module")
def whole_run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole")
    run(tiny_config(folder), out)
    return out


def delg() -> PlaceNetwork:
    return make_delg(load_backbone(BACKBONE), head_sizes(BACKBONE), normalizes_first=True)


def test_the_trained_heads_load_into_the_network_that_describes_places(whole_run: Path) -> None:
    network = delg()
    load_heads(network, whole_run / "weights.pth")
    with torch.inference_mode():
        described = network.eval().describe(torch.rand(1, 3, 96, 128))
    assert described.norm() == pytest.approx(1, abs=1e-5)


def test_heads_start_by_whitening_and_principal_components(whole_run: Path) -> None:
    first, *_, last = read_table(whole_run / "metrics.csv")
    assert float(first["reconstruction"]) < 1e-6  # all 16 channels of the trunk fit into the code
    assert float(first["global_descriptor"]) < 0.1 * np.log(10)  # of 10 places
    assert last["attention"] != first["attention"]


@pytest.mark.parametrize("stop_after", [1, 3, 5])
def test_a_stopped_and_resumed_run_of_places_leaves_the_same_bytes(
    stop_after: int, folder: Path, whole_run: Path, tmp_path: Path
) -> None:
    run(tiny_config(folder), tmp_path, stop_after)
    run(tiny_config(folder), tmp_path)
    for name in ("weights.pth", "training_views.npz", "validation_views.npz"):
        assert (tmp_path / name).read_bytes() == (whole_run / name).read_bytes(), name


def test_the_weights_of_the_best_validation_are_kept(whole_run: Path, folder: Path, tmp_path: Path) -> None:
    found = [float(row["recall_at_1"]) for row in read_table(whole_run / "validation.csv")]
    first_best = int(np.argmax(found))
    run(tiny_config(folder), tmp_path, stop_after=2 * (first_best + 1))
    assert (tmp_path / "weights.pth").read_bytes() == (whole_run / "best.pth").read_bytes()


def test_new_pictures_in_every_step_train_backbone_and_heads(folder: Path, tmp_path: Path) -> None:
    lines = run(tiny_config(folder, cached_views=0, trains_backbone=True), tmp_path)
    assert lines[-1].startswith("places found again")
    before, after = load_backbone(BACKBONE).state_dict(), load_file(tmp_path / "weights.pth")
    assert not torch.equal(
        after["backbone.network.block1.conv1.weight"], before["network.block1.conv1.weight"]
    )
    network = delg()
    network.load_state_dict(after)


def test_the_two_steps_of_delf_follow_each_other(folder: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "descriptors", tmp_path / "attention"
    run(tiny_config(folder, 0, recipe="delf-descriptors", trains_backbone=True), first)
    weights = str(first / "weights.pth")
    run(tiny_config(folder, 0, recipe="delf-attention", initial_weights=weights), second)
    attention = load_file(second / "weights.pth")
    assert {name.partition(".")[0] for name in attention} == {"local_head"}
    assert float(read_table(second / "metrics.csv")[0]["attention"]) > 0
    other = str(second / "weights.pth")
    wrong = tiny_config(folder, 0, recipe="delf-descriptors", trains_backbone=True, initial_weights=other)
    with pytest.raises(WeightsError, match="is no tensor of this network"):
        run(wrong, tmp_path)


def test_the_command_trains_places_and_resumes_with_its_own_configuration(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "places.yaml"
    config.write_text(
        f"task: places\nbackbone: {BACKBONE}\nworkers: 0\nvalidate_every: 2\ncheckpoint_every: 2\n"
        f"data: {{folders: ['{folder}'], side_px: 96, views_per_place: 2, cached_views: 16}}\n"
        "validation: {num_places: 2}\noptimization: {steps: 2, batch: 4, warmup_steps: 0}\n"
    )
    out = tmp_path / "out"
    assert main(["--config", str(config), "--out", str(out)]) == 0
    shown = capsys.readouterr().err
    assert "training: 160 of 160 views" in shown
    assert "places found again" in shown
    assert main(["--resume", "--out", str(out), "--set", "optimization.steps=4"]) == 0
    assert "160 views" not in capsys.readouterr().err  # they are still there
    assert len(read_table(out / "metrics.csv")) == 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["recipe=dleg"], "recipe: got 'dleg', did you mean 'delg'?"),
        (["backbone=lite1"], "backbone: got 'lite1', did you mean 'lite0'"),
        (["optimization.batch=3"], "expected a multiple of data.views_per_place = 4"),
        (["data.streets=41"], "data.streets: got 41, expected 0 to 40"),
        (["trains_backbone=true", "data.cached_views=2"], "needs a backbone that stays as it is"),
        (["recipe=delf-descriptors"], "expected true for delf-descriptors"),
        (["backbone=resnet50"], "name a state dict of torchvision's resnet50"),
        (["data.sequences=[kitti/05]"], "kitti/05: no data root"),
        (["data.images=[nowhere]"], "nowhere: not a folder"),
    ],
)
def test_what_cannot_be_trained_is_one_line(
    changes: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.delenv("VO_DATA_ROOT", raising=False)
    config = tmp_path / "places.yaml"
    config.write_text(
        f"task: places\nbackbone: {BACKBONE}\ndata: {{paintings: 1}}\noptimization: {{batch: 4}}\n"
    )
    sets = [f"--set={change}" for change in changes]
    assert main(["--config", str(config), "--out", str(tmp_path / "out"), *sets]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1


def test_too_few_views_to_whiten_are_one_line(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="10 views in all, expected more than 128"):
        run(tiny_config(folder, cached_views=1), tmp_path)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("train_del*.yaml")), ids=lambda path: path.stem)
def test_the_recipes_that_come_with_the_package_are_valid(path: Path) -> None:
    assert build_from_mapping(PlaceTrainConfig, read_yaml(path), str(path)).task == "places"


def cached(num_places: int = 3, num_views: int = 5) -> CachedViews:
    count = num_places * num_views
    pooled = np.arange(count, dtype=np.float32)[:, None]
    cells = np.zeros((count, 1, 12, 12), np.float16)
    return CachedViews(cells, pooled, np.repeat(np.arange(num_places), num_views))


def test_a_batch_of_cached_views_holds_views_of_the_places_it_names() -> None:
    batch = CachedBatches(cached(), 2).batch([np.random.default_rng([1, slot]) for slot in range(8)])
    assert isinstance(batch, MapBatch)
    np.testing.assert_array_equal(batch.global_map[:, 0, 0, 0] // 5, batch.labels)
    np.testing.assert_array_equal(batch.labels[::2], batch.labels[1::2])


def test_cached_views_of_another_recipe_are_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "views.npz"
    assert len(cached_in_file(path, {"seed": 0}, cached)) == 15
    assert len(cached_in_file(path, {"seed": 0}, lambda: cached(4))) == 15
    assert len(cached_in_file(path, {"seed": 1}, lambda: cached(4))) == 20


def test_recall_counts_views_whose_best_other_view_shows_their_place() -> None:
    descriptors = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.2, 0.1]])
    assert recall_at_1(descriptors, torch.tensor([0, 0, 1, 1])) == 0.75


def test_a_cell_of_the_data_configuration_has_its_range() -> None:
    with pytest.raises(ConfigError, match=r"data\.min_views: got 1, expected 2"):
        PlaceDataConfig(min_views=1)


@pytest.mark.slow
def test_two_processes_cache_once_and_train_together(folder: Path, tmp_path: Path) -> None:
    config, out = tmp_path / "places.yaml", tmp_path / "out"
    config.write_text(
        f"task: places\nbackbone: {BACKBONE}\nworkers: 0\ndevice: cpu\n"
        f"data: {{folders: ['{folder}'], side_px: 96, views_per_place: 2, cached_views: 16}}\n"
        "validation: {num_places: 2}\noptimization: {steps: 2, batch: 4, warmup_steps: 0}\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "vo_frontend.cli.train", "--config", str(config), "--out", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("training: 160 of 160 views") == 1
    assert [row["num_views"] for row in read_table(out / "metrics.csv")] == ["16", "16"]
