"""ALIKED in operations of fixed shape: the same features, in a form that a GPU replays as one graph.

What it computes is defined by :class:`AlikedNetwork`, :func:`networks.detection.detect` and
:class:`SparseDeformableDescriptorHead`. Here nothing depends on the values of a tensor but other values: no
boolean indexing, no number read back, no constant uploaded. Images come in batches.
"""

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vo_frontend.features.cuda.deformable import CudaDeformableBlock
from vo_frontend.features.cuda.description import CudaDescriptorHead
from vo_frontend.features.cuda.detection import detect
from vo_frontend.features.cuda.plan import CudaPlan, make_plan
from vo_frontend.features.cuda.precision import PRECISIONS, Precision
from vo_frontend.features.networks.aliked.network import AlikedNetwork
from vo_frontend.features.networks.pyramid import FeaturePyramid

# Divides the input exactly at any precision; what is missing to 255 is in the weights.
INPUT_SCALE = 1 / 256


@dataclass(frozen=True)
class CudaFeatures:
    """Features of B images, always k of each, best score first."""

    keypoints: Tensor  # (B, k, 2) x, y in px
    scores: Tensor  # (B, k), -1 where an image has fewer local maxima than k
    descriptors: Tensor  # (B, k, dim) of unit length


class CudaAliked:
    """Turns images into features, all float32 on the outside."""

    def __init__(self, network: AlikedNetwork, precision: Precision, device: torch.device) -> None:
        """Copy the weights of a network that went through ``for_inference``.

        Args:
            network: left as it is.
            precision: of the trunk and the heads. The last layer of the scores, positions and norms are
                float32 in any case.
            device: where to run.
        """
        self._reference, self._device, self._layout = network, device, precision.layout
        converted = copy.deepcopy(network).to(device=device, dtype=precision.dtype)
        self._network: AlikedNetwork = converted.to(memory_format=precision.layout)  # type: ignore[call-overload]
        self._block3 = CudaDeformableBlock(network.block3, precision, device)
        self._block4 = CudaDeformableBlock(network.block4, precision, device)
        self._descriptor_head = CudaDescriptorHead(network.desc_head, precision, device)
        first = network.block1.conv1
        assert isinstance(first, nn.Conv2d)
        scaled = first.weight / (255 * INPUT_SCALE)
        assert first.bias is not None
        self._first = (
            precision.copy(_filled_up(scaled, precision.alignment, 1), device),
            precision.copy(first.bias, device),
        )
        _, *middle, last = (layer.weight for layer in network.score_head if isinstance(layer, nn.Conv2d))
        aligned = (_filled_up(weight, *2 * (precision.alignment,)) for weight in middle)
        self._score_weights = [precision.copy(weight, device) for weight in aligned]
        self._last_score_weight = PRECISIONS["fp32"].copy(last, device)
        self._input_scale = torch.full((1,), INPUT_SCALE, dtype=precision.dtype, device=device)

    def plan(self, image_size: tuple[int, int]) -> CudaPlan:
        """Compute the constants for images of height, width ``image_size`` in px."""
        return make_plan(self._reference, image_size, self._first[0].shape[1], self._device)

    def __call__(self, images: Tensor, plan: CudaPlan, max_keypoints: int) -> CudaFeatures:
        """Detect and describe in a batch.

        Args:
            images: (B, H, W) grey or (B, H, W, 3) RGB uint8.
            plan: for this H and W.
            max_keypoints: budget per image.
        """
        levels, score_maps = self.dense(images, plan)
        keypoints, scores = detect(score_maps, max_keypoints, self._reference.border, plan)
        return CudaFeatures(keypoints, scores, self.describe(levels, keypoints, plan))

    def dense(self, images: Tensor, plan: CudaPlan) -> tuple[tuple[Tensor, ...], Tensor]:
        """Return the four levels (B, dim / 4, h, w) and the score maps (B, H, W) float32 in [0, 1]."""
        network, activation, pool = self._network, self._network.activation, self._network.pool
        x1 = self._first_block(self._read(images, plan))
        x2 = network.block2(pool(x1, 2))
        x3 = self._block3(pool(x2, 4), plan.taps3)
        x4 = self._block4(pool(x3, 4), plan.taps4)
        levels = (network.conv1(x1), network.conv2(x2), network.conv3(x3), network.conv4(x4))
        pyramid = FeaturePyramid(tuple(activation(level) for level in levels), plan.padding)
        return pyramid.levels, self._score_maps(pyramid)

    def describe(self, levels: tuple[Tensor, ...], keypoints: Tensor, plan: CudaPlan) -> Tensor:
        """Describe keypoints (B, k, 2) in px, given what ``dense`` returned.

        Returns (B, k, dim) of unit length.
        """
        return self._descriptor_head(levels, keypoints, plan)

    def _read(self, images: Tensor, plan: CudaPlan) -> Tensor:
        """Repeat edges, and channels as far as needed: (B, C, Hp, Wp)."""
        colors = images if images.dim() == 4 else images[..., None].expand(-1, -1, -1, 3)
        rows, columns, channels = plan.source
        padded = colors[:, rows, columns, channels] * self._input_scale  # (B, Hp, Wp, C)
        return padded.permute(0, 3, 1, 2).contiguous(memory_format=self._layout)

    def _first_block(self, x: Tensor) -> Tensor:
        block = self._network.block1
        y = F.selu(F.conv2d(x, *self._first, padding=1), inplace=True)
        return F.selu(block.conv2(y), inplace=True)

    def _score_maps(self, pyramid: FeaturePyramid) -> Tensor:
        x = pyramid.project(self._network.score_head.get_parameter("0.weight"))
        for weight in self._score_weights:
            x = F.conv2d(F.selu(x, inplace=True), weight, padding=1)
        x = F.selu(x, inplace=True)[:, : self._last_score_weight.shape[1]]
        x = x.to(torch.float32, memory_format=torch.contiguous_format)
        logits = F.conv2d(x, self._last_score_weight, padding=1)
        return torch.sigmoid(pyramid.padding.crop(logits[:, 0]))


def _filled_up(weight: Tensor, inputs: int, outputs: int) -> Tensor:
    """Fill a kernel (D, C, 3, 3) up with zeros until C and D are multiples of ``inputs`` and ``outputs``."""
    return F.pad(weight, (0, 0, 0, 0, 0, -weight.shape[1] % inputs, 0, -weight.shape[0] % outputs))
