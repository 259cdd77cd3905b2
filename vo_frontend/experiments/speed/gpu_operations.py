"""How many operations the network of a GPU consists of: each is a launch. Counted without any GPU."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from vo_frontend.experiments.speed.images import Size
from vo_frontend.features.cuda.network import CudaAliked
from vo_frontend.features.cuda.precision import PRECISIONS
from vo_frontend.features.loading import make_network
from vo_frontend.features.networks.aliked.network import AlikedNetwork
from vo_frontend.features.networks.aliked.variants import ALIKED_VARIANTS

NO_LAUNCH = frozenset({"aten::_unsafe_view", "aten::empty.memory_format"})


@dataclass(frozen=True, slots=True)
class OperationsRow:
    """Operations from a batch of images to features that compute something; views are not counted."""

    features: str
    precision: str
    size: str
    operations: int


class OperationCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what is launched while it is entered."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        aliases = [result.alias_info for result in func._schema.returns]
        is_view = all(alias is not None and not alias.is_write for alias in aliases)
        self.count += not is_view and func.name() not in NO_LAUNCH
        return func(*args, **(kwargs or {}))


def count_operations(names: Sequence[str], sizes: Sequence[Size], max_keypoints: int) -> list[OperationsRow]:
    """Count the operations of every ALIKED variant among ``names``, on torch's device without memory."""
    rows = []
    for name in [name for name in names if name in ALIKED_VARIANTS]:
        network = make_network(name)
        assert isinstance(network, AlikedNetwork)
        network.for_inference()
        for precision, size in ((precision, size) for precision in PRECISIONS for size in sizes):
            count = operations_of(network, precision, size, max_keypoints)
            rows.append(OperationsRow(name, precision, str(size), count))
    return rows


def operations_of(network: AlikedNetwork, precision: str, size: Size, max_keypoints: int) -> int:
    """Count the operations for one grey image by a network that went through ``for_inference``."""
    device = torch.device("meta")
    with torch.no_grad():
        on_gpu = CudaAliked(network, PRECISIONS[precision], device)
        plan = on_gpu.plan((size.height, size.width))
        image = torch.empty((1, size.height, size.width), dtype=torch.uint8, device=device)
        with OperationCounter() as counter:
            on_gpu(image, plan, max_keypoints)
    return counter.count
