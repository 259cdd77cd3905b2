"""Where a network runs."""

import torch

from vo_frontend.errors import VoError


def select_device(name: str) -> torch.device:
    """Resolve "auto" (the GPU if there is one), "cpu", "cuda" or "cuda:1".

    Raises:
        VoError: no such device here.
    """
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


def hardware_name(device: torch.device) -> str:
    """Name a device for the report: "cpu", or what its driver calls the GPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
