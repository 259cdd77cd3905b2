"""Sparse deformable descriptor head (SDDH) of ALIKED in operations of fixed shape, for batches.

The definition is :class:`vo_frontend.features.networks.aliked.description.SparseDeformableDescriptorHead`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from vo_frontend.features.cuda.plan import CudaPlan
from vo_frontend.features.cuda.precision import PRECISIONS, Precision
from vo_frontend.features.networks.aliked.description import SparseDeformableDescriptorHead

Levels = tuple[Tensor, ...]  # of the pyramid, finest first, each (B, dim / 4, h, w)


class CudaDescriptorHead:
    """Describes keypoints; its matrix products have the precision that is asked for."""

    def __init__(
        self, head: SparseDeformableDescriptorHead, precision: Precision, device: torch.device
    ) -> None:
        """Copy the weights of ``head``."""
        self._dim, self._num_positions, self._dtype = head.dim, head.num_positions, precision.dtype
        first, last = (head.offset_conv.get_submodule(index) for index in ("0", "2"))
        self._patch_weight = precision.copy(first.get_parameter("weight").flatten(1), device)  # (2M, dim * 9)
        self._patch_bias = precision.copy(first.get_parameter("bias"), device)
        # Positions are float32, and so is the layer that they come from.
        exact = PRECISIONS["fp32"]
        self._offset_weight = exact.copy(last.get_parameter("weight").flatten(1), device)  # (2M, 2M)
        self._offset_bias = exact.copy(last.get_parameter("bias"), device)
        self._feature_weight = precision.copy(head.sf_conv.weight.flatten(1), device)  # (dim, dim)
        self._sum_weight = precision.copy(head.agg_weights.flatten(0, 1), device)  # (M * dim, dim)

    def __call__(self, levels: Levels, keypoints: Tensor, plan: CudaPlan) -> Tensor:
        """Describe keypoints (B, k, 2) in px. Returns (B, k, dim) float32 of unit length."""
        finest, *coarse = levels
        levels = finest, *(level.to(torch.float32, memory_format=torch.contiguous_format) for level in coarse)
        offsets = self._offsets(levels, keypoints, plan)  # (B, k, M, 2)
        positions = (keypoints[:, :, None] + offsets).flatten(1, 2)
        sampled = _sample_unit(levels, positions, plan).transpose(1, 2).to(self._dtype)  # (B, k * M, dim)
        features = F.selu(F.linear(sampled, self._feature_weight), inplace=True)
        summed = features.reshape(*keypoints.shape[:2], self._num_positions * self._dim) @ self._sum_weight
        return F.normalize(summed.float(), dim=2)

    def _offsets(self, levels: Levels, keypoints: Tensor, plan: CudaPlan) -> Tensor:
        """Predict, from the 3x3 patch at each keypoint, where to sample. Returns (B, k, M, 2) in px."""
        batch, num_keypoints, _ = keypoints.shape
        # The official network truncates, it does not round.
        pixels = keypoints.trunc()[:, :, None] + plan.patch_px  # (B, k, 9, 2)
        features, weight = _unit_pixels(levels, pixels.flatten(1, 2), plan)
        patches = (features * weight[:, None]).view(batch, self._dim, num_keypoints, -1).transpose(1, 2)
        hidden = F.linear(patches.flatten(2).to(self._dtype), self._patch_weight, self._patch_bias)
        offsets = F.linear(F.selu(hidden.float(), inplace=True), self._offset_weight, self._offset_bias)
        limit = max(plan.image_size) / 4
        # All dx come first, then all dy.
        dx_dy = offsets.clamp(-limit, limit).view(batch, num_keypoints, 2, self._num_positions)
        return dx_dy.transpose(2, 3)


def _sample_unit(levels: Levels, positions: Tensor, plan: CudaPlan) -> Tensor:
    """Interpolate between unit-length features at positions (B, P, 2) in px. Returns (B, dim, P)."""
    corners = positions.floor()[:, :, None] + plan.corners_px  # (B, P, 4, 2)
    closeness = 1 - (positions[:, :, None] - corners).abs()
    features, weight = _unit_pixels(levels, corners.flatten(1, 2), plan)
    weight = weight.view(corners.shape[:3]) * closeness[..., 0] * closeness[..., 1]  # (B, P, 4)
    return (features.view(*features.shape[:2], -1, 4) * weight[:, None]).sum(dim=3)


def _unit_pixels(levels: Levels, pixels: Tensor, plan: CudaPlan) -> tuple[Tensor, Tensor]:
    """Read the dense map at integer pixels (B, P, 2), given as float32.

    Returns:
        features: (B, dim, P), not normalized.
        weight: (B, P) that gives them unit length; 0 outside the image.
    """
    inside = pixels.clamp(plan.first_px, plan.last_px)
    padded = inside + plan.padded_by
    normalized = (padded * plan.px_to_normalized - 1)[:, :, None]  # (B, P, 1, 2)
    finest, *coarse = levels
    x, y = padded.long().unbind(2)
    index = (y * finest.shape[3] + x)[:, None].expand(-1, finest.shape[1], -1)
    columns = [finest.flatten(2).gather(2, index).float()]
    columns += [torch.grid_sampler_2d(level, normalized, 0, 0, True)[..., 0] for level in coarse]
    features = torch.cat(columns, dim=1)
    norm = torch.linalg.vector_norm(features, dim=1)
    return features, (inside == pixels).all(dim=2) / norm.clamp_min(1e-12)
