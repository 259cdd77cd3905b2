"""Every option of training local features, its default, unit and meaning.

``configs/train_*.yaml`` hold differences. The options of the loop stand in ``engine/run_config.py``, those of
the pairs in ``data/data_config.py``.
"""

import difflib
from dataclasses import dataclass, field
from pathlib import Path

from vo_frontend.config_files import build_from_mapping, read_yaml
from vo_frontend.errors import ConfigError
from vo_frontend.features.loading import EXTRACTORS
from vo_frontend.training.checking import require
from vo_frontend.training.data.data_config import DataConfig
from vo_frontend.training.engine.run_config import RunConfig

NETWORKS = tuple(name for name in EXTRACTORS if name != "orb")
DESCRIPTOR_LOSSES = ("sparse_nre", "dense_nre", "triplet")
LEAST = {
    "reprojection_weight": 0.0,
    "peak_weight": 0.0,
    "descriptor_weight": 0.0,
    "reliability_weight": 0.0,
    "num_keypoints": 1,
    "num_random": 0,
    "min_gap_px": 0.0,
    "detection_temperature": 1e-3,
    "sparse_temperature": 1e-3,
    "dense_temperature": 1e-3,
    "dense_stride_px": 1,
    "reliability_temperature": 1e-3,
}


@dataclass(frozen=True)
class ObjectiveConfig:
    """Weights and constants of the losses, those of ALIKED but for ``min_gap_px``."""

    reprojection_weight: float = 1.0
    peak_weight: float = 0.5
    descriptor_weight: float = 5.0
    reliability_weight: float = 1.0
    descriptor: str = "sparse_nre"  # or "dense_nre" (ALIKE), "triplet" (baseline)
    num_keypoints: int = 400  # detected per image
    num_random: int = 400  # further points per pair, drawn where both images see the scene
    min_gap_px: float = 0.0  # from a random point to all others in either image, 2 in ALIKED; 0: any
    min_score: float = 0.1  # keypoints below it learn neither position nor peak
    max_reprojection_px: float = 5.0  # keypoints farther apart are not the same point
    max_partner_px: float = 3.0  # a keypoint this close to the warp is the descriptor's true match
    detection_temperature: float = 0.1  # t_det
    sparse_temperature: float = 0.1  # t_des of the sparse NRE
    dense_temperature: float = 0.02  # t_des of the dense NRE
    dense_stride_px: int = 1  # of the descriptor map of the dense NRE
    dense_outlier_bin: bool = False  # of the dense NRE: what the other image does not show matches nothing
    reliability_temperature: float = 1.0  # t_rel
    triplet_margin: float = 0.5  # in units of descriptor distance

    def __post_init__(self) -> None:
        require(
            self.descriptor in DESCRIPTOR_LOSSES,
            f"objective.descriptor: got '{self.descriptor}', expected one of {', '.join(DESCRIPTOR_LOSSES)}",
        )
        for name, least in LEAST.items():
            require(
                getattr(self, name) >= least,
                f"objective.{name}: got {getattr(self, name)}, expected at least {least:g}",
            )


@dataclass(frozen=True)
class ValidationConfig:
    """Measurements on pairs that are never trained on."""

    num_pairs: int = 20
    max_keypoints: int = 500  # per image

    def __post_init__(self) -> None:
        require(self.num_pairs >= 1, f"validation.num_pairs: got {self.num_pairs}, expected at least 1")
        require(
            self.max_keypoints >= 1,
            f"validation.max_keypoints: got {self.max_keypoints}, expected at least 1",
        )


@dataclass(frozen=True)
class TrainConfig(RunConfig):
    """The whole configuration of training local features."""

    network: str = "aliked-t16"
    initial_weights: str = ""  # file of a state dict to start from; empty: random weights
    precision: str = "fp32"  # bf16: the network in mixed precision, on CUDA
    data: DataConfig = field(default_factory=DataConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.network not in NETWORKS:
            close = difflib.get_close_matches(self.network, NETWORKS, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"expected one of {', '.join(NETWORKS)}"
            raise ConfigError(f"network: got '{self.network}', {hint}")
        require(
            self.precision in ("fp32", "bf16"), f"precision: got '{self.precision}', expected fp32 or bf16"
        )


def load_train_config(path: Path) -> TrainConfig:
    """Read a YAML file of differences from the defaults.

    Raises:
        ConfigError: unreadable file, unknown key, wrong type or a value out of range.
    """
    return build_from_mapping(TrainConfig, read_yaml(path), str(path))
