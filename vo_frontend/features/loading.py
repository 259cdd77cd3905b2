"""Extractors by name. Torch is imported only where one needs it, which ALIKED on the CPU and ORB do not."""

import io
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vo_frontend.errors import VoError, WeightsError, did_you_mean
from vo_frontend.features.devices import means_cpu
from vo_frontend.features.extractor import FeatureExtractor
from vo_frontend.features.scaled import ScaledExtractor
from vo_frontend.features.state_dict import StateDict, parse_state_dict
from vo_frontend.features.weights import Progress, find_or_download, read_verified, weights_file

if TYPE_CHECKING:
    from vo_frontend.compute.compile_ahead import Compilation
    from vo_frontend.features.networks.trunk import FeatureNetwork


@dataclass(frozen=True)
class Request:
    """What :func:`load_extractor` is asked for."""

    name: str
    max_keypoints: int
    device: str
    precision: str
    weights_dir: Path | None
    score_threshold: float
    report: Progress | None
    compilation: "Compilation | None"


@dataclass(frozen=True)
class Family:
    """Extractors that are built alike."""

    names: tuple[str, ...]
    precisions: Mapping[str, tuple[str, ...]]  # by type of device
    build: Callable[[Request], FeatureExtractor]


def load_extractor(
    name: str,
    *,
    max_keypoints: int,
    device: str = "auto",
    precision: str = "fp32",
    weights_dir: str | Path | None = None,
    score_threshold: float = 0.0,
    image_scale: float = 1.0,
    report: Progress | None = None,
    compilation: "Compilation | None" = None,
) -> FeatureExtractor:
    """Build an extractor, where it is a network with the official weights, or for "vof-t16" with ours.

    Args:
        name: one of ``EXTRACTORS``.
        max_keypoints: budget per image.
        device: "auto" (the GPU if there is one), "cpu", "cuda", "cuda:1"; ORB runs on the CPU.
        precision: "fp32", or "bf16" for ALIKED: on a CPU with AVX512-BF16 the arithmetic of trunk and heads,
            summed in float32; on another the largest maps are stored as bfloat16 and the arithmetic stays
            float32; on a GPU, "fp16" or "bf16", the arithmetic of trunk and heads. The features are no
            longer exactly those of the authors' code.
        weights_dir: folder with the official files; see :mod:`vo_frontend.features.weights` for where
            else they are looked for.
        score_threshold: keep only keypoints with a score above it, in the extractor's own unit; 0 keeps
            the full budget.
        image_scale: of the sides of the image in which features are found, above 0 and at most 1; their
            pixels are those of the whole image.
        report: progress of a download: file name, bytes received, bytes expected.
        compilation: takes the kernels that are not on disk yet, with others; None: one of their own.

    Raises:
        VoError: unknown name, no such device, a precision that this extractor has not.
        WeightsError: the weights are nowhere to be found, truncated or altered.
    """
    family = _family(name)
    if max_keypoints < 1:
        raise ValueError(f"max_keypoints: got {max_keypoints}, expected at least 1")
    folder = None if weights_dir is None else Path(weights_dir)
    what = name, max_keypoints, device, precision, folder, score_threshold, report, compilation
    extractor = family.build(Request(*what))
    return extractor if image_scale == 1 else ScaledExtractor(extractor, image_scale)


def load_readable_extractor(
    name: str,
    *,
    max_keypoints: int,
    weights_dir: str | Path | None = None,
    score_threshold: float = 0.0,
    image_scale: float = 1.0,
) -> FeatureExtractor:
    """Build an extractor that needs no compiled kernel: the network as torch has it on the CPU, or ORB.

    The features are those of :func:`load_extractor` up to rounding, and take several times as long.

    Raises:
        VoError: unknown name.
        WeightsError: the weights are nowhere to be found, truncated or altered.
    """
    family = _family(name)
    build = _build_orb if family.build is _build_orb else _build_readable
    folder = None if weights_dir is None else Path(weights_dir)
    extractor = build(Request(name, max_keypoints, "cpu", "fp32", folder, score_threshold, None, None))
    return extractor if image_scale == 1 else ScaledExtractor(extractor, image_scale)


def available_precisions(name: str, device_type: str) -> tuple[str, ...]:
    """List the precisions that an extractor has on "cpu" or "cuda"; all have "fp32".

    Raises:
        VoError: unknown name.
    """
    return _family(name).precisions[device_type]


def make_network(name: str) -> "FeatureNetwork":
    """Build the network of an ALIKED or ALIKE variant, with random weights."""
    from vo_frontend.features.networks.alike import ALIKE_VARIANTS, AlikeNetwork
    from vo_frontend.features.networks.aliked.network import AlikedNetwork
    from vo_frontend.features.networks.aliked.variants import ALIKED_VARIANTS

    if name in ALIKED_VARIANTS:
        return AlikedNetwork(ALIKED_VARIANTS[name])
    return AlikeNetwork(ALIKE_VARIANTS[name])


