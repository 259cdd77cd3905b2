"""Extractors by name. Torch is imported when a network is loaded, so that ``--help`` stays fast."""

import difflib
import io
from pathlib import Path
from typing import TYPE_CHECKING

from vo_frontend.errors import VoError
from vo_frontend.features.extractor import FeatureExtractor
from vo_frontend.features.weights import Progress, find_or_download, read_verified, weights_file

if TYPE_CHECKING:
    from vo_frontend.features.networks.network import FeatureNetwork

EXTRACTORS = (
    "aliked-t16",
    "vof-t16",
    "aliked-n16",
    "aliked-n16rot",
    "aliked-n32",
    "alike-t",
    "alike-s",
    "alike-n",
    "alike-l",
    "orb",
)
PRECISIONS = {
    "cpu": ("fp32", "bf16"),
    "cuda": ("fp32", "fp16", "bf16"),
}  # of ALIKED and ours; else fp32


def load_extractor(
    name: str,
    *,
    max_keypoints: int,
    device: str = "auto",
    precision: str = "fp32",
    weights_dir: Path | None = None,
    score_threshold: float = 0.0,
    report: Progress | None = None,
) -> FeatureExtractor:
    """Build an extractor, where it is a network with the official weights, or for "vof-t16" with ours.

    Args:
        name: one of ``EXTRACTORS``.
        max_keypoints: budget per image.
        device: "auto" (the GPU if there is one), "cpu", "cuda", "cuda:1"; ORB runs on the CPU.
        precision: "fp32", or "bf16" for ALIKED: on the CPU its largest maps are stored as bfloat16 and the
            arithmetic stays float32; on a GPU, "fp16" or "bf16", the arithmetic of trunk and heads. The
            features are no longer exactly those of the authors' code.
        weights_dir: folder with the official files; see :mod:`vo_frontend.features.weights` for where
            else they are looked for.
        score_threshold: keep only keypoints with a score above it, in the extractor's own unit; 0 keeps
            the full budget.
        report: progress of a download: file name, bytes received, bytes expected.

    Raises:
        VoError: unknown name, no such device, a precision that this extractor has not.
        WeightsError: the weights are nowhere to be found, truncated or altered.
    """
    if name not in EXTRACTORS:
        close = difflib.get_close_matches(name, EXTRACTORS, n=1)
        hint = f", did you mean '{close[0]}'?" if close else f"; expected one of {', '.join(EXTRACTORS)}"
        raise VoError(f"features: unknown name '{name}'{hint}")
    if max_keypoints < 1:
        raise ValueError(f"max_keypoints: got {max_keypoints}, expected at least 1")
    if name == "orb":
        _check_precision(name, "cpu", precision)
        from vo_frontend.features.classical.orb import OrbExtractor

        return OrbExtractor(max_keypoints=max_keypoints, score_threshold=score_threshold)

    from vo_frontend.features.cpu.extractor import FastAlikedExtractor
    from vo_frontend.features.cuda.extractor import CudaAlikedExtractor
    from vo_frontend.features.networks.aliked.network import AlikedNetwork
    from vo_frontend.features.networks.extractor import NetworkExtractor, select_device

    target = select_device(device)
    _check_precision(name, target.type, precision)
    path = find_or_download(name, weights_dir, report)
    network = make_network(name)
    load_weights(network, name, path)
    sha256 = weights_file(name).sha256
    if target.type == "cpu" and isinstance(network, AlikedNetwork):
        return FastAlikedExtractor(
            name,
            network,
            max_keypoints=max_keypoints,
            precision=precision,
            score_threshold=score_threshold,
            weights_sha256=sha256,
        )
    if isinstance(network, AlikedNetwork):
        return CudaAlikedExtractor(
            name,
            network,
            max_keypoints=max_keypoints,
            precision=precision,
            score_threshold=score_threshold,
            device=target,
            weights_sha256=sha256,
        )
    return NetworkExtractor(
        name,
        network,
        max_keypoints=max_keypoints,
        score_threshold=score_threshold,
        device=target,
        weights_sha256=sha256,
    )


def available_precisions(name: str, device_type: str) -> tuple[str, ...]:
    """Precisions that an extractor has on "cpu" or "cuda"; all have "fp32"."""
    return PRECISIONS[device_type] if name.startswith(("aliked-", "vof-")) else ("fp32",)


def _check_precision(name: str, device_type: str, precision: str) -> None:
    available = available_precisions(name, device_type)
    if precision not in available:
        has = " and ".join(available)
        raise VoError(f"features.precision: got '{precision}', but {name} on {device_type} has {has}")


def make_network(name: str) -> "FeatureNetwork":
    """Build the network of an ALIKED or ALIKE variant, with random weights."""
    from vo_frontend.features.networks.alike.network import ALIKE_VARIANTS, AlikeNetwork
    from vo_frontend.features.networks.aliked.network import ALIKED_VARIANTS, AlikedNetwork

    if name in ALIKED_VARIANTS:
        return AlikedNetwork(ALIKED_VARIANTS[name])
    return AlikeNetwork(ALIKE_VARIANTS[name])


def load_weights(network: "FeatureNetwork", name: str, path: Path) -> None:
    """Load the official state dict of a variant into its network.

    Raises:
        WeightsError: the file cannot be read, is truncated or altered.
    """
    import torch

    content = read_verified(path, weights_file(name))
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    network.load_state_dict(state, strict=True)
