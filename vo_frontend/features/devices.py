"""Where a network runs. Torch is imported only where its answer can matter."""

import ctypes
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vo_frontend.errors import VoError

if TYPE_CHECKING:
    import torch

ROCM = Path("/dev/kfd")  # what drives AMD's, which torch calls CUDA devices, too


def means_cpu(name: str) -> bool:
    """Tell whether a name as for :func:`select_device` means the CPU.

    Importing torch takes more than a second, so it is asked only where there may be a GPU.

    Raises:
        VoError: no such device.
    """
    if name == "cpu" or (name == "auto" and not _has_gpu_driver()):
        return True
    return select_device(name).type == "cpu"


def select_device(name: str) -> "torch.device":
    """Resolve "auto" (the GPU if there is one), "cpu", "cuda" or "cuda:1".

    Raises:
        VoError: no such device here.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type == "cpu":
        return device
    if device.type != "cuda":
        raise VoError(f"device: got '{name}', expected auto, cpu, cuda or cuda:N")
    num_devices = torch.cuda.device_count()
    if (device.index or 0) >= num_devices:
        raise VoError(f"device: got '{name}', but PyTorch sees {num_devices} CUDA device(s); use cpu or auto")
    return device


def hardware_name(device: "torch.device") -> str:
    """Name a device for the report: "cpu", or what its driver calls the GPU."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _has_gpu_driver() -> bool:
    """Tell whether there can be a GPU at all: torch finds none without the library of its driver."""
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return ROCM.exists()
    return True
