"""What extractors cost: size, arithmetic and frame rate at 640x480."""

from collections.abc import Sequence
from pathlib import Path

from vo_frontend.experiments.feature_quality.contestants import Contestant, Extraction
from vo_frontend.experiments.feature_quality.report import CostRow
from vo_frontend.experiments.speed.images import Size, load_images
from vo_frontend.experiments.speed.timing import time_in_turns

SIZE = Size(640, 480)
REPEATS = 15


def measure_costs(
    contestants: Sequence[Contestant], extraction: Extraction, data_root: Path | None
) -> list[CostRow]:
    """Count what can be counted; time all extractors in turns, by the median.

    Raises:
        VoError: weights or images are missing or malformed.
    """
    images = load_images(SIZE, data_root).images
    extractors = {contestant.name: contestant.load(extraction).extract for contestant in contestants}
    timings = time_in_turns(extractors, images, REPEATS)
    return [
        _cost(contestant, timings[contestant.name].median_ms, extraction.max_keypoints)
        for contestant in contestants
    ]


def _cost(contestant: Contestant, median_ms: float, max_keypoints: int) -> CostRow:
    if contestant.architecture is None:
        return CostRow(contestant.name, None, None, 1e3 / median_ms)
    from vo_frontend.experiments.feature_quality.network_cost import network_cost
    from vo_frontend.features.loading import make_network

    cost = network_cost(make_network(contestant.architecture), *SIZE, max_keypoints)
    return CostRow(contestant.name, cost.parameters, cost.gflop, 1e3 / median_ms)
