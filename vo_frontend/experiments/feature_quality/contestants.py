"""The extractors that are compared: with official weights, with the user's own, and hand-made ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vo_frontend.errors import ConfigError, did_you_mean
from vo_frontend.features import EXTRACTORS, FeatureExtractor, load_extractor

if TYPE_CHECKING:
    from vo_frontend.features.networks.trunk import FeatureNetwork

HAND_MADE = ("orb", "sift")
NETWORKS = tuple(name for name in EXTRACTORS if name not in HAND_MADE)
ALL = (*NETWORKS, *HAND_MADE)


@dataclass(frozen=True, slots=True)
class Extraction:
    """How every contestant extracts."""

    max_keypoints: int  # per image
    weights_dir: Path | None
    device: str = "cpu"  # of the networks
    score_threshold: float = 0.0  # of the networks, whose scores are shares; others have no common unit


@dataclass(frozen=True, slots=True)
class Contestant:
    """One row of every table."""

    name: str
    architecture: str | None  # of NETWORKS; None for hand-made features
    weights: Path | None = None  # a state dict; None: the official one

    def load(self, extraction: Extraction) -> FeatureExtractor:
        """Build the extractor.

        Raises:
            VoError: its weights are missing, altered or of another architecture; no such device.
        """
        if self.name == "sift":
            from vo_frontend.features.classical.sift import SiftExtractor

            return SiftExtractor(max_keypoints=extraction.max_keypoints)
        if self.architecture is None:
            return load_extractor(self.name, max_keypoints=extraction.max_keypoints)
        if self.weights is None:
            return load_extractor(
                self.name, max_keypoints=extraction.max_keypoints, device=extraction.device,
                weights_dir=extraction.weights_dir, score_threshold=extraction.score_threshold,
            )  # fmt: skip
        from vo_frontend.features.cpu.extractor import CpuAlikedExtractor
        from vo_frontend.features.devices import select_device
        from vo_frontend.features.networks.aliked.network import AlikedNetwork
        from vo_frontend.features.networks.extractor import NetworkExtractor

        network, device = self.load_network(extraction.weights_dir), select_device(extraction.device)
        budget, least = extraction.max_keypoints, extraction.score_threshold
        if isinstance(network, AlikedNetwork) and device.type == "cpu":
            return CpuAlikedExtractor(
                self.name, network.config, network.arrays(), max_keypoints=budget, score_threshold=least
            )
        return NetworkExtractor(
            self.name, network, max_keypoints=budget, score_threshold=least, device=device
        )

    def load_network(self, weights_dir: Path | None) -> "FeatureNetwork":
        """Build the trainable network with its weights.

        Raises:
            VoError: this is no network; its weights are missing, altered or of another architecture.
        """
        from vo_frontend.features.loading import load_trained_weights, load_weights, make_network
        from vo_frontend.features.weights import find_or_download

        if self.architecture is None:
            raise ConfigError(f"{self.name}: hand-made features have no losses, expected a network")
        network = make_network(self.architecture)
        if self.weights is None:
            load_weights(network, self.architecture, find_or_download(self.architecture, weights_dir))
        else:
            load_trained_weights(network, self.architecture, self.weights)
        return network


def choose_contestants(names: Sequence[str], extras: Sequence[str]) -> list[Contestant]:
    """Choose the extractors that the options name, in their order, each once.

    Args:
        names: of ``ALL``.
        extras: texts NAME=ARCHITECTURE:PATH.

    Raises:
        ConfigError: an unknown name, a malformed text, or one name twice.
    """
    contestants = [Contestant(_known(name, ALL), name if name in NETWORKS else None) for name in names]
    contestants += [_extra(text) for text in extras]
    chosen = [contestant.name for contestant in contestants]
    for name in chosen:
        if chosen.count(name) > 1:
            raise ConfigError(f"features: got '{name}' twice, expected every name once")
    return contestants


def _extra(text: str) -> Contestant:
    name, _, rest = text.partition("=")
    architecture, _, path = rest.partition(":")
    if not (name and architecture and path):
        raise ConfigError(
            f"--extra {text}: expected NAME=ARCHITECTURE:PATH, e.g. mine=aliked-t16:weights.pth"
        )
    return Contestant(name, _known(architecture, NETWORKS), Path(path).expanduser())


def _known(name: str, known: Sequence[str]) -> str:
    if name not in known:
        raise ConfigError(f"features: unknown name '{name}', {did_you_mean(name, known)}")
    return name
