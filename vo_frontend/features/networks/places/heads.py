"""Heads on a backbone: one global descriptor, and local descriptors with attention.

DELF: H. Noh et al., "Large-Scale Image Retrieval with Attentive Deep Local Features", ICCV 2017.
DELG: B. Cao et al., "Unifying Deep Local and Global Features for Image Search", ECCV 2020.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vo_frontend.features.networks.places.pca import Pca
from vo_frontend.features.networks.places.pooling import GEM_POWER, gem


@dataclass(frozen=True)
class LocalMaps:
    """What a local head makes of S (B, C, h, w)."""

    descriptors: Tensor  # (B, D, h, w), of any length
    attention: Tensor  # (B, 1, h, w), positive
    reconstruction: Tensor | None = None  # S' (B, C, h, w) of the autoencoder


class GlobalHead(nn.Module):
    """Pools D by generalised means and whitens them: ``g = F gem(D) + b``."""

    power: Tensor

    def __init__(self, channels: int, embedding: int | None, *, normalizes_first: bool = False) -> None:
        """Make the head.

        Args:
            channels: of D.
            embedding: length of the descriptor; None pools without whitening.
            normalizes_first: whiten the unit vector of the pooled one, as cnnimageretrieval does.
        """
        super().__init__()
        self.descriptor_size = channels if embedding is None else embedding
        self.normalizes_first = normalizes_first
        # Fixed in DELG, so no parameter; others learned it, and their value comes with their weights.
        self.register_buffer("power", torch.tensor([GEM_POWER]))
        self.whitening = None if embedding is None else nn.Linear(channels, embedding)

    def start_from(self, pca: Pca) -> None:
        """Set F and b to a whitening (embedding, channels) by principal components of unit vectors.

        Raises:
            ValueError: the head does not whiten, or not unit vectors.
        """
        if self.whitening is None or not self.normalizes_first:
            raise ValueError("this head whitens no unit vectors")
        with torch.no_grad():
            self.whitening.weight.copy_(torch.from_numpy(pca.components))
            self.whitening.bias.copy_(torch.from_numpy(-pca.components @ pca.mean))

    def forward(self, global_map: Tensor) -> Tensor:
        """Describe D (B, channels, h, w). Returns g (B, descriptor_size), not of unit length."""
        pooled = gem(global_map, self.power)
        if self.normalizes_first:
            pooled = F.normalize(pooled, dim=1)
        return pooled if self.whitening is None else self.whitening(pooled)


class Attention(nn.Module):
    """Rates cells: ``softplus(w2 . relu(BN(W1 f)) + b2)``."""

    def __init__(self, channels: int, hidden: int, norm_eps: float = 1e-5) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, hidden, 1)
        self.norm = nn.BatchNorm2d(hidden, norm_eps)
        self.conv2 = nn.Conv2d(hidden, 1, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Rate features (B, channels, h, w). Returns (B, 1, h, w), positive."""
        return self.rate(self.hidden(features))

    def hidden(self, features: Tensor) -> Tensor:
        """Compute BN(W1 f) of features (B, channels, h, w). Returns (B, hidden, h, w)."""
        return self.norm(self.conv1(features))

    def rate(self, hidden: Tensor) -> Tensor:
        """Rate what :meth:`hidden` returns, (B, hidden, h, w). Returns (B, 1, h, w), positive."""
        return F.softplus(self.conv2(F.relu(hidden)))


class Autoencoder(nn.Module):
    """Codes S linearly, ``T = W_T S + b``, and reconstructs it, ``S' = relu(W_S T + b)``."""

    def __init__(self, channels: int, code: int, *, is_signed: bool = False) -> None:
        """Make both layers; ``is_signed``: S has negative values, and its reconstruction no relu."""
        super().__init__()
        self.encode = nn.Conv2d(channels, code, 1)
        self.decode = nn.Conv2d(code, channels, 1)
        self.is_signed = is_signed

    def forward(self, local_map: Tensor) -> tuple[Tensor, Tensor]:
        """Code S (B, channels, h, w). Returns T (B, code, h, w) and S' (B, channels, h, w)."""
        code = self.encode(local_map)
        reconstruction = self.decode(code)
        return code, reconstruction if self.is_signed else F.relu(reconstruction)


class LocalHead(nn.Module, ABC):
    """Turns S into local descriptors and attention."""

    attention: Attention
    descriptor_size: int

    @abstractmethod
    def forward(self, local_map: Tensor) -> LocalMaps:
        """Describe and rate the cells of S (B, channels, h, w)."""


class DelfHead(LocalHead):
    """Describes a cell by its feature, which the attention reads unnormalised."""

    def __init__(self, channels: int, hidden: int, norm_eps: float = 1e-5) -> None:
        super().__init__()
        self.descriptor_size = channels
        self.attention = Attention(channels, hidden, norm_eps)

    def forward(self, local_map: Tensor) -> LocalMaps:
        """Describe and rate the cells of S (B, channels, h, w)."""
        return LocalMaps(local_map, self.attention(local_map))


class DelgHead(LocalHead):
    """Describes a cell by its code; the attention reads its reconstruction."""

    def __init__(
        self, channels: int, hidden: int, code: int, *, norm_eps: float = 1e-5, is_signed: bool = False
    ) -> None:
        super().__init__()
        self.descriptor_size = code
        self.autoencoder = Autoencoder(channels, code, is_signed=is_signed)
        self.attention = Attention(channels, hidden, norm_eps)

    def forward(self, local_map: Tensor) -> LocalMaps:
        """Describe and rate the cells of S (B, channels, h, w)."""
        code, reconstruction = self.autoencoder(local_map)
        return LocalMaps(code, self.attention(reconstruction), reconstruction)


class HiddenHead(LocalHead):
    """Describes a cell by the attention's hidden layer, as the PyTorch port feymanpriv/DELG does."""

    def __init__(self, channels: int, hidden: int, norm_eps: float = 1e-5) -> None:
        super().__init__()
        self.descriptor_size = hidden
        self.attention = Attention(channels, hidden, norm_eps)

    def forward(self, local_map: Tensor) -> LocalMaps:
        """Describe and rate the cells of S (B, channels, h, w)."""
        hidden = self.attention.hidden(local_map)
        return LocalMaps(hidden, self.attention.rate(hidden))
