"""What training places consists of: a network with classifiers, views, the objective, the validation."""

import dataclasses
from functools import partial
from pathlib import Path

import numpy as np
import torch

from vo_frontend.errors import WeightsError
from vo_frontend.features.networks.places.loading import head_sizes, load_backbone
from vo_frontend.features.networks.places.network import PlaceNetwork, make_delf, make_delg
from vo_frontend.features.networks.places.state import read_state
from vo_frontend.training.engine.distributed import Group
from vo_frontend.training.engine.randomness import sample_rng
from vo_frontend.training.engine.task import BatchSource, Task
from vo_frontend.training.places.batches import ImageBatch, PlaceBatch, ViewBatches, to_square, to_tensor
from vo_frontend.training.places.cached import (
    CachedBatches,
    CachedViews,
    Report,
    cache_views,
    cached_in_file,
)
from vo_frontend.training.places.data.open_data import PlaceData, Subset, open_place_data
from vo_frontend.training.places.data.views import PlaceViews
from vo_frontend.training.places.initialisation import start_from_views
from vo_frontend.training.places.model import PlaceModel, network_weights
from vo_frontend.training.places.objective import PlaceObjective
from vo_frontend.training.places.train_config import PlaceTrainConfig
from vo_frontend.training.places.validation import PlaceValidation

VALIDATION_SEED = 20_200_823  # the same views whatever the seed of the run, so that runs compare
CHUNK = 256  # cached views at a time


def open_task(
    config: PlaceTrainConfig, data_root: Path | None, folder: Path, group: Group, report: Report
) -> Task[PlaceModel, PlaceBatch]:
    """Open the data, build the network, and run cached views through its backbone.

    Args:
        config: what to train, on what.
        data_root: where named sequences are.
        folder: existing folder of the run, which keeps cached views.
        group: the processes that train together.
        report: called with a line now and then while views are cached.

    Raises:
        ConfigError: no data are given.
        WeightsError: weights are not to be found, or do not fit.
        VoError: a folder, table or sequence is missing or malformed.
    """
    data = open_place_data(config.data, data_root)
    network = _network(config).to(group.device)
    torch.manual_seed(config.seed)  # the classifiers
    model = PlaceModel(network, len(data.training), trains_backbone=config.trains_backbone).to(group.device)
    model.eval()
    held_out = _validation_places(data, config)
    if config.data.cached_views:
        cached = partial(_cached, config, network, folder, group, report)
        views = cached("training", data.training, config.data.cached_views, config.seed)
        if not config.initial_weights:
            start_from_views(model, views, config.seed)
        batches: BatchSource[PlaceBatch] = CachedBatches(views, config.data.views_per_place)
        measured = cached("validation", held_out, config.validation.views_per_place, VALIDATION_SEED)
        open_validation = partial(_validation_of_maps, measured, group.device)
    else:
        batches = ViewBatches(data.training, config.data.views_per_place, config.data.side_px)
        open_validation = partial(_validation_of_images, held_out, config, group.device)
    return Task(
        model=model,
        batches=batches,
        objective=PlaceObjective(config.loss),
        open_validation=open_validation,
        item_name="views",
        export=partial(network_weights, trains_backbone=config.trains_backbone),
    )


def _network(config: PlaceTrainConfig) -> PlaceNetwork:
    """Build the network of a recipe with first weights by the seed, alike in all processes."""
    weights = Path(config.backbone_weights) if config.backbone_weights else None
    backbone = load_backbone(config.backbone, weights=weights)
    torch.manual_seed(config.seed)
    if config.recipe == "delf-descriptors":
        network = PlaceNetwork(backbone)
    elif config.recipe == "delf-attention":
        network = make_delf(backbone, head_sizes(config.backbone).hidden)
    else:
        network = make_delg(
            backbone, head_sizes(config.backbone), normalizes_first=config.whitens_unit_vectors
        )
    if config.initial_weights:
        _load_what_fits(network, Path(config.initial_weights))
    return network


def _load_what_fits(network: PlaceNetwork, path: Path) -> None:
    """Load ``weights.pth`` of an earlier run, all of which must have its place; heads that it lacks stay new.

    Raises:
        WeightsError: the file cannot be read, or is of another network.
    """
    try:
        unexpected = network.load_state_dict(read_state(path), strict=False).unexpected_keys
    except RuntimeError as error:
        raise WeightsError(
            f"{path}: does not fit the network ({str(error).splitlines()[-1].strip()})"
        ) from None
    if unexpected:
        raise WeightsError(f"{path}: '{unexpected[0]}' is no tensor of this network")


def _validation_places(data: PlaceData, config: PlaceTrainConfig) -> PlaceViews:
    """Choose held-out places evenly over all kinds of data."""
    count = min(config.validation.num_places, len(data.validation))
    return Subset(data.validation, np.linspace(0, len(data.validation) - 1, count).astype(int).tolist())


def _cached(
    config: PlaceTrainConfig,
    network: PlaceNetwork,
    folder: Path,
    group: Group,
    report: Report,
    name: str,
    views: PlaceViews,
    num_views: int,
    seed: int,
) -> CachedViews:
    """Have the leader make views that are not there yet, and let all processes read them."""
    recipe = [
        dataclasses.asdict(config.data),
        config.backbone,
        config.backbone_weights,
        len(views),
        num_views,
        seed,
    ]
    make = partial(
        cache_views,
        views,
        network.backbone,
        num_views,
        side_px=config.data.side_px,
        seed=seed,
        device=group.device,
        report=lambda line: report(f"{name}: {line}"),
    )
    path = folder / f"{name}_views.npz"
    if group.is_leader:
        cached = cached_in_file(path, recipe, make)
    group.from_leader(None)  # wait
    return cached if group.is_leader else cached_in_file(path, recipe, make)


def _validation_of_maps(views: CachedViews, device: torch.device) -> PlaceValidation:
    index = np.arange(len(views))
    return PlaceValidation(
        [views.select(part) for part in np.array_split(index, -(-len(index) // CHUNK))], device
    )


def _validation_of_images(
    views: PlaceViews, config: PlaceTrainConfig, device: torch.device
) -> PlaceValidation:
    """Take the pictures of all held-out places once, whole and as they are."""
    num_views, batches = config.validation.views_per_place, []
    for place in range(len(views)):
        taken = (views.view(place, sample_rng(VALIDATION_SEED, place, view)) for view in range(num_views))
        pictures = [to_square(picture, config.data.side_px) for picture in taken]
        batches.append(ImageBatch(torch.full((num_views,), place), to_tensor(pictures)))
    return PlaceValidation(batches, device)
