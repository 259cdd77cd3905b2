"""Views that went through the frozen backbone before training: its maps take a hundredth of the time."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vo_frontend.errors import PlaceError
from vo_frontend.features.networks.places.backbone import Backbone
from vo_frontend.features.networks.places.pooling import gem
from vo_frontend.places.array_file import read_arrays, write_arrays
from vo_frontend.training.engine.randomness import sample_rng
from vo_frontend.training.places.augmentation import wear
from vo_frontend.training.places.batches import MapBatch, places_of_batch, to_tensor
from vo_frontend.training.places.data.views import PlaceViews
from vo_frontend.types import Image

KIND, VERSION = "vo_frontend views of places", 1
CELLS_SIDE = 12  # 144 cells of S are kept of a view, drawn at random: the heads look at one at a time
REPORT_EVERY = 500  # views

Report = Callable[[str], None]


@dataclass(frozen=True)
class CachedViews:
    """V views of places as maps of the backbone."""

    cells: NDArray[np.float16]  # (V, C, 12, 12) of S
    pooled: NDArray[np.float32]  # (V, C') generalised means of D, the only thing that the global head wants
    places: NDArray[np.int64]  # (V,) increasing

    def __len__(self) -> int:
        return len(self.places)

    @property
    def num_places(self) -> int:
        """Count the places, which are numbered from 0."""
        return int(self.places[-1]) + 1

    def select(self, index: NDArray[np.int64]) -> MapBatch:
        """Return the views of an index (B,); a map D of one cell is its own generalised mean."""
        return MapBatch(
            torch.from_numpy(self.places[index]),
            torch.from_numpy(self.cells[index]).float(),
            torch.from_numpy(self.pooled[index])[:, :, None, None],
        )


class CachedBatches:
    """Draws places and, of each, some of its views."""

    def __init__(self, views: CachedViews, views_per_place: int) -> None:
        self._views, self._views_per_place = views, views_per_place
        self._starts = np.searchsorted(views.places, np.arange(views.num_places + 1))

    def batch(self, rngs: Sequence[np.random.Generator]) -> MapBatch:
        """Draw a view by each generator."""
        places = places_of_batch(self._views.num_places, self._views_per_place, rngs)
        bounds = zip(rngs, self._starts[places], self._starts[places + 1], strict=True)
        return self._views.select(np.array([rng.integers(start, end) for rng, start, end in bounds]))


def cache_views(
    views: PlaceViews,
    backbone: Backbone,
    num_views: int,
    *,
    side_px: int,
    seed: int,
    device: torch.device,
    report: Report,
) -> CachedViews:
    """Take ``num_views`` pictures of every place, in changing light and detail, and run the backbone on them.

    Args:
        views: of at least one place.
        backbone: on the device, in evaluation mode.
        num_views: of each place.
        side_px: longer side of the pictures.
        seed: of all that is random.
        device: of the backbone.
        report: called with a line now and then.

    Raises:
        VoError: a picture cannot be read.
    """
    cells, pooled = [], []
    total = len(views) * num_views
    for number in range(total):
        place, view = divmod(number, num_views)
        rng = sample_rng(seed, place, view)
        picture = wear(bring_to_side(views.view(place, rng), side_px), rng)
        local_map, means = _run(backbone, to_tensor([picture]).to(device))
        cells.append(_draw_cells(local_map, rng))
        pooled.append(means)
        if (number + 1) % REPORT_EVERY == 0 or number + 1 == total:
            report(f"{number + 1} of {total} views")
    return CachedViews(np.stack(cells), np.stack(pooled), np.repeat(np.arange(len(views)), num_views))


def cached_in_file(path: Path, recipe: object, make: Callable[[], CachedViews]) -> CachedViews:
    """Read views that an earlier start of the run has made by the same recipe, or make and write them.

    Args:
        path: of the file.
        recipe: plain values that the views follow from.
        make: called where there is no such file.

    Raises:
        OutputError: the file cannot be written.
    """
    digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]
    kind = f"{KIND} {digest}"
    if path.exists():
        try:
            return CachedViews(**read_arrays(path, kind, VERSION, {"cells": 4, "pooled": 2, "places": 1}))
        except PlaceError:  # of another recipe, or half written by another version
            path.unlink()
    views = make()
    write_arrays(path, kind, VERSION, {"cells": views.cells, "pooled": views.pooled, "places": views.places})
    return views


def bring_to_side(picture: Image, side_px: int) -> Image:
    """Resize a picture (H, W, 3) so that its longer side has ``side_px``."""
    factor = side_px / max(picture.shape[:2])
    if factor == 1:
        return picture
    size = max(1, round(factor * picture.shape[1])), max(1, round(factor * picture.shape[0]))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=how))


@torch.inference_mode()
def _run(backbone: Backbone, images: Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return S (C, h, w) and the means of D (C',) of the only image."""
    local_map, global_map = backbone(images)
    return local_map[0].cpu().numpy(), gem(global_map)[0].cpu().numpy()


def _draw_cells(local_map: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float16]:
    """Draw cells of S (C, h, w), as often as needed where it has too few. Returns (C, 12, 12)."""
    channels, count = len(local_map), CELLS_SIDE**2
    flat = local_map.reshape(channels, -1)
    drawn = rng.choice(flat.shape[1], count, replace=flat.shape[1] < count)
    # In the order of a file: a batch in another one would be convolved with other roundings.
    cells = np.ascontiguousarray(flat[:, drawn], dtype=np.float16)
    return cells.reshape(channels, CELLS_SIDE, CELLS_SIDE)
