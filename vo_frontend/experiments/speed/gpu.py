"""Extraction on a GPU: all precisions beside other implementations, in batches, and against the reference."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import torch

from vo_frontend.errors import VoError
from vo_frontend.experiments.speed.images import Size, load_images
from vo_frontend.experiments.speed.parity import Parity, measure_parity
from vo_frontend.experiments.speed.timing import time_in_turns
from vo_frontend.experiments.tables import Section
from vo_frontend.features import FeatureExtractor, load_extractor
from vo_frontend.features.loading import available_precisions, load_weights, make_network
from vo_frontend.features.networks.extractor import NetworkExtractor
from vo_frontend.features.weights import find_or_download
from vo_frontend.types import Features, Image

DEVICE = "cuda"
BATCH_SIZE = 8
TURNS_PER_REPEAT = 5  # a turn is a hundred times shorter than on the CPU

Input = TypeVar("Input")


@dataclass(frozen=True, slots=True)
class GpuRow:
    """Time of one call, from NumPy arrays to NumPy arrays, upload and download included."""

    features: str
    size: str
    keypoints: int
    device: str
    implementation: str
    precision: str
    images_at_once: int
    median_ms: float
    min_ms: float
    p95_ms: float
    frames_per_second: float  # of the median
    relative: float  # median over that of vo_frontend in fp32
    images: str  # name of the sequence they come from


@dataclass(frozen=True, slots=True)
class GpuParityRow:
    """Features of the GPU against those of the reference network on the CPU in fp32."""

    features: str
    size: str
    keypoints: int
    precision: str
    within_001px_percent: float
    within_01px_percent: float
    median_cosine: float
    percentile1_cosine: float
    images: str


@dataclass(frozen=True, slots=True)
class GpuBench:
    """What stays the same over all settings."""

    repeats: int
    data_root: Path | None
    weights_dir: Path | None
    with_kornia: bool = False

    def sections(
        self, names: Sequence[str], sizes: Sequence[Size], budgets: Sequence[int], batch_budget: int
    ) -> Iterator[Section]:
        """Measure extractors that run on a GPU: single images, batches, then parity.

        ``batch_budget`` keypoints are those of batches and of parity.
        """
        names = [name for name in names if name != "orb"]
        settings = [(name, size) for size in sizes for name in names]
        singles = [
            row for name, size in settings for budget in budgets for row in self.single(name, size, budget)
        ]
        if not singles:
            return
        yield Section("extraction_gpu", "Extraction on the GPU, upload and download included", singles)
        batches = [row for name, size in settings for row in self.batches(name, size, batch_budget)]
        if batches:
            title = f"Extraction on the GPU, {BATCH_SIZE} images at once"
            yield Section("extraction_gpu_batches", title, batches)
        parity = [row for name, size in settings for row in self.parity(name, size, batch_budget)]
        yield Section("parity_gpu", "Features of the GPU against those of the reference network", parity)

    def single(self, name: str, size: Size, budget: int) -> list[GpuRow]:
        """Time one image at a time, all precisions and kornia in turns."""
        loaded = self._extractors(name, budget)
        contestants: dict[tuple[str, str], Callable[[Image], Features]] = {
            ("vo_frontend", precision): extractor.extract for precision, extractor in loaded.items()
        }
        if self.with_kornia:
            from vo_frontend.experiments.baselines.kornia import KORNIA_VARIANTS, KorniaExtractor

            if name in KORNIA_VARIANTS:
                contestants["kornia", "fp32, TF32 allowed"] = KorniaExtractor(
                    name, max_keypoints=budget, device=DEVICE, weights_dir=self.weights_dir
                ).extract
        images = load_images(size, self.data_root)
        setting = name, str(size), budget, loaded["fp32"].device_name
        return self._rows(setting, contestants, images.images, 1, images.origin)

    def batches(self, name: str, size: Size, budget: int) -> list[GpuRow]:
        """Time several images at once, where the extractor can do that."""
        from vo_frontend.features.cuda.extractor import CudaAlikedExtractor

        loaded = self._extractors(name, budget)
        contestants = {
            ("vo_frontend", precision): extractor.extract_batch
            for precision, extractor in loaded.items()
            if isinstance(extractor, CudaAlikedExtractor)
        }
        if not contestants:
            return []
        images = load_images(size, self.data_root, BATCH_SIZE)
        batch: Sequence[Image] = [images.images[index % len(images.images)] for index in range(BATCH_SIZE)]
        setting = name, str(size), budget, loaded["fp32"].device_name
        return self._rows(setting, contestants, [batch], BATCH_SIZE, images.origin)

    def parity(self, name: str, size: Size, budget: int) -> list[GpuParityRow]:
        """Compare the features of every precision with those of the reference."""
        images = load_images(size, self.data_root)
        reference = load_reference(name, max_keypoints=budget, weights_dir=self.weights_dir)
        expected = [reference.extract(image) for image in images.images]
        rows = []
        for precision, extractor in self._extractors(name, budget).items():
            found = (extractor.extract(image) for image in images.images)
            parity: Parity = measure_parity(zip(expected, found, strict=True))
            rows.append(
                GpuParityRow(name, str(size), budget, precision, **asdict(parity), images=images.origin)
            )
        return rows

    def _extractors(self, name: str, budget: int) -> dict[str, FeatureExtractor]:
        return {
            precision: load_extractor(
                name,
                max_keypoints=budget,
                device=DEVICE,
                precision=precision,
                weights_dir=self.weights_dir,
            )
            for precision in available_precisions(name, DEVICE)
        }

    def _rows(
        self,
        setting: tuple[str, str, int, str],
        contestants: Mapping[tuple[str, str], Callable[[Input], object]],
        inputs: Sequence[Input],
        images_at_once: int,
        origin: str,
    ) -> list[GpuRow]:
        calls = {" ".join(key): call for key, call in contestants.items()}
        timings = time_in_turns(calls, inputs, TURNS_PER_REPEAT * self.repeats)
        return [
            GpuRow(
                *setting,
                *key,
                images_at_once,
                **asdict(timing),
                frames_per_second=1e3 * images_at_once / timing.median_ms,
                relative=timing.median_ms / timings["vo_frontend fp32"].median_ms,
                images=origin,
            )
            for key, timing in zip(contestants, timings.values(), strict=True)
        ]


def load_reference(name: str, *, max_keypoints: int, weights_dir: Path | None = None) -> NetworkExtractor:
    """Load the reference network on the CPU, with the official weights of an ALIKED or ALIKE variant.

    Raises:
        WeightsError: the weights are nowhere to be found, truncated or altered.
    """
    network = make_network(name)
    load_weights(network, name, find_or_download(name, weights_dir))
    return NetworkExtractor(name, network, max_keypoints=max_keypoints, device=torch.device("cpu"))


def require_cuda() -> None:
    """Check that PyTorch sees a GPU.

    Raises:
        VoError: it sees none.
    """
    if not torch.cuda.is_available():
        raise VoError(
            f"gpu: PyTorch {torch.__version__} sees no CUDA device; needed are a GPU, its driver and a "
            "PyTorch built for CUDA"
        )
