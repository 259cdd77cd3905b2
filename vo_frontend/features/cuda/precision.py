"""Number formats in which a GPU can run ALIKED, and how each wants its tensors in memory."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Precision:
    """Number format of trunk and heads."""

    dtype: torch.dtype
    layout: torch.memory_format
    alignment: int  # channels of a tensor are best a multiple of it

    def copy(self, weight: Tensor, device: torch.device) -> Tensor:
        """Convert weights, (D, C, k, k) in this layout and others contiguous, keeping the original."""
        layout = self.layout if weight.dim() == 4 else torch.contiguous_format
        return weight.detach().to(device, self.dtype, copy=True, memory_format=layout)


# The matrix units want half precision, and channels side by side in groups of eight.
PRECISIONS = {
    "fp32": Precision(torch.float32, torch.contiguous_format, 1),
    "fp16": Precision(torch.float16, torch.channels_last, 8),
    "bf16": Precision(torch.bfloat16, torch.channels_last, 8),
}
