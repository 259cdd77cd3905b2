"""Every option of the loop, its default, unit and meaning, whatever the task.

The configuration of a task derives from :class:`RunConfig` and adds sections of its own.
"""

from dataclasses import dataclass, field

from vo_frontend.training.checking import require

METHODS = ("adam", "sgd")
SCHEDULES = ("cosine", "linear", "constant")


@dataclass(frozen=True)
class OptimizationConfig:
    """The optimiser and its steps. A step sees ``batch * accumulation`` items in every process."""

    steps: int = 10_000
    batch: int = 1  # items per forward pass; they share the statistics of batch normalisation
    accumulation: int = 2  # forward passes per step
    method: str = "adam"  # or sgd, stochastic gradient descent with momentum
    momentum: float = 0.9  # of sgd
    learning_rate: float = 1e-3
    warmup_steps: int = 500
    schedule: str = "cosine"  # or linear, both to zero at the last step, or constant
    max_gradient_norm: float = 1.0  # longer gradients are shortened to it; 0: none are
    average_decay: float = 0.0  # of the moving average of weights that is exported, e.g. 0.999; 0: none
    max_skipped: int = 20  # consecutive steps with a loss or gradient that is not finite

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "accumulation", "learning_rate", "max_skipped"):
            require(
                getattr(self, name) > 0, f"optimization.{name}: got {getattr(self, name)}, expected above 0"
            )
        require(
            0 <= self.warmup_steps < self.steps,
            f"optimization.warmup_steps: got {self.warmup_steps}, expected 0 to steps - 1 = {self.steps - 1}",
        )
        require(
            self.schedule in SCHEDULES,
            f"optimization.schedule: got '{self.schedule}', expected one of {', '.join(SCHEDULES)}",
        )
        require(
            self.method in METHODS,
            f"optimization.method: got '{self.method}', expected one of {', '.join(METHODS)}",
        )
        require(
            0 <= self.momentum < 1,
            f"optimization.momentum: got {self.momentum}, expected at least 0, below 1",
        )
        require(
            self.max_gradient_norm >= 0,
            f"optimization.max_gradient_norm: got {self.max_gradient_norm}, expected at least 0",
        )
        require(
            0 <= self.average_decay < 1,
            f"optimization.average_decay: got {self.average_decay}, expected at least 0, below 1",
        )


@dataclass(frozen=True)
class RunConfig:
    """What the engine reads of the configuration of a training run."""

    seed: int = 0  # of the first weights, the batches and the objective
    device: str = "auto"  # auto, cpu, cuda, cuda:1
    workers: int | None = None  # background processes that make batches; 0: none; null: by cores, 1 to 8
    checkpoint_every: int = 500  # steps
    validate_every: int = 1000  # steps
    optimization: OptimizationConfig = field(default_factory=OptimizationConfig)

    def __post_init__(self) -> None:
        require(self.seed >= 0, f"seed: got {self.seed}, expected a non-negative integer")
        require(
            self.workers is None or self.workers >= 0,
            f"workers: got {self.workers}, expected at least 0, or null for as many as there are cores",
        )
        for name in ("checkpoint_every", "validate_every"):
            require(getattr(self, name) >= 1, f"{name}: got {getattr(self, name)}, expected at least 1")
