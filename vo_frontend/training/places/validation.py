"""How often a place that was never trained on is found again, by each half of the network."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from vo_frontend.training.engine.task import ValidationRecord
from vo_frontend.training.places.batches import PlaceBatch
from vo_frontend.training.places.model import PlaceModel


@dataclass(frozen=True, slots=True)
class PlaceRecord(ValidationRecord):
    """Recall over all views, each looked for among all others: a row of ``validation.csv``."""

    quality_name: ClassVar[str] = "recall_at_1"

    recall_at_1: float  # of the global descriptor; without one, of the local features
    local_recall_at_1: float  # of the attention-weighted mean of the local descriptors; 0 without them

    def summary(self) -> str:
        """Say in one line how good the network is."""
        whole, local = 100 * self.recall_at_1, 100 * self.local_recall_at_1
        return f"places found again {whole:.1f} %, by local features alone {local:.1f} %"


class PlaceValidation:
    """Describes the same views every time."""

    record = PlaceRecord

    def __init__(self, batches: Sequence[PlaceBatch], device: torch.device) -> None:
        """Args: ``batches`` of views, several per place."""
        self._batches, self._device = batches, device
        self._labels = torch.cat([batch.labels for batch in batches])

    @torch.no_grad()
    def __call__(self, model: PlaceModel, step: int, folder: Path) -> PlaceRecord:
        """Measure a model after a step; leaves it in evaluation mode."""
        model.eval()
        parts = [model.descriptors(batch.to(self._device)) for batch in self._batches]
        by_global, by_local = (self._recall([part[half] for part in parts]) for half in range(2))
        by_local = by_local or 0.0
        return PlaceRecord(step, by_local if by_global is None else by_global, by_local)

    def _recall(self, parts: list[Tensor | None]) -> float | None:
        known = [part.cpu() for part in parts if part is not None]
        return recall_at_1(torch.cat(known), self._labels) if known else None


def recall_at_1(descriptors: Tensor, labels: Tensor) -> float:
    """Return the share of V views (V, D) whose most similar other view has the same label (V,)."""
    unit = F.normalize(descriptors, dim=1)
    similarity = unit @ unit.T
    similarity.fill_diagonal_(-torch.inf)
    return float((labels[similarity.argmax(dim=1)] == labels).float().mean())
