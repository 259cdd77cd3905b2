"""One process of ``torchrun``: some steps on the images of a folder; each rank saves what it ends with."""

import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from tiny_training import tiny_config
from torch import Tensor

from vo_frontend.training.engine.distributed import Group, process_group
from vo_frontend.training.engine.loader import micro_batches
from vo_frontend.training.engine.trainer import StepRecord, Trainer
from vo_frontend.training.local_features.recipe import open_task


@dataclass(frozen=True)
class Trained:
    """What some steps end with."""

    weights: dict[str, Tensor]
    records: list[StepRecord]


def train_some_steps(images: Path, group: Group, accumulation: int) -> Trained:
    config = tiny_config(images, steps=3, accumulation=accumulation, average_decay=0.0)
    task = open_task(config, None, group.device)
    trainer = Trainer(task.model, task.objective, config.optimization, seed=0, group=group)
    steps = micro_batches(task.batches, config.optimization, seed=0, first_step=0, group=group, workers=0)
    records = [trainer.train_step(step, batches) for step, batches in enumerate(steps)]
    return Trained(trainer.weights(), records)


def main() -> None:
    images, out = map(Path, sys.argv[1:])
    with process_group(torch.device("cpu")) as group:
        trained = train_some_steps(images, group, accumulation=1)
        result = {
            "weights": trained.weights,
            "num_pairs": [record.num_items for record in trained.records],
            "total": [record.total for record in trained.records],
            "gradient_norm": [record.gradient_norm for record in trained.records],
            "rank": group.rank,
            "any": [group.any(flag) for flag in (False, group.rank == 1, True)],
            "from_leader": group.from_leader(f"rank {group.rank}"),
        }
        torch.save(result, out / f"{group.rank}.pt")


if __name__ == "__main__":
    main()
