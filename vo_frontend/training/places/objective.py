"""The objective of DELG, and of either half of it alone."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vo_frontend.training.engine.task import LossTerms
from vo_frontend.training.places.arcface import arcface_logits
from vo_frontend.training.places.batches import PlaceBatch
from vo_frontend.training.places.model import PlaceModel
from vo_frontend.training.places.train_config import PlaceLossConfig


@dataclass(frozen=True, slots=True)
class PlaceLosses(LossTerms):
    """Mean losses of a batch, each (): the weighted total, and the terms without their weights."""

    global_descriptor: Tensor  # L_g, ArcFace
    reconstruction: Tensor  # L_r
    attention: Tensor  # L_a
    attention_decay: Tensor  # sum of the squared weights of the attention


class PlaceObjective:
    """``L_g + 10 L_r + L_a`` (B. Cao et al., "DELG", ECCV 2020); heads that are absent cost nothing.

    The backbone learns from L_g alone: the local half gets S without its gradient.
    """

    terms = PlaceLosses

    def __init__(self, config: PlaceLossConfig) -> None:
        self.config = config

    def __call__(self, model: PlaceModel, batch: PlaceBatch, generator: torch.Generator) -> PlaceLosses:
        """Evaluate the losses of B views of known places; nothing is random."""
        c, labels = self.config, batch.labels
        outputs = model(*batch.maps(model.network.backbone))
        global_loss = reconstruction = attention = decay = torch.zeros((), device=labels.device)
        if outputs.cosines is not None:
            global_loss = F.cross_entropy(
                arcface_logits(outputs.cosines, labels, c.margin_rad, c.scale), labels
            )
        if outputs.reconstruction is not None:
            reconstruction = F.mse_loss(outputs.reconstruction, outputs.local_map)
        if outputs.local_logits is not None:
            attention = F.cross_entropy(outputs.local_logits, labels)
        if (head := model.network.local_head) is not None:
            weights = (head.attention.conv1.weight, head.attention.conv2.weight)
            decay = torch.stack([weight.square().sum() for weight in weights]).sum()
        total = (
            global_loss
            + c.reconstruction_weight * reconstruction
            + c.attention_weight * attention
            + 0.5 * c.attention_decay * decay
        )
        return PlaceLosses(total, global_loss, reconstruction, attention, decay)
