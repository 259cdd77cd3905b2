"""What is trained: a place network, and classifiers of the training places that nobody needs afterwards."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vo_frontend.features.networks.places.network import PlaceNetwork
from vo_frontend.features.networks.places.pooling import attention_mean
from vo_frontend.training.places.batches import PlaceBatch


@dataclass(frozen=True)
class PlaceOutputs:
    """What the losses need of B views and N places; None where the network lacks the head."""

    cosines: Tensor | None  # (B, N) of the global descriptors with the directions of the places
    local_map: Tensor  # S (B, C, h, w), without gradient of the backbone
    reconstruction: Tensor | None  # S' (B, C, h, w)
    local_logits: Tensor | None  # (B, N) of the local half


class PlaceModel(nn.Module):
    """A network, one direction per place for its global descriptors, one linear layer for its local ones.

    The linear layer reads the mean of the unit cells of S by attention, as in DELG (DELF took their sum,
    which grows with the image). Without any head it reads the plain mean of S: the first step of DELF.
    """

    def __init__(self, network: PlaceNetwork, num_places: int, *, trains_backbone: bool) -> None:
        """Args: ``trains_backbone``: else the backbone stays as it is, statistics of its batches included."""
        super().__init__()
        self.network = network
        self.trains_backbone = trains_backbone
        network.backbone.requires_grad_(trains_backbone)
        self.global_classes: nn.Parameter | None = None
        self.local_classes: nn.Linear | None = None
        if network.global_head is not None:
            self.global_classes = nn.Parameter(torch.randn(num_places, network.global_head.descriptor_size))
        if network.local_head is not None or network.global_head is None:
            self.local_classes = nn.Linear(network.backbone.local_channels, num_places)

    def train(self, mode: bool = True) -> "PlaceModel":
        """Switch to training or evaluation; a backbone that is not trained always evaluates."""
        super().train(mode)
        if not self.trains_backbone:
            self.network.backbone.eval()
        return self

    def forward(self, local_map: Tensor, global_map: Tensor) -> PlaceOutputs:
        """Classify S (B, C, h, w) and D (B, C', h', w') of the backbone."""
        maps = self.network.apply_heads(local_map, global_map)
        cosines = local_logits = reconstruction = None
        if maps.global_descriptor is not None and self.global_classes is not None:
            cosines = F.normalize(maps.global_descriptor, dim=1) @ F.normalize(self.global_classes, dim=1).T
        if maps.local is not None and self.local_classes is not None:
            local_logits = self.local_classes(attention_mean(maps.local_map, maps.local.attention))
            reconstruction = maps.local.reconstruction
        elif self.local_classes is not None:
            local_logits = self.local_classes(local_map.mean(dim=(2, 3)))
        return PlaceOutputs(cosines, maps.local_map, reconstruction, local_logits)

    def descriptors(self, batch: PlaceBatch) -> tuple[Tensor | None, Tensor | None]:
        """Describe B views by either half: g (B, E), and the mean of the local descriptors (B, D)."""
        local_map, global_map = batch.maps(self.network.backbone)
        maps = self.network.apply_heads(local_map, global_map)
        if maps.local is not None:
            return maps.global_descriptor, attention_mean(maps.local.descriptors, maps.local.attention)
        return maps.global_descriptor, None if self.local_classes is None else local_map.mean(dim=(2, 3))


def network_weights(weights: dict[str, Tensor], *, trains_backbone: bool) -> dict[str, Tensor]:
    """Choose of the state dict of a :class:`PlaceModel` what recognises places: no classifiers.

    Returns the state dict of its network, or of ``network.heads()`` where the backbone was not trained.
    """
    network = {
        name.removeprefix("network."): value for name, value in weights.items() if name.startswith("network.")
    }
    if trains_backbone:
        return network
    return {name: value for name, value in network.items() if not name.startswith("backbone.")}
