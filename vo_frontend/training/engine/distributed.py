"""Several processes that train one network, as started by ``torchrun``.

Gradients are averaged by hand, one message per step. ``DistributedDataParallel`` hooks into one forward
call per step, while the objective calls parts of the network as often as it needs.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
import torch.distributed.nn  # imported later, by an optimizer, its default arguments would keep the group
from torch import Tensor

T = TypeVar("T")


@dataclass(frozen=True)
class Group:
    """The processes of this run; a single one needs no communication."""

    rank: int = 0
    size: int = 1
    device: torch.device = torch.device("cpu")  # of the messages

    @property
    def is_leader(self) -> bool:
        """Whether this process writes the files of the run."""
        return self.rank == 0

    def average_(self, tensors: Sequence[Tensor]) -> None:
        """Replace floating-point tensors of any shape, in place, by their means over all processes."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.detach().flatten().float() for tensor in tensors])
        dist.all_reduce(flat)
        flat /= self.size
        parts = torch.split(flat, [tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.detach().copy_(part.view_as(tensor))

    def any(self, flag: bool) -> bool:
        """Tell all processes whether the flag is up in any of them."""
        if self.size == 1:
            return flag
        flags = torch.tensor([float(flag)], device=self.device)
        dist.all_reduce(flags)
        return bool(flags.item())

    def from_leader(self, value: T) -> T:
        """Return the value of the leader in all processes."""
        if self.size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0, device=self.device)
        return values[0]


@contextmanager
def process_group(device: torch.device) -> Iterator[Group]:
    """Join the processes that ``torchrun`` has started; without it, be a group of one.

    NCCL where the device is CUDA (one GPU per process, by local rank), else gloo.
    """
    if "WORLD_SIZE" not in os.environ:
        yield Group(device=device)
        return
    is_cuda = device.type == "cuda"
    if is_cuda:
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if is_cuda else "gloo")
    try:
        yield Group(dist.get_rank(), dist.get_world_size(), device)
    finally:
        dist.destroy_process_group()
