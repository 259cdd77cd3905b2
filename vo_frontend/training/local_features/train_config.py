"""Every default of a training run, its unit and meaning. ``configs/train_*.yaml`` hold differences."""

import difflib
from dataclasses import dataclass, field
from pathlib import Path

from vo_frontend.config import build_from_mapping, read_yaml
from vo_frontend.errors import ConfigError
from vo_frontend.features.loading import EXTRACTORS
from vo_frontend.training.local_features.objective import ObjectiveConfig

NETWORKS = tuple(name for name in EXTRACTORS if name != "orb")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


@dataclass(frozen=True)
class DataConfig:
    """Where pairs come from. A weight is a share of the pairs; kinds that nothing is given for have none."""

    crop_px: int = 256  # side of the square training crops
    held_out_every: int = 10  # one photograph in n, and that part of a sequence, is kept for validation
    images: tuple[str, ...] = ()  # folders of photographs for homographic pairs, searched recursively
    images_weight: float = 1.0
    street_weight: float = 0.0  # pairs of the built-in renderer: parallax and occlusion
    street_seed: int = 1  # of the street to train on; the next one validates
    rgbd: tuple[str, ...] = ()  # names of TUM RGB-D sequences, e.g. tum/fr2_desk
    rgbd_weight: float = 1.0
    megadepth: tuple[str, ...] = ()  # scenes in MegaDepth's layout, .npz files
    megadepth_weight: float = 1.0

    def __post_init__(self) -> None:
        _require(
            self.crop_px >= 64 and self.crop_px % 32 == 0,
            f"data.crop_px: got {self.crop_px}, expected a multiple of 32, at least 64",
        )
        _require(
            self.held_out_every >= 2, f"data.held_out_every: got {self.held_out_every}, expected at least 2"
        )
        _require(self.street_seed >= 0, f"data.street_seed: got {self.street_seed}, expected at least 0")
        for name in ("images_weight", "street_weight", "rgbd_weight", "megadepth_weight"):
            _require(getattr(self, name) >= 0, f"data.{name}: got {getattr(self, name)}, expected at least 0")


@dataclass(frozen=True)
class OptimizationConfig:
    """Adam and its steps. A step sees ``batch * accumulation`` pairs in every process."""

    steps: int = 10_000
    batch: int = 1  # pairs per forward pass; they share the statistics of batch normalisation
    accumulation: int = 2  # forward passes per step
    learning_rate: float = 1e-3
    warmup_steps: int = 500
    schedule: str = "cosine"  # to zero at the last step, or constant
    max_gradient_norm: float = 1.0  # longer gradients are shortened to it
    average_decay: float = 0.0  # of the moving average of weights that is exported, e.g. 0.999; 0: none
    max_skipped: int = 20  # consecutive steps with a loss or gradient that is not finite

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "accumulation", "learning_rate", "max_gradient_norm", "max_skipped"):
            _require(
                getattr(self, name) > 0, f"optimization.{name}: got {getattr(self, name)}, expected above 0"
            )
        _require(
            0 <= self.warmup_steps < self.steps,
            f"optimization.warmup_steps: got {self.warmup_steps}, expected 0 to steps - 1 = {self.steps - 1}",
        )
        _require(
            self.schedule in ("cosine", "constant"),
            f"optimization.schedule: got '{self.schedule}', expected cosine or constant",
        )
        _require(
            0 <= self.average_decay < 1,
            f"optimization.average_decay: got {self.average_decay}, expected at least 0, below 1",
        )


@dataclass(frozen=True)
class ValidationConfig:
    """Measurements on pairs that are never trained on."""

    num_pairs: int = 20
    max_keypoints: int = 500  # per image

    def __post_init__(self) -> None:
        _require(self.num_pairs >= 1, f"validation.num_pairs: got {self.num_pairs}, expected at least 1")
        _require(
            self.max_keypoints >= 1,
            f"validation.max_keypoints: got {self.max_keypoints}, expected at least 1",
        )


@dataclass(frozen=True)
class TrainConfig:
    """The whole configuration of a training run."""

    network: str = "aliked-t16"
    initial_weights: str = ""  # file of a state dict to start from; empty: random weights
    seed: int = 0  # of the random weights, the pairs and the objective
    device: str = "auto"  # auto, cpu, cuda, cuda:1
    precision: str = "fp32"  # bf16: the network in mixed precision, on CUDA
    workers: int = 1  # background processes that make pairs; 0: none
    checkpoint_every: int = 500  # steps
    validate_every: int = 1000  # steps
    data: DataConfig = field(default_factory=DataConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    optimization: OptimizationConfig = field(default_factory=OptimizationConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)

    def __post_init__(self) -> None:
        if self.network not in NETWORKS:
            close = difflib.get_close_matches(self.network, NETWORKS, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"expected one of {', '.join(NETWORKS)}"
            raise ConfigError(f"network: got '{self.network}', {hint}")
        _require(self.seed >= 0, f"seed: got {self.seed}, expected a non-negative integer")
        _require(
            self.precision in ("fp32", "bf16"), f"precision: got '{self.precision}', expected fp32 or bf16"
        )
        _require(self.workers >= 0, f"workers: got {self.workers}, expected at least 0")
        for name in ("checkpoint_every", "validate_every"):
            _require(getattr(self, name) >= 1, f"{name}: got {getattr(self, name)}, expected at least 1")


def load_train_config(path: Path) -> TrainConfig:
    """Read a YAML file of differences from the defaults.

    Raises:
        ConfigError: unreadable file, unknown key, wrong type or a value out of range.
    """
    return build_from_mapping(TrainConfig, read_yaml(path), str(path))
