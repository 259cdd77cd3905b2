"""Extraction beside other implementations: one process, the same images, weights and threads."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from vo_frontend.experiments.speed.images import ImageSet, Size, load_images
from vo_frontend.experiments.speed.timing import time_in_turns
from vo_frontend.features import load_extractor
from vo_frontend.types import Features, Image

OURS = "vo_frontend"


@dataclass(frozen=True, slots=True)
class ExtractionRow:
    """Time of one image, from a NumPy array to NumPy arrays."""

    features: str
    size: str
    keypoints: int
    device: str
    implementation: str
    median_ms: float
    min_ms: float
    p95_ms: float
    relative: float  # median over that of vo_frontend
    images: str  # name of the sequence they come from


@dataclass(frozen=True, slots=True)
class ExtractionBench:
    """What stays the same over all settings."""

    repeats: int
    data_root: Path | None
    weights_dir: Path | None
    with_kornia: bool = False

    def compare(
        self, names: Sequence[str], sizes: Sequence[Size], budgets: Sequence[int]
    ) -> list[ExtractionRow]:
        """Measure all combinations of features, sizes and budgets."""
        rows = []
        for size in sizes:
            images = load_images(size, self.data_root)
            for name in names:
                for budget in budgets:
                    rows += self._measure(name, size, budget, images)
        return rows

    def _measure(self, name: str, size: Size, budget: int, images: ImageSet) -> list[ExtractionRow]:
        device_name, contestants = self._contestants(name, budget)
        timings = time_in_turns(contestants, images.images, self.repeats)
        return [
            ExtractionRow(
                features=name,
                size=str(size),
                keypoints=budget,
                device=device_name,
                implementation=implementation,
                relative=timing.median_ms / timings[OURS].median_ms,
                images=images.origin,
                **asdict(timing),
            )
            for implementation, timing in timings.items()
        ]

    def _contestants(self, name: str, budget: int) -> tuple[str, dict[str, Callable[[Image], Features]]]:
        extractor = load_extractor(name, max_keypoints=budget, device="cpu", weights_dir=self.weights_dir)
        contestants: dict[str, Callable[[Image], Features]] = {OURS: extractor.extract}
        if self.with_kornia:
            from vo_frontend.experiments.baselines.kornia import KORNIA_VARIANTS, KorniaExtractor

            if name in KORNIA_VARIANTS:
                contestants["kornia"] = KorniaExtractor(
                    name, max_keypoints=budget, device="cpu", weights_dir=self.weights_dir
                ).extract
        return extractor.device_name, contestants
