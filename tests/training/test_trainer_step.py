"""What one training step does to the weights."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_training import CROP_PX, OBJECTIVE, one_pair, write_images
from torch import Tensor, nn

from vo_frontend.errors import TrainingError
from vo_frontend.features.networks.trunk import FeatureNetwork
from vo_frontend.training.data.pairs import ImagePair, PairBatch, PairBatches, stack
from vo_frontend.training.engine.distributed import Group
from vo_frontend.training.engine.loader import micro_batches
from vo_frontend.training.engine.randomness import sample_rng
from vo_frontend.training.engine.run_config import OptimizationConfig
from vo_frontend.training.engine.task import Objective
from vo_frontend.training.engine.trainer import Trainer
from vo_frontend.training.local_features.initialisation import random_network
from vo_frontend.training.local_features.objective import LocalFeatureLosses, LocalFeatureObjective

PairObjective = Objective[FeatureNetwork, PairBatch]
PairTrainer = Trainer[FeatureNetwork, PairBatch]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[ImagePair]:
    images = write_images(tmp_path_factory.mktemp("images"), 1)
    return [one_pair(images, seed) for seed in range(2)]


def fresh_network() -> FeatureNetwork:
    return random_network("aliked-t16", seed=0)


def make_trainer(
    network: FeatureNetwork | None = None, objective: PairObjective | None = None, **optimization: Any
) -> PairTrainer:
    defaults: dict[str, Any] = {"warmup_steps": 0, "schedule": "constant"}
    return Trainer(
        network or fresh_network(),
        objective or LocalFeatureObjective(OBJECTIVE),
        OptimizationConfig(**defaults | optimization),
        seed=0,
        group=Group(),
    )


def state_of(trainer: PairTrainer) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in trainer.model.state_dict().items()}


def gradients_of(trainer: PairTrainer) -> list[Tensor]:
    gradients = [parameter.grad for parameter in trainer.model.parameters()]
    return [gradient for gradient in gradients if gradient is not None]


def without_batch_norm(network: FeatureNetwork) -> FeatureNetwork:
    for block in (network.block1, network.block2, network.block3, network.block4):
        block.bn1, block.bn2 = nn.Identity(), nn.Identity()
    return network


class SumOfWeights:
    """A loss whose gradient is known: ``factor`` for every weight."""

    terms = LocalFeatureLosses

    def __init__(self, factors: Sequence[float]) -> None:
        self._factors = iter(factors)

    def __call__(
        self, network: FeatureNetwork, batch: PairBatch, generator: torch.Generator
    ) -> LocalFeatureLosses:
        factor = next(self._factors)
        total = factor * torch.stack([parameter.sum() for parameter in network.parameters()]).sum()
        return LocalFeatureLosses(total, *torch.full((4,), factor))


class SpoiledAfterwards:
    """The objective of local features; from the second call on its total is multiplied by ``factor``."""

    terms = LocalFeatureLosses

    def __init__(self, factor: float) -> None:
        self._factor, self._objective, self._num_calls = factor, LocalFeatureObjective(OBJECTIVE), 0

    def __call__(
        self, network: FeatureNetwork, batch: PairBatch, generator: torch.Generator
    ) -> LocalFeatureLosses:
        terms = self._objective(network, batch, generator)  # moves the statistics of batch normalisation
        self._num_calls += 1
        return terms if self._num_calls == 1 else dataclasses.replace(terms, total=terms.total * self._factor)


def test_the_loss_falls_over_some_steps_on_one_pair(pairs: list[ImagePair]) -> None:
    trainer = make_trainer(steps=20)
    records = [trainer.train_step(step, [stack(pairs[:1])]) for step in range(20)]
    totals = [record.total for record in records]
    assert np.mean(totals[-5:]) < 0.8 * np.mean(totals[:5])
    assert all(record.num_items == 1 and record.skipped == 0 for record in records)


def test_accumulating_two_pairs_equals_a_batch_of_two_where_the_network_has_no_batch_statistics(
    pairs: list[ImagePair],
) -> None:
    # Random points are drawn per micro-batch, so that they differ by construction.
    objective = LocalFeatureObjective(dataclasses.replace(OBJECTIVE, num_random=0))
    divided, together = (make_trainer(without_batch_norm(fresh_network()), objective) for _ in range(2))
    first = divided.train_step(0, [stack(pairs[:1]), stack(pairs[1:])])
    second = together.train_step(0, [stack(pairs)])
    assert first.losses == pytest.approx(second.losses, rel=1e-4)
    assert first.gradient_norm == pytest.approx(second.gradient_norm, rel=1e-3)
    assert first.num_items == second.num_items == 2
    for a, b in zip(gradients_of(divided), gradients_of(together), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-6)


def test_gradients_are_means_over_the_micro_batches_and_long_ones_are_shortened(
    pairs: list[ImagePair],
) -> None:
    trainer = make_trainer(objective=SumOfWeights([1.0, 3.0]), max_gradient_norm=0.5)
    record = trainer.train_step(0, [stack(pairs[:1])] * 2)
    num_weights = sum(parameter.numel() for parameter in trainer.model.parameters())
    assert record.gradient_norm == pytest.approx(2 * num_weights**0.5, rel=1e-4)
    assert record.losses[1:] == pytest.approx((2, 2, 2, 2))
    shortened = gradients_of(trainer)[0].flatten()[0].item()
    assert shortened == pytest.approx(0.5 * num_weights**-0.5, rel=1e-3)


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_a_step_that_is_not_finite_is_skipped_and_changes_nothing(
    pairs: list[ImagePair], factor: float, caplog: pytest.LogCaptureFixture
) -> None:
    trainer = make_trainer(objective=SpoiledAfterwards(factor), average_decay=0.9)
    trainer.train_step(0, [stack(pairs[:1])])
    weights, average = state_of(trainer), trainer.weights()
    record = trainer.train_step(1, [stack(pairs[:1])])
    assert record.skipped == 1
    assert "step 1: loss or gradient is not finite" in caplog.text
    after, average_after = state_of(trainer), trainer.weights()
    assert all(torch.equal(weights[name], after[name]) for name in weights)
    assert all(torch.equal(average[name], average_after[name]) for name in average)


def test_many_skipped_steps_in_a_row_end_with_a_clear_error(pairs: list[ImagePair]) -> None:
    nan = float("nan")
    trainer = make_trainer(objective=SumOfWeights([nan, nan, 1.0, nan, nan, nan]), max_skipped=3)
    batches = [stack(pairs[:1])]
    assert [trainer.train_step(step, batches).skipped for step in range(5)] == [1, 1, 0, 1, 1]
    with pytest.raises(TrainingError, match=r"step 5: 3 steps in a row.*lower optimization.learning_rate"):
        trainer.train_step(5, batches)


def test_exported_weights_are_a_moving_average_that_forgets_the_random_start(pairs: list[ImagePair]) -> None:
    trainer = make_trainer(objective=SumOfWeights([1.0] * 3), average_decay=0.15)
    name = "conv1.weight"
    expected = state_of(trainer)[name]
    for step, decay in enumerate([0.1, 0.15, 0.15]):  # (1 + step) / (10 + step), at most 0.15
        trainer.train_step(step, [stack(pairs[:1])])
        expected = decay * expected + (1 - decay) * state_of(trainer)[name]
    torch.testing.assert_close(trainer.weights()[name], expected)
    assert not torch.equal(trainer.weights()[name], state_of(trainer)[name])


def test_without_an_average_the_weights_themselves_are_exported(pairs: list[ImagePair]) -> None:
    trainer = make_trainer()
    trainer.train_step(0, [stack(pairs[:1])])
    assert all(torch.equal(value, state_of(trainer)[name]) for name, value in trainer.weights().items())


def test_mixed_precision_stays_close_to_float32_and_gradients_are_float32(pairs: list[ImagePair]) -> None:
    network = fresh_network()
    batch, values = stack(pairs), []
    for mixed_precision in (False, True):
        network.zero_grad()
        objective = LocalFeatureObjective(OBJECTIVE, mixed_precision=mixed_precision)
        terms = objective(network, batch, torch.Generator().manual_seed(0))
        torch.autograd.backward(terms.total)
        values.append(terms.values())
        for parameter in network.parameters():
            assert parameter.grad is not None
            assert parameter.grad.dtype == torch.float32
            assert parameter.grad.isfinite().all()
    assert values[1].dtype == torch.float32
    assert not torch.equal(*values)
    torch.testing.assert_close(*values, rtol=0.1, atol=0.02)


@pytest.mark.gpu
def test_mixed_precision_learns_on_a_gpu(pairs: list[ImagePair]) -> None:
    objective = LocalFeatureObjective(OBJECTIVE, mixed_precision=True)
    trainer = make_trainer(fresh_network().cuda(), objective)
    totals = [trainer.train_step(step, [stack(pairs)]).total for step in range(20)]
    assert np.mean(totals[-5:]) < 0.8 * np.mean(totals[:5])


class NumberedPairs:
    """Remembers which numbers were asked for, with a draw of each generator."""

    def __init__(self, pair: ImagePair) -> None:
        self._pair = pair
        self.drawn: list[tuple[int, float]] = []

    def __len__(self) -> int:
        return 50

    def pair(self, number: int, rng: np.random.Generator) -> ImagePair:
        self.drawn.append((number, rng.random()))
        return self._pair


def draw(
    pairs: list[ImagePair], rank: int = 0, size: int = 1, first_step: int = 0, **optimization: Any
) -> tuple[list[tuple[int, float]], list[list[PairBatch]]]:
    """Make all batches of a run of 3 steps. Returns what was drawn for them, and the batches of each step."""
    source = NumberedPairs(pairs[0])
    config = OptimizationConfig(steps=3, warmup_steps=0, **optimization)
    steps = micro_batches(
        PairBatches(source), config, seed=7, first_step=first_step, group=Group(rank, size), workers=0
    )
    return source.drawn, list(steps)


def test_a_step_consists_of_accumulation_times_batch_pairs(pairs: list[ImagePair]) -> None:
    drawn, steps = draw(pairs, batch=2, accumulation=3)
    assert [len(step) for step in steps] == [3, 3, 3]
    assert steps[0][0].image0.shape == (2, 3, CROP_PX, CROP_PX)
    assert len(set(drawn)) == 18
    rng = sample_rng(7, 1, 4)  # step 1, slot 4
    assert drawn[6 + 4] == (int(rng.integers(50)), rng.random())


def test_a_resumed_run_draws_what_the_first_would_have_drawn(pairs: list[ImagePair]) -> None:
    assert draw(pairs, first_step=1)[0] == draw(pairs)[0][4 - 2 :]


def test_two_processes_together_draw_what_one_with_twice_the_accumulation_draws(
    pairs: list[ImagePair],
) -> None:
    together = draw(pairs, accumulation=4)[0]
    first, second = (draw(pairs, rank, 2, accumulation=2)[0] for rank in range(2))
    for step in range(3):
        part = slice(2 * step, 2 * step + 2)
        assert together[4 * step : 4 * step + 4] == first[part] + second[part]


@pytest.mark.slow
def test_pairs_do_not_depend_on_the_number_of_background_processes(tmp_path: Path) -> None:
    from vo_frontend.training.data.homography_pairs import HomographyPairs, find_images

    source = PairBatches(HomographyPairs(find_images(write_images(tmp_path)), CROP_PX))
    config = OptimizationConfig(steps=3, warmup_steps=0, accumulation=2)
    alone, helped = (
        list(micro_batches(source, config, seed=0, first_step=0, group=Group(), workers=workers))
        for workers in (0, 2)
    )
    assert len(alone) == len(helped) == 3
    for a, b in zip(sum(alone, []), sum(helped, []), strict=True):
        assert torch.equal(a.image1, b.image1)
        assert torch.equal(a.covisible10, b.covisible10)