def read_weights(name: str, weights_dir: Path | None = None, report: Progress | None = None) -> StateDict:
    """Find or download the registered state dict of a variant, and read it without torch.

    Raises:
        WeightsError: as :func:`find_or_download`; the file cannot be read, is truncated or altered.
    """
    path = find_or_download(name, weights_dir, report)
    return parse_state_dict(read_verified(path, weights_file(name)))


def load_weights(network: "FeatureNetwork", name: str, path: Path) -> None:
    """Load the registered state dict of a variant into its network.

    Raises:
        WeightsError: the file cannot be read, is truncated or altered.
    """
    import torch

    content = read_verified(path, weights_file(name))
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    network.load_state_dict(state, strict=True)


def load_trained_weights(network: "FeatureNetwork", name: str, path: Path) -> None:
    """Load a state dict that is not registered, e.g. the result of a training, into a network.

    Args:
        network: of the variant ``name``.
        name: for messages, e.g. "aliked-t16".
        path: what ``torch.save`` made of a state dict; nothing but tensors is loaded from it.

    Raises:
        WeightsError: the file cannot be read, or holds weights of another network.
    """
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, LookupError, ValueError, pickle.UnpicklingError) as error:
        reason = str(error).partition("\n")[0]
        raise WeightsError(f"{path}: cannot be read ({reason}); expected a state dict of {name}") from None
    try:
        network.load_state_dict(state, strict=True)
    except (RuntimeError, TypeError):  # other names or shapes; no dictionary
        raise WeightsError(
            f"{path}: does not hold weights of {name}; was it trained as another network?"
        ) from None


def _family(name: str) -> Family:
    if name not in EXTRACTORS:
        raise VoError(f"features: unknown name '{name}', {did_you_mean(name, EXTRACTORS)}")
    return next(family for family in FAMILIES if name in family.names)


def _check_precision(request: Request, device_type: str) -> None:
    available = available_precisions(request.name, device_type)
    if request.precision not in available:
        raise VoError(
            f"features.precision: got '{request.precision}', but {request.name} on {device_type} "
            f"has {' and '.join(available)}"
        )


def _build_aliked(request: Request) -> FeatureExtractor:
    is_for_cpu = means_cpu(request.device)
    return _build_aliked_for_cpu(request) if is_for_cpu else _build_aliked_for_gpu(request)


def _build_aliked_for_cpu(request: Request) -> FeatureExtractor:
    from vo_frontend.features.cpu.extractor import CpuAlikedExtractor
    from vo_frontend.features.networks.aliked.variants import ALIKED_VARIANTS

    _check_precision(request, "cpu")
    return CpuAlikedExtractor(
        request.name,
        ALIKED_VARIANTS[request.name],
        read_weights(request.name, request.weights_dir, request.report),
        max_keypoints=request.max_keypoints,
        precision=request.precision,
        score_threshold=request.score_threshold,
        weights_sha256=weights_file(request.name).sha256,
        compilation=request.compilation,
    )


def _build_aliked_for_gpu(request: Request) -> FeatureExtractor:
    from vo_frontend.features.cuda.extractor import CudaAlikedExtractor
    from vo_frontend.features.devices import select_device
    from vo_frontend.features.networks.aliked.network import AlikedNetwork

    device = select_device(request.device)
    _check_precision(request, device.type)
    network = _load_network(request)
    assert isinstance(network, AlikedNetwork)
    return CudaAlikedExtractor(
        request.name,
        network,
        max_keypoints=request.max_keypoints,
        precision=request.precision,
        score_threshold=request.score_threshold,
        device=device,
        weights_sha256=weights_file(request.name).sha256,
    )


def _build_readable(request: Request) -> FeatureExtractor:
    from vo_frontend.features.devices import select_device
    from vo_frontend.features.networks.extractor import NetworkExtractor

    device = select_device(request.device)
    _check_precision(request, device.type)
    return NetworkExtractor(
        request.name,
        _load_network(request),
        max_keypoints=request.max_keypoints,
        score_threshold=request.score_threshold,
        device=device,
        weights_sha256=weights_file(request.name).sha256,
    )


def _build_orb(request: Request) -> FeatureExtractor:
    from vo_frontend.features.classical.orb import OrbExtractor

    _check_precision(request, "cpu")
    return OrbExtractor(max_keypoints=request.max_keypoints, score_threshold=request.score_threshold)


def _load_network(request: Request) -> "FeatureNetwork":
    path = find_or_download(request.name, request.weights_dir, request.report)
    network = make_network(request.name)
    load_weights(network, request.name, path)
    return network


ONLY_FP32 = {"cpu": ("fp32",), "cuda": ("fp32",)}
FAMILIES = (
    Family(
        ("aliked-t16", "vof-t16", "aliked-n16", "aliked-n16rot", "aliked-n32"),
        {"cpu": ("fp32", "bf16"), "cuda": ("fp32", "fp16", "bf16")},
        _build_aliked,
    ),
    Family(("alike-t", "alike-s", "alike-n", "alike-l"), ONLY_FP32, _build_readable),
    Family(("orb",), ONLY_FP32, _build_orb),
)
EXTRACTORS = tuple(name for family in FAMILIES for name in family.names)
