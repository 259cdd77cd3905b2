"""One process of ``torchrun``: some steps on the images of a folder; each rank saves what it ends with."""

import dataclasses
import sys
from pathlib import Path

import torch
from tiny_training import tiny_config

from vo_frontend.features.loading import make_network
from vo_frontend.training.data.training_data import open_training_data
from vo_frontend.training.engine.distributed import Group, process_group
from vo_frontend.training.engine.loader import micro_batches
from vo_frontend.training.engine.trainer import Trainer
from vo_frontend.training.local_features.initialisation import initialise
from vo_frontend.training.local_features.objective import Objective


def train_some_steps(images: Path, group: Group, accumulation: int) -> dict:
    config = tiny_config(images, steps=3, accumulation=accumulation, average_decay=0.0)
    network = make_network(config.network)
    initialise(network, torch.Generator().manual_seed(0))
    trainer = Trainer(network, Objective(config.objective), config.optimization, seed=0, group=group)
    pairs = open_training_data(config.data).training
    steps = micro_batches(pairs, config.optimization, seed=0, first_step=0, group=group, workers=0)
    records = [dataclasses.asdict(trainer.train_step(step, batches)) for step, batches in enumerate(steps)]
    return {"weights": trainer.weights(), "records": records}


def main() -> None:
    images, out = map(Path, sys.argv[1:])
    with process_group(torch.device("cpu")) as group:
        result = train_some_steps(images, group, accumulation=1)
        result["rank"] = group.rank
        result["any"] = [group.any(flag) for flag in (False, group.rank == 1, True)]
        result["from_leader"] = group.from_leader(f"rank {group.rank}")
        torch.save(result, out / f"{group.rank}.pt")


if __name__ == "__main__":
    main()
