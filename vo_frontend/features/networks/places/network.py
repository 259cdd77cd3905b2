"""DELF and DELG: a backbone with a local head, a global head, or both."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vo_frontend.features.networks.places.backbone import Backbone, fold_batch_norm
from vo_frontend.features.networks.places.heads import DelfHead, DelgHead, GlobalHead, LocalHead, LocalMaps
from vo_frontend.features.networks.places.pooling import unit_mean


@dataclass(frozen=True)
class HeadSizes:
    """Channels of the heads on one backbone."""

    embedding: int  # of the global descriptor
    code: int  # of the autoencoder: length of a local descriptor
    hidden: int  # of the attention


RESNET_SIZES = HeadSizes(embedding=2048, code=128, hidden=512)
LITE0_SIZES = HeadSizes(embedding=256, code=40, hidden=64)


@dataclass(frozen=True)
class PlaceMaps:
    """All that one pass gives of B images, as the losses of DELG need it."""

    local_map: Tensor  # S (B, C, h, w), cut off from the backbone's gradient
    global_descriptor: Tensor | None  # g (B, E), not of unit length
    local: LocalMaps | None


class PlaceNetwork(nn.Module):
    """One backbone, up to two heads; gradients of the local head end at S."""

    def __init__(
        self, backbone: Backbone, global_head: GlobalHead | None = None, local_head: LocalHead | None = None
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.global_head = global_head
        self.local_head = local_head

    def forward(self, images: Tensor) -> PlaceMaps:
        """Run on images (B, 3, H, W), RGB in [0, 1]."""
        return self.apply_heads(*self.backbone(images))

    def apply_heads(self, local_map: Tensor, global_map: Tensor) -> PlaceMaps:
        """Run the heads on S (B, C, h, w) and D (B, C', h', w') of the backbone."""
        local_map = local_map.detach()
        return PlaceMaps(
            local_map,
            None if self.global_head is None else self.global_head(global_map),
            None if self.local_head is None else self.local_head(local_map),
        )

    def describe(self, images: Tensor, scales: Sequence[float] = (1.0,)) -> Tensor:
        """Describe images (B, 3, H, W), RGB in [0, 1], each at several scales. Returns (B, E) of unit length.

        The unit descriptors of all scales are averaged, and the mean is normalised, as in DELG.

        Raises:
            ValueError: there is no global head.
        """
        if self.global_head is None:
            raise ValueError("this network has no global head")
        per_scale = [self.global_head(self.backbone(resize(images, scale))[1]) for scale in scales]
        return unit_mean(torch.stack(per_scale))

    def local_maps(self, images: Tensor) -> LocalMaps:
        """Describe and rate the cells of images (B, 3, H, W), RGB in [0, 1], without the global half.

        Raises:
            ValueError: there is no local head.
        """
        if self.local_head is None:
            raise ValueError("this network has no local head")
        return self.local_head(self.backbone.local_map(images).detach())

    def heads(self) -> nn.ModuleDict:
        """Return the heads without the backbone, whose weights stay where they come from."""
        heads = {"global_head": self.global_head, "local_head": self.local_head}
        return nn.ModuleDict({name: head for name, head in heads.items() if head is not None})

    def for_inference(self) -> "PlaceNetwork":
        """Fold batch normalisation in place and use the memory layout that is fastest on the CPU."""
        self.eval().requires_grad_(False)
        fold_batch_norm(self)
        return self.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def make_delf(backbone: Backbone, hidden: int = RESNET_SIZES.hidden) -> PlaceNetwork:
    """Build DELF: local features and their attention, no global descriptor."""
    return PlaceNetwork(backbone, None, DelfHead(backbone.local_channels, hidden))


def make_delg(
    backbone: Backbone,
    sizes: HeadSizes = RESNET_SIZES,
    *,
    norm_eps: float = 1e-5,
    normalizes_first: bool = False,
) -> PlaceNetwork:
    """Build DELG.

    Args:
        backbone: with its weights.
        sizes: channels of the heads.
        norm_eps: of the attention's batch normalisation.
        normalizes_first: whiten unit vectors, so that F can start as a whitening by principal components
            (:meth:`GlobalHead.start_from`).
    """
    local_head = DelgHead(
        backbone.local_channels,
        sizes.hidden,
        sizes.code,
        norm_eps=norm_eps,
        is_signed=backbone.local_is_signed,
    )
    global_head = GlobalHead(backbone.global_channels, sizes.embedding, normalizes_first=normalizes_first)
    return PlaceNetwork(backbone, global_head, local_head)


def make_raw_gem(backbone: Backbone) -> PlaceNetwork:
    """Build the baseline that needs no training: generalised means of D, without whitening."""
    return PlaceNetwork(backbone, GlobalHead(backbone.global_channels, None))


def resize(images: Tensor, scale: float) -> Tensor:
    """Resize images (B, 3, H, W) bilinearly by the half-pixel rule, each side to a whole number of pixels."""
    height, width = images.shape[-2:]
    size = max(1, round(scale * height)), max(1, round(scale * width))
    if size == (height, width):
        return images
    return F.interpolate(images, size=size, mode="bilinear", align_corners=False)
