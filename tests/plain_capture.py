"""Stands in for CUDA graphs where there is no GPU."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vo_frontend.features.cuda.cuda_graph import BatchFunction
from vo_frontend.types import Image


def capture_plainly(function: Callable[[Tensor], Tensor], shape: tuple[int, ...]) -> BatchFunction:
    """Call the function anew for each batch, on the CPU."""

    def run(images: Sequence[Image]) -> NDArray[np.float32]:
        batch = torch.from_numpy(np.stack(images))
        assert batch.shape == shape
        result: NDArray[np.float32] = function(batch).numpy()
        return result

    return run
