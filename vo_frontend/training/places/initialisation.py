"""Weights of heads to start training from: principal components, and the mean of each place."""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from vo_frontend.errors import ConfigError
from vo_frontend.features.networks.places.heads import Autoencoder, DelgHead
from vo_frontend.features.networks.places.pca import Pca, fit_pca
from vo_frontend.training.places.cached import CachedViews
from vo_frontend.training.places.model import PlaceModel

MAX_CELLS = 200_000  # for the principal components of S
CHUNK = 1024  # views


@torch.no_grad()
def start_from_views(model: PlaceModel, views: CachedViews, seed: int) -> None:
    """Start the global head by whitening, the autoencoder by principal components, the classes by means.

    F. Radenovic et al., TPAMI 2019, call the whitening essential. A linear autoencoder has its optimum at the
    principal components; training then only follows.

    Args:
        model: of DELG; a head that it lacks is passed over.
        views: that it will be trained on.
        seed: of the cells of S that are looked at.

    Raises:
        ConfigError: there are fewer views than components.
    """
    head = model.network.global_head
    if head is not None and model.global_classes is not None:
        if len(views) <= head.descriptor_size:
            raise ConfigError(
                f"data.cached_views: {len(views)} views in all, expected more than "
                f"{head.descriptor_size}, the length of a descriptor; raise it, or give more places"
            )
        pca = fit_pca(views.pooled, head.descriptor_size, whitens=True)
        # Only directions count, but the optimiser's steps have a length: rows of about unit length suit it.
        length = np.linalg.norm(pca.components, axis=1).mean()
        head.start_from(Pca(pca.mean, pca.components / length))
        sums = torch.zeros_like(model.global_classes)
        for start in range(0, len(views), CHUNK):
            batch = views.select(np.arange(start, min(start + CHUNK, len(views))))
            descriptors = F.normalize(head(batch.global_map.to(sums.device)), dim=1)
            sums.index_add_(0, batch.labels.to(sums.device), descriptors)
        model.global_classes.copy_(F.normalize(sums, dim=1))
    if isinstance(model.network.local_head, DelgHead):
        _start_autoencoder(model.network.local_head.autoencoder, _some_cells(views.cells, seed))


def _some_cells(cells: NDArray[np.float16], seed: int) -> NDArray[np.float64]:
    """Choose cells (N, C) out of maps (V, C, h, w), at most ``MAX_CELLS``."""
    num_views, channels = cells.shape[:2]
    per_view = cells[0, 0].size
    num_chosen = max(1, min(num_views, MAX_CELLS // per_view))
    chosen = np.random.default_rng(seed).choice(num_views, num_chosen, replace=False)
    picked = cells[np.sort(chosen)].reshape(num_chosen, channels, per_view)
    return picked.transpose(0, 2, 1).reshape(-1, channels).astype(np.float64)


def _start_autoencoder(autoencoder: Autoencoder, cells: NDArray[np.float64]) -> None:
    """Code cells (N, C) by their first principal components, and decode by the same."""
    mean = cells.mean(axis=0)
    _, axes = np.linalg.eigh(np.cov(cells.T))
    axes = axes[:, ::-1][:, : autoencoder.encode.out_channels].T
    axes = axes * np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None]
    values = (
        (autoencoder.encode.weight, axes[:, :, None, None]),
        (autoencoder.encode.bias, -axes @ mean),
        (autoencoder.decode.weight, axes.T[:, :, None, None]),
        (autoencoder.decode.bias, mean),
    )
    for parameter, value in values:
        assert parameter is not None
        parameter.copy_(torch.from_numpy(np.ascontiguousarray(value)).float())
