"""What the extraction of one image costs, by budget and size."""

import time
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from vo_frontend.experiments.speed.images import Size, load_images
from vo_frontend.experiments.speed.resident import peak_mb, resident_mb
from vo_frontend.experiments.speed.timing import WARM_UP_TURNS
from vo_frontend.features import load_extractor

NUM_IMAGES = 2  # images of 3840x2160 px take 25 MB each


@dataclass(frozen=True, slots=True)
class ExtractionCost:
    """Processor time and memory of one image on the CPU."""

    features: str
    size: str
    keypoints: int
    median_core_ms: float  # user and system time of all threads
    memory_mb: float  # peak of an extraction above the loaded model


def measure_extraction(
    name: str,
    max_keypoints: int,
    size: Size,
    repeats: int,
    *,
    data_root: Path | None,
    weights_dir: Path | None,
) -> ExtractionCost:
    """Extract again and again; call it in a fresh process, which holds no memory of other sizes."""
    images = load_images(size, data_root, NUM_IMAGES).images
    extractor = load_extractor(name, max_keypoints=max_keypoints, device="cpu", weights_dir=weights_dir)
    loaded_mb = resident_mb()
    for image in islice(cycle(images), WARM_UP_TURNS):
        extractor.extract(image)
    above_mb = peak_mb(lambda: extractor.extract(images[0])) - loaded_mb
    core_s = []
    for image in islice(cycle(images), repeats):
        begin_s = time.process_time()
        extractor.extract(image)
        core_s.append(time.process_time() - begin_s)
    return ExtractionCost(name, str(size), max_keypoints, 1e3 * float(np.median(core_s)), above_mb)
