"""Places that take a second: small pictures of rectangles, each seen in several windows."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from vo_frontend.training.engine.distributed import Group
from vo_frontend.training.engine.run_config import OptimizationConfig
from vo_frontend.training.engine.training_run import train
from vo_frontend.training.places.recipe import open_task
from vo_frontend.training.places.train_config import PlaceDataConfig, PlaceTrainConfig, PlaceValidationConfig

BACKBONE = "vof-t16"  # its weights come with the package
NUM_PLACES, NUM_VIEWS = 12, 3


def picture(place: int, shift: int = 0) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Rectangles of a place, (96, 128, 3), looked at from a little to the right."""
    rng = np.random.default_rng(place)
    image = np.full((96, 140, 3), 128, np.uint8)
    for _ in range(40):
        x, y, w, h = rng.integers(0, [130, 86, 40, 40])
        image[y : y + h, x : x + w] = rng.integers(0, 255, 3)
    return np.ascontiguousarray(image[:, shift : shift + 128])


def write_places(folder: Path) -> Path:
    for place in range(NUM_PLACES):
        (folder / f"place{place:02d}").mkdir(parents=True)
        for view in range(NUM_VIEWS):
            cv2.imwrite(str(folder / f"place{place:02d}" / f"{view}.png"), picture(place, 4 * view))
    return folder


def tiny_config(folder: Path, cached_views: int = 16, **changes: Any) -> PlaceTrainConfig:
    data = PlaceDataConfig(folders=(str(folder),), side_px=96, views_per_place=2, cached_views=cached_views)
    optimization = OptimizationConfig(steps=6, batch=8, accumulation=1, warmup_steps=2, average_decay=0.9)
    values: dict[str, Any] = {
        "backbone": BACKBONE, "workers": 0, "checkpoint_every": 2, "validate_every": 2, "data": data,
        "optimization": optimization, "validation": PlaceValidationConfig(num_places=2, views_per_place=3),
    }  # fmt: skip
    return PlaceTrainConfig(**values | changes)


def run(config: PlaceTrainConfig, folder: Path, stop_after: int = 10**9) -> list[str]:
    """Train in this process; asked to stop once ``stop_after`` steps are done. Returns what was reported."""
    folder.mkdir(exist_ok=True)
    records: list[object] = []
    lines: list[str] = []
    group = Group(device=torch.device("cpu"))
    train(
        open_task(config, None, folder, group, lines.append), config, folder, group=group,
        should_stop=lambda: len(records) + 1 >= stop_after,
        report_step=records.append, report_validation=lambda record: lines.append(record.summary()),
    )  # fmt: skip
    return lines
