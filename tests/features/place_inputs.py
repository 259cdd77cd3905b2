"""Random weights for place networks, and a backbone whose features are coordinates."""

import torch
from torch import Tensor, nn

from vo_frontend.features.networks.places.backbone import Backbone, ReceptiveField
from vo_frontend.features.networks.places.efficientnet_lite import EfficientNetLite0
from vo_frontend.features.networks.places.network import LITE0_SIZES, PlaceNetwork, make_delg


def randomize(network: nn.Module, seed: int = 0) -> None:
    """Draw weights and non-trivial batch-norm statistics; activations keep their size, so that none dies."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                fan_in = module.weight[0].numel()
                module.weight.normal_(0, (2 / fan_in) ** 0.5, generator=generator)
                if module.bias is not None:
                    module.bias.uniform_(-0.2, 0.2, generator=generator)
            if isinstance(module, nn.BatchNorm2d):
                assert module.running_mean is not None
                assert module.running_var is not None
                module.weight.uniform_(0.5, 1.0, generator=generator)
                module.bias.uniform_(-0.2, 0.4, generator=generator)
                module.running_mean.uniform_(-0.2, 0.2, generator=generator)
                module.running_var.uniform_(0.5, 1.5, generator=generator)
    network.eval()


def random_delg_lite0(seed: int = 0) -> PlaceNetwork:
    """DELG on EfficientNet-lite0 with random weights, in evaluation mode."""
    network = make_delg(EfficientNetLite0(), LITE0_SIZES)
    randomize(network, seed)
    return network


def noise(height: int, width: int, batch: int = 1, seed: int = 0) -> Tensor:
    """Images (batch, 3, height, width) in [0, 1]."""
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(seed))


class AveragingBackbone(Backbone):
    """S and D are the mean colours of cells of 4x4 px, without a weight."""

    local_channels = global_channels = 3
    local_stride_px = global_stride_px = 4
    local_is_signed = False

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Average images (B, 3, H, W). Returns the same map (B, 3, H / 4, W / 4) twice."""
        return self.local_map(images), self.local_map(images)

    def local_map(self, images: Tensor) -> Tensor:
        """Average images (B, 3, H, W). Returns (B, 3, H / 4, W / 4)."""
        return nn.functional.avg_pool2d(images, 4)

    def receptive_field(self, length_px: int) -> ReceptiveField:
        """Return what a cell sees: 4 px."""
        return ReceptiveField().through(4, 4)
