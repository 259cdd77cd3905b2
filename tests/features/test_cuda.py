"""What only a GPU can show. ``tests/features/test_cuda_network.py`` runs the same operations on the CPU."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from feature_inputs import assert_equal_features, make_color_image, make_image, random_aliked
from torch import Tensor

from vo_frontend.features import load_extractor
from vo_frontend.features.cuda.cuda_graph import BatchFunction, CudaGraphCapture
from vo_frontend.features.cuda.extractor import MAX_SHAPES, CudaAlikedExtractor
from vo_frontend.features.networks.extractor import NetworkExtractor
from vo_frontend.types import Features

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

CUDA = torch.device("cuda")
# Share of keypoints within a distance in px, and median of the cosines of their descriptors.
BOUNDS = {"fp32": (0.995, 0.01, 0.99999), "fp16": (0.97, 0.1, 0.999), "bf16": (0.9, 0.1, 0.99)}


def make_extractor(precision: str = "fp32", max_keypoints: int = 300) -> CudaAlikedExtractor:
    return CudaAlikedExtractor(
        "aliked-t16", random_aliked(), max_keypoints=max_keypoints, precision=precision, device=CUDA
    )


def assert_close(
    found: Features, expected: Features, share: float, distance_px: float, median_cosine: float
) -> None:
    distance = np.linalg.norm(expected.pixels[:, None] - found.pixels[None], axis=2)
    close = distance.min(axis=1) < distance_px
    assert close.mean() >= share
    partners = found.descriptors[distance.argmin(axis=1)[close]]
    assert np.median(np.sum(expected.descriptors[close] * partners, axis=1)) >= median_cosine


@pytest.mark.real
@pytest.mark.parametrize("name", ["aliked-t16", "aliked-n16", "alike-t", "alike-l"])
def test_the_gpu_finds_the_keypoints_of_the_cpu(name: str, weights_dir: Path) -> None:
    image = make_image(480, 640)
    cpu, gpu = (
        load_extractor(name, max_keypoints=500, device=device, weights_dir=weights_dir).extract(image)
        for device in ("cpu", "cuda")
    )
    assert_close(gpu, cpu, *BOUNDS["fp32"])


@pytest.mark.real
@pytest.mark.parametrize("precision", BOUNDS)
@pytest.mark.parametrize("name", ["aliked-t16", "aliked-n16"])
def test_every_precision_keeps_its_bounds_with_official_weights(
    name: str, precision: str, weights_dir: Path
) -> None:
    image = make_image(376, 1241)
    cpu = load_extractor(name, max_keypoints=1000, device="cpu", weights_dir=weights_dir)
    extractor = load_extractor(
        name, max_keypoints=1000, device="cuda", precision=precision, weights_dir=weights_dir
    )
    assert extractor.device_name.endswith(precision) == (precision != "fp32")
    assert_close(extractor.extract(image), cpu.extract(image), *BOUNDS[precision])


@pytest.mark.parametrize("size", [(64, 64), (97, 131), (376, 621)])
def test_the_graph_finds_what_the_reference_network_finds(size: tuple[int, int]) -> None:
    image = make_color_image(*size)
    reference = NetworkExtractor("aliked-t16", random_aliked(), max_keypoints=300, device=torch.device("cpu"))
    assert_close(make_extractor().extract(image), reference.extract(image), *BOUNDS["fp32"])


@pytest.mark.parametrize("precision", BOUNDS)
def test_replays_repeat_exactly_also_with_another_size_in_between(precision: str) -> None:
    captured, capture_graph = [], CudaGraphCapture(CUDA)

    def capture(function: Callable[[Tensor], Tensor], shape: tuple[int, ...]) -> BatchFunction:
        captured.append(shape)
        return capture_graph(function, shape)

    extractor = CudaAlikedExtractor(
        "aliked-t16", random_aliked(), max_keypoints=300, precision=precision, device=CUDA, capture=capture
    )
    small, large = make_image(120, 160), make_image(200, 333)
    first = extractor.extract(small), extractor.extract(large)
    for _ in range(3):
        extractor.extract(255 - small)
        assert_equal_features(extractor.extract(small), first[0])
        assert_equal_features(extractor.extract(large), first[1])
    assert captured == [(1, 120, 160), (1, 200, 333)]


@pytest.mark.parametrize("precision", BOUNDS)
def test_grey_equals_color_and_a_batch_equals_single_images(precision: str) -> None:
    extractor = make_extractor(precision)
    images = [make_image(240, 320, seed) for seed in range(8)]
    singles = [extractor.extract(image) for image in images]
    assert_equal_features(extractor.extract(np.dstack([images[0]] * 3)), singles[0])
    for together, alone in zip(extractor.extract_batch(images), singles, strict=True):
        assert_close(together, alone, *BOUNDS[precision])


def test_maxima_fewer_than_the_budget_give_fewer_keypoints() -> None:
    image = np.full((96, 128), 100, np.uint8)
    image[30:40, 50:60] = 255
    found = make_extractor(max_keypoints=5000).extract(image)
    assert 0 < len(found) < 5000
    assert found.scores.min() > 0


def test_threads_that_share_an_extractor_or_bring_their_own_do_not_disturb_each_other() -> None:
    images = [make_image(96 + 16 * index, 160) for index in range(3)]
    shared = make_extractor()
    expected = [shared.extract(image) for image in images]
    own = [make_extractor() for _ in images]
    found: dict[int, list[Features]] = {}

    def work(index: int) -> None:  # captures, while others capture and replay
        found[index] = [own[index].extract(images[index])]
        found[index] += [shared.extract(images[index]) for _ in range(20)]

    threads = [threading.Thread(target=work, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    for index in range(3):
        assert len(found[index]) == 21
        for features in found[index][1:]:
            assert_equal_features(features, expected[index])
        assert_close(found[index][0], expected[index], *BOUNDS["fp32"])


def used_mb() -> float:
    free, total = torch.cuda.mem_get_info()
    return (total - free) / 1e6


def test_memory_does_not_grow_with_the_number_of_sizes() -> None:
    extractor = make_extractor(max_keypoints=100)
    image = make_image(200, 300)
    used = []
    for turn in range(3 * MAX_SHAPES):
        extractor.extract(image[:, : 300 - turn])
        used.append(used_mb())
    settled = used[MAX_SHAPES + 1]
    assert used[-1] - settled < 64  # MB
    for _ in range(50):
        extractor.extract(image[:, : 300 - turn])
    assert used_mb() - used[-1] < 1


def test_extraction_leaves_the_settings_of_cudnn_alone() -> None:
    cudnn = torch.backends.cudnn
    before = cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32
    make_extractor().extract(make_image(96, 128))
    assert (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32) == before
