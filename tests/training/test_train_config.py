"""The configuration of a training run: its checks, and what follows from it."""

from pathlib import Path

import pytest

from vo_frontend.config_files import override
from vo_frontend.errors import ConfigError
from vo_frontend.training.engine.run_config import OptimizationConfig
from vo_frontend.training.engine.schedule import learning_rate_at
from vo_frontend.training.local_features.train_config import TrainConfig, load_train_config

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("train_[ntv]*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_shipped_configurations_are_valid(path: Path) -> None:
    assert load_train_config(path) != TrainConfig()


def test_there_is_a_shipped_configuration() -> None:
    assert CONFIGS


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("network=aliked-t61", "network: got 'aliked-t61', did you mean 'aliked-t16'?"),
        ("network=orb", "network: got 'orb', expected one of aliked-t16"),
        ("seed=-1", "seed: got -1, expected a non-negative integer"),
        ("precision=fp16", "precision: got 'fp16', expected fp32 or bf16"),
        ("workers=-1", "workers: got -1, expected at least 0, or null for as many as there are cores"),
        ("workers=two", "workers: got 'two', expected int"),
        ("checkpoint_every=0", "checkpoint_every: got 0, expected at least 1"),
        ("data.crop_px=100", "data.crop_px: got 100, expected a multiple of 32, at least 64"),
        ("data.crop=64", "unknown key 'crop'"),
        ("data.images=photos", "data.images: got 'photos', expected a list"),
        ("data.held_out_every=1", "data.held_out_every: got 1, expected at least 2"),
        ("data.homography.zoom=[2, 1]", "data.homography.zoom: got (2.0, 1.0), expected [low, high]"),
        ("data.homography.scale=[1]", "data.homography.scale: got (1.0,), expected [low, high]"),
        ("data.homography.rotation_deg=200", "data.homography.rotation_deg: got 200.0, expected 0 to 180"),
        ("data.photometric.jpeg_share=2", "data.photometric.jpeg_share: got 2.0, expected 0 to 1"),
        ("data.photometric.gamma=[0, 1]", "data.photometric.gamma: got (0.0, 1.0), expected at least 1e-06"),
        ("data.depth.zoom=[0.5, 1]", "data.depth.zoom: got 0.5, expected at least 1 crop"),
        (
            "optimization.max_gradient_norm=-1",
            "optimization.max_gradient_norm: got -1.0, expected at least 0",
        ),
        ("data.street_seed=-1", "data.street_seed: got -1, expected at least 0"),
        ("data.street_count=0", "data.street_count: got 0, expected at least 1"),
        ("data.painted_count=1", "data.painted_count: got 1, expected at least 2"),
        ("data.rgbd_weight=-1", "data.rgbd_weight: got -1.0, expected at least 0"),
        ("objective.descriptor=nre", "objective.descriptor: got 'nre', expected one of sparse_nre"),
        ("objective.num_keypoints=0", "objective.num_keypoints: got 0, expected at least 1"),
        ("objective.sparse_temperature=0", "objective.sparse_temperature: got 0.0, expected at least 0.001"),
        ("objective.peak_weight=.nan", "objective.peak_weight: got nan, expected at least 0"),
        ("optimization.steps=0", "optimization.steps: got 0, expected above 0"),
        ("optimization.learning_rate=-1", "optimization.learning_rate: got -1.0, expected above 0"),
        ("optimization.warmup_steps=10000", "expected 0 to steps - 1 = 9999"),
        (
            "optimization.schedule=step",
            "optimization.schedule: got 'step', expected one of cosine, linear, constant",
        ),
        ("optimization.average_decay=1", "expected at least 0, below 1"),
        ("validation.num_pairs=0", "validation.num_pairs: got 0, expected at least 1"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_it(assignment: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        override(TrainConfig(), [assignment])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_learning_rate_warms_up_and_falls_to_zero_along_half_a_cosine() -> None:
    config = OptimizationConfig(steps=110, warmup_steps=10, learning_rate=0.01)
    rates = [learning_rate_at(step, config) for step in range(110)]
    assert rates[:3] == pytest.approx([0.001, 0.002, 0.003])
    assert rates[9] == rates[10] == 0.01
    assert rates[60] == pytest.approx(0.005)
    assert 0 < rates[-1] < 1e-5
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_a_constant_learning_rate_stays() -> None:
    config = OptimizationConfig(steps=10, warmup_steps=0, learning_rate=0.01, schedule="constant")
    assert {learning_rate_at(step, config) for step in range(10)} == {0.01}


def test_a_linear_schedule_ends_one_step_above_zero() -> None:
    config = OptimizationConfig(steps=10, warmup_steps=2, learning_rate=0.8, schedule="linear")
    rates = [learning_rate_at(step, config) for step in range(10)]
    assert rates == pytest.approx([0.4, 0.8, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])


def test_the_optimiser_and_its_momentum_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"optimization\.method: got 'adamw', expected one of adam, sgd"):
        OptimizationConfig(method="adamw")
    with pytest.raises(ConfigError, match=r"optimization\.momentum: got 1\.0, expected at least 0, below 1"):
        OptimizationConfig(method="sgd", momentum=1.0)
