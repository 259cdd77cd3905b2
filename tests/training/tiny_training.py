"""Training that takes a second: pictures of rectangles, crops of 64 px, few points."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from vo_frontend.training.data.data_config import DataConfig
from vo_frontend.training.data.homography_pairs import HomographyPairs, find_images
from vo_frontend.training.data.pairs import ImagePair
from vo_frontend.training.engine.distributed import Group
from vo_frontend.training.engine.run_config import OptimizationConfig
from vo_frontend.training.engine.training_run import train
from vo_frontend.training.local_features.recipe import open_task
from vo_frontend.training.local_features.train_config import ObjectiveConfig, TrainConfig, ValidationConfig

CROP_PX = 64
OBJECTIVE = ObjectiveConfig(num_keypoints=40, num_random=40)


def write_images(folder: Path, count: int = 4) -> Path:
    """Grey rectangles of many sizes: corners that can be found again."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        rng = np.random.default_rng(number)
        image = np.full((200, 240, 3), 128, np.uint8)
        for _ in range(120):
            x, y, w, h = rng.integers(0, [230, 190, 40, 40])
            image[y : y + h, x : x + w] = rng.integers(0, 255, 3)
        cv2.imwrite(str(folder / f"{number}.png"), image)
    return folder


def tiny_config(images: Path, **optimization: Any) -> TrainConfig:
    defaults: dict[str, Any] = {"steps": 6, "warmup_steps": 2, "average_decay": 0.9}
    return TrainConfig(
        workers=0,
        checkpoint_every=2,
        validate_every=100,
        data=DataConfig(crop_px=CROP_PX, images=(str(images),)),
        objective=OBJECTIVE,
        optimization=OptimizationConfig(**defaults | optimization),
        validation=ValidationConfig(num_pairs=1, max_keypoints=50),
    )


def run(config: TrainConfig, folder: Path, stop_after: int = 10**9, device: str = "cpu") -> int:
    """Train in this process; asked to stop once ``stop_after`` steps are done. Returns their number."""
    folder.mkdir(exist_ok=True)
    records: list[object] = []
    group = Group(device=torch.device(device))
    return train(
        open_task(config, None, group.device), config, folder, group=group,
        should_stop=lambda: len(records) + 1 >= stop_after,  # it is asked before the report
        report_step=records.append, report_validation=lambda record: None,
    )  # fmt: skip


def one_pair(images: Path, seed: int = 0) -> ImagePair:
    return HomographyPairs(find_images(images), CROP_PX).pair(0, np.random.default_rng(seed))
