"""The engine trains what has nothing to do with images: a straight line through noisy points."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor, nn
from training_tables import timeless_table

from vo_frontend.errors import SourceError, TrainingError
from vo_frontend.training.engine.checkpoint import load_file
from vo_frontend.training.engine.distributed import Group
from vo_frontend.training.engine.run_config import OptimizationConfig, RunConfig
from vo_frontend.training.engine.task import LossTerms, Task, ValidationRecord
from vo_frontend.training.engine.training_run import train

SLOPE, OFFSET = 2.0, -1.0
NUM_STEPS = 20


@dataclass(frozen=True)
class LineConfig(RunConfig):
    """The options of the loop and one of the task."""

    noise: float = 0.01  # standard deviation of y


@dataclass(frozen=True)
class Points:
    """N points near the line."""

    x: Tensor  # (N, 1)
    y: Tensor  # (N, 1)

    def __len__(self) -> int:
        return len(self.x)

    def to(self, device: torch.device) -> "Points":
        return Points(self.x.to(device), self.y.to(device))


@dataclass(frozen=True)
class NoisyPoints:
    """Every item is one point."""

    noise: float

    def batch(self, rngs: Sequence[np.random.Generator]) -> Points:
        x, noise = torch.tensor([[rng.uniform(-1, 1), rng.normal(0, self.noise)] for rng in rngs]).float().T
        return Points(x[:, None], (SLOPE * x + OFFSET + noise)[:, None])


class UnreadablePoints:
    """A source whose third batch is missing."""

    def __init__(self) -> None:
        self._points, self._num_batches = NoisyPoints(0.0), 0

    def batch(self, rngs: Sequence[np.random.Generator]) -> Points:
        self._num_batches += 1
        if self._num_batches == 3:
            raise SourceError("points.txt: cannot be read")
        return self._points.batch(rngs)


@dataclass(frozen=True, slots=True)
class LineLosses(LossTerms):
    """The total is the sum of both."""

    squared: Tensor
    decay: Tensor


class SquaredError:
    """Squared distance in y, and a little weight decay."""

    terms = LineLosses

    def __call__(self, model: nn.Linear, batch: Points, generator: torch.Generator) -> LineLosses:
        squared = (model(batch.x) - batch.y).square().mean()
        decay = 1e-4 * model.weight.square().sum()
        return LineLosses(squared + decay, squared, decay)


@dataclass(frozen=True, slots=True)
class LineRecord(ValidationRecord):
    """How far the line is from the true one."""

    slope_error: float
    offset_error: float

    def summary(self) -> str:
        return f"slope within {self.slope_error:.3f}, offset within {self.offset_error:.3f}"


class DistanceToTheLine:
    """Compares the weights with the truth."""

    record = LineRecord

    def __call__(self, model: nn.Linear, step: int, folder: Path) -> LineRecord:
        slope, offset = model.weight.item(), model.bias.item()
        return LineRecord(step, abs(slope - SLOPE), abs(offset - OFFSET))


@dataclass
class Reports:
    """Keeps what the run reports, and asks it to stop after some steps."""

    stop_after: int = NUM_STEPS
    totals: list[float] = field(default_factory=list)
    summaries: list[str] = field(default_factory=list)


def line_task(config: LineConfig) -> Task[nn.Linear, Points]:
    model = nn.Linear(1, 1)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    return Task(model, NoisyPoints(config.noise), SquaredError(), DistanceToTheLine, "points")


def line_config() -> LineConfig:
    optimization = OptimizationConfig(
        steps=NUM_STEPS, batch=16, warmup_steps=0, learning_rate=0.25, average_decay=0.5
    )
    return LineConfig(workers=0, checkpoint_every=5, validate_every=10, optimization=optimization)


def run(folder: Path, *, stop_after: int = NUM_STEPS, task: Task[nn.Linear, Points] | None = None) -> Reports:
    folder.mkdir(exist_ok=True)
    config, reports = line_config(), Reports(stop_after)
    train(
        task or line_task(config), config, folder, group=Group(),
        should_stop=lambda: len(reports.totals) + 1 >= reports.stop_after,  # it is asked before the report
        report_step=lambda record: reports.totals.append(record.total),
        report_validation=lambda record: reports.summaries.append(record.summary()),
    )  # fmt: skip
    return reports


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    run(folder)
    return folder


def test_a_task_that_is_no_image_task_is_learned(tmp_path: Path) -> None:
    reports = run(tmp_path)
    assert len(reports.totals) == NUM_STEPS
    assert reports.totals[-1] < 0.05 * reports.totals[0]
    weights = load_file(tmp_path / "weights.pth")
    assert weights["weight"].item() == pytest.approx(SLOPE, abs=0.3)
    assert weights["bias"].item() == pytest.approx(OFFSET, abs=0.3)
    assert len(reports.summaries) == 2
    assert reports.summaries[-1].startswith("slope within 0.")


def test_the_tables_have_the_columns_of_the_task(whole_run: Path) -> None:
    steps, validations = (timeless_table(whole_run / f"{name}.csv") for name in ("metrics", "validation"))
    assert list(steps[0]) == [
        "step", "total", "squared", "decay", "gradient_norm", "learning_rate", "num_points", "skipped",
    ]  # fmt: skip
    assert all(row["num_points"] == "32" for row in steps)
    assert [list(row) for row in validations] == [["step", "slope_error", "offset_error"]] * 2
    assert [row["step"] for row in validations] == ["9", "19"]


def test_the_folder_holds_the_options_of_the_loop_and_of_the_task(whole_run: Path) -> None:
    values = yaml.safe_load((whole_run / "config.yaml").read_text())
    assert values["optimization"]["steps"] == NUM_STEPS
    assert values["noise"] == 0.01


@pytest.mark.parametrize("stop_after", [1, 5, 12])
def test_a_stopped_and_resumed_run_leaves_the_same_bytes(
    stop_after: int, whole_run: Path, tmp_path: Path
) -> None:
    assert len(run(tmp_path, stop_after=stop_after).totals) == stop_after
    assert len(run(tmp_path).totals) == NUM_STEPS - stop_after
    assert (tmp_path / "weights.pth").read_bytes() == (whole_run / "weights.pth").read_bytes()
    assert timeless_table(tmp_path / "metrics.csv") == timeless_table(whole_run / "metrics.csv")


def test_a_task_exports_what_its_users_want_and_keeps_the_rest_for_resuming(tmp_path: Path) -> None:
    task = dataclasses.replace(line_task(line_config()), export=lambda weights: {"slope": weights["weight"]})
    run(tmp_path, task=task)
    assert load_file(tmp_path / "weights.pth").keys() == {"slope"}
    assert load_file(tmp_path / f"checkpoint_{NUM_STEPS:08d}.pt")["network"].keys() == {"weight", "bias"}
    assert not (tmp_path / "best.pth").exists()  # the record names no quality


def test_parameters_without_gradient_stay_as_they_are(tmp_path: Path) -> None:
    task = line_task(line_config())
    task.model.bias.requires_grad_(False)
    run(tmp_path, task=task)
    weights = load_file(tmp_path / "weights.pth")
    assert weights["bias"].item() == 0
    assert weights["weight"].item() > 0.5


def test_an_item_that_cannot_be_read_ends_the_run_with_its_error(tmp_path: Path) -> None:
    task = Task(nn.Linear(1, 1), UnreadablePoints(), SquaredError(), DistanceToTheLine)
    with pytest.raises(SourceError, match=r"^points\.txt: cannot be read$"):
        run(tmp_path, task=task)


def test_a_checkpoint_of_another_model_is_an_error(tmp_path: Path) -> None:
    run(tmp_path, stop_after=1)
    wider = Task(nn.Linear(2, 1), NoisyPoints(0.0), SquaredError(), DistanceToTheLine)
    with pytest.raises(TrainingError, match="checkpoint is of another network"):
        run(tmp_path, task=wider)
