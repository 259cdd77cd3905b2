"""ALIKED in operations of fixed shape against the reference. A GPU replays them, here they run one by one."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from feature_inputs import make_color_image, make_image, random_aliked
from plain_capture import capture_plainly
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vo_frontend.errors import VoError
from vo_frontend.features import load_extractor
from vo_frontend.features.cuda import detection as cuda_detection
from vo_frontend.features.cuda.cuda_graph import BatchFunction
from vo_frontend.features.cuda.extractor import MAX_SHAPES, CudaAlikedExtractor
from vo_frontend.features.cuda.network import CudaAliked
from vo_frontend.features.cuda.precision import PRECISIONS
from vo_frontend.features.networks.aliked.network import AlikedNetwork
from vo_frontend.features.networks.aliked.variants import ALIKED_VARIANTS
from vo_frontend.features.networks.detection import local_maxima
from vo_frontend.features.networks.extractor import NetworkExtractor, to_batch
from vo_frontend.features.networks.sizes import Border
from vo_frontend.types import Features

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def no_gradients() -> Iterator[None]:
    with torch.no_grad():  # in inference mode, compound operations would hide what they are made of
        yield


def folded(name: str) -> AlikedNetwork:
    network = random_aliked(name)
    network.for_inference()
    return network


def as_on_gpu(
    network: AlikedNetwork, max_keypoints: int, precision: str = "fp32", name: str = "aliked-t16"
) -> CudaAlikedExtractor:
    return CudaAlikedExtractor(
        name,
        network,
        max_keypoints=max_keypoints,
        precision=precision,
        device=CPU,
        capture=capture_plainly,
    )


def extractors(max_keypoints: int, precision: str = "fp32") -> tuple[NetworkExtractor, CudaAlikedExtractor]:
    """The reference and ours, with the same weights."""
    network = random_aliked()
    reference = NetworkExtractor("aliked-t16", network, max_keypoints=max_keypoints, device=CPU)
    return reference, as_on_gpu(network, max_keypoints, precision)


def assert_same_features(ours: Features, expected: Features, share: float = 1.0) -> None:
    """At least ``share`` of the expected keypoints are ours too, with the same descriptor and score."""
    distance = np.linalg.norm(expected.pixels[:, None] - ours.pixels[None], axis=2)
    found = distance.min(axis=1) < 1e-3
    assert len(ours) == len(expected)
    assert found.mean() >= share
    partner = distance.argmin(axis=1)[found]
    assert np.min(np.sum(ours.descriptors[partner] * expected.descriptors[found], axis=1)) > 0.99999
    np.testing.assert_allclose(ours.scores[partner], expected.scores[found], atol=1e-4)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("aliked-t16", (64, 64)),
        ("aliked-t16", (97, 131)),
        ("aliked-n16", (75, 160)),
        ("aliked-n32", (64, 97)),
    ],
)
def test_levels_scores_and_descriptors_are_those_of_the_reference(name: str, size: tuple[int, int]) -> None:
    reference = folded(name)
    ours = CudaAliked(reference, PRECISIONS["fp32"], CPU)
    image = make_color_image(*size)
    pyramid, score_map = reference(to_batch(image, CPU))
    plan = ours.plan(size)
    levels, score_maps = ours.dense(torch.from_numpy(image)[None], plan)
    torch.testing.assert_close(levels, pyramid.levels, rtol=1e-4, atol=2e-5)
    torch.testing.assert_close(score_maps[0], score_map, rtol=1e-4, atol=1e-5)
    corners = [[0.2, 0.4], [size[1] - 1, size[0] - 1], [size[1] - 1.5, 0.0]]
    inner = np.random.default_rng(0).uniform(0, [size[1] - 1, size[0] - 1], (60, 2))
    keypoints = torch.tensor(np.concatenate([inner, corners]), dtype=torch.float32)
    described = ours.describe(levels, keypoints[None], plan)[0]
    expected = reference.describe(pyramid, keypoints)
    assert (described * expected).sum(dim=1).min() > 0.99999


@pytest.mark.parametrize("size", [(64, 64), (97, 131), (128, 100)])
def test_grey_and_color_images_give_the_features_of_the_reference(size: tuple[int, int]) -> None:
    reference, ours = extractors(max_keypoints=50)
    for image in (make_image(*size), make_color_image(*size)):
        assert_same_features(ours.extract(image), reference.extract(image), share=0.98)


def test_an_image_gives_the_same_in_a_batch_as_alone() -> None:
    _, ours = extractors(max_keypoints=60)
    images = [make_image(97, 131, seed) for seed in range(3)]
    for together, image in zip(ours.extract_batch(images), images, strict=True):
        alone = ours.extract(image)
        assert_same_features(together, alone)
        assert np.all(np.diff(together.scores) <= 0)


def test_maxima_fewer_than_the_budget_give_fewer_keypoints() -> None:
    image = np.full((96, 128), 100, np.uint8)
    image[30:40, 50:60] = 255
    reference, ours = extractors(max_keypoints=5000)
    expected, found = reference.extract(image), ours.extract(image)
    assert 0 < len(found) < 5000
    assert abs(len(found) - len(expected)) <= 0.05 * len(expected)  # where all is equal, rounding decides
    assert np.isfinite(found.descriptors).all()
    assert found.scores.min() > 0


def test_a_score_map_without_maxima_gives_no_keypoint() -> None:
    plan = CudaAliked(folded("aliked-t16"), PRECISIONS["fp32"], CPU).plan((64, 80))
    _, scores = cuda_detection.detect(torch.zeros(2, 64, 80), 10, Border(2, 2), plan)
    assert (scores == cuda_detection.NOTHING).all()


def test_maxima_and_their_order_are_those_of_the_definition() -> None:
    rng = np.random.default_rng(0)
    smooth = torch.tensor(rng.random((40, 50)), dtype=torch.float32)
    coarse = torch.tensor(rng.integers(0, 6, (40, 50)) / 5, dtype=torch.float32)  # many equal neighbours
    for score_map in (smooth, coarse):
        kept = cuda_detection.local_maxima(torch.stack([score_map, score_map.flip(1)]))
        expected = score_map * local_maxima(score_map)
        assert torch.equal(kept[0], expected)
        assert torch.equal(kept[1].flip(1), expected)


@pytest.mark.parametrize(("precision", "median_cosine"), [("fp16", 0.9999), ("bf16", 0.995)])
def test_half_precision_stays_close(precision: str, median_cosine: float) -> None:
    reference, ours = extractors(max_keypoints=60, precision=precision)
    image = make_image(97, 131)
    expected, found = reference.extract(image), ours.extract(image)
    assert ours.device_name == f"cpu, {precision}"
    assert found.pixels.dtype == found.descriptors.dtype == found.scores.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found.descriptors, axis=1), 1, atol=1e-5)
    distance = np.linalg.norm(expected.pixels[:, None] - found.pixels[None], axis=2)
    close = distance.min(axis=1) < 0.1
    assert close.mean() > 0.8
    cosine = np.sum(expected.descriptors * found.descriptors[distance.argmin(axis=1)], axis=1)[close]
    assert np.median(cosine) > median_cosine


class OnlyOnTheDevice(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuses what cannot be captured: shapes that depend on values, numbers read back or uploaded."""

    def __init__(self, device: torch.device = CPU) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.device = device

    forbidden_tags = frozenset({torch.Tag.dynamic_output_shape, torch.Tag.data_dependent_output})
    forbidden_names = ("aten::lift_fresh", "aten::scalar_tensor")

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        assert func.name() not in self.forbidden_names
        tensors = [value for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor)]
        assert all(tensor.device == self.device for tensor in tensors), func.name()
        if func is torch.ops.aten.index.Tensor:  # allowed with integers
            assert all(index is None or index.dtype == torch.int64 for index in args[1])
        else:
            assert self.forbidden_tags.isdisjoint(func.tags), func.name()
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_no_operation_depends_on_values_or_on_the_host(precision: str) -> None:
    ours = CudaAliked(folded("aliked-t16"), PRECISIONS[precision], CPU)
    plan = ours.plan((65, 97))
    for shape in ((1, 65, 97), (3, 65, 97, 3)):
        images = torch.randint(0, 256, shape, dtype=torch.uint8)
        with OnlyOnTheDevice():
            found = ours(images, plan, 70)
        assert found.keypoints.shape == (shape[0], 70, 2)
        assert found.descriptors.shape == (shape[0], 70, 64)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", ALIKED_VARIANTS)
def test_every_variant_needs_neither_values_nor_the_host(name: str, precision: str) -> None:
    meta = torch.device("meta")  # knows shapes, has no values
    network = folded(name)
    ours, dim = CudaAliked(network, PRECISIONS[precision], meta), network.config.trunk.dim
    for shape in ((1, 376, 1241), (2, 480, 640, 3)):
        plan = ours.plan((shape[1], shape[2]))
        images = torch.empty(shape, dtype=torch.uint8, device=meta)
        with OnlyOnTheDevice(meta):
            found = ours(images, plan, 1000)
        assert found.keypoints.shape == (shape[0], 1000, 2)
        assert found.descriptors.shape == (shape[0], 1000, dim)
        assert found.descriptors.device == found.scores.device == meta


def test_a_tensor_of_the_host_would_be_noticed() -> None:
    x = torch.ones(5, device="meta")
    with OnlyOnTheDevice(x.device), pytest.raises(AssertionError):
        x + torch.ones(())


@pytest.mark.parametrize(
    "mistake",
    [
        lambda x: torch.tensor([1.0, 2.0]),
        lambda x: x.sum().item(),
        lambda x: torch.where(x > 0, 1.0, x),
        lambda x: x.nonzero(),
        lambda x: x[x > 0],
    ],
)
def test_an_operation_that_does_would_be_noticed(mistake: Callable[[Tensor], object]) -> None:
    x = torch.ones(5)
    with OnlyOnTheDevice(), pytest.raises(AssertionError):
        mistake(x)


def test_only_the_last_shapes_stay_prepared() -> None:
    captured = []

    def capture(function: Callable[[Tensor], Tensor], shape: tuple[int, ...]) -> BatchFunction:
        captured.append(shape)
        return capture_plainly(function, shape)

    ours = CudaAlikedExtractor("aliked-t16", random_aliked(), max_keypoints=20, device=CPU, capture=capture)
    widths = range(64, 64 + MAX_SHAPES)
    first = [ours.extract(make_image(64, width)) for width in widths]
    for width in widths:
        ours.extract(make_image(64, width))
    assert captured == [(1, 64, width) for width in widths]
    ours.extract(make_image(64, 100))  # drops the one that was used longest ago
    ours.extract(make_image(64, 65))
    assert captured[MAX_SHAPES:] == [(1, 64, 100)]
    np.testing.assert_array_equal(ours.extract(make_image(64, 64)).pixels, first[0].pixels)
    assert captured[MAX_SHAPES:] == [(1, 64, 100), (1, 64, 64)]


def test_alike_has_no_half_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(VoError, match="got 'fp16', but alike-t on cuda has fp32"):
        load_extractor("alike-t", max_keypoints=10, device="cuda", precision="fp16")


@pytest.mark.real
@pytest.mark.parametrize("name", ["aliked-t16", "aliked-n16"])
def test_official_references_are_met_in_fp32(
    parity: ModuleType, golden_dir: Path, weights_dir: Path, name: str
) -> None:
    from vo_frontend.features.loading import load_weights, make_network

    network = make_network(name)
    load_weights(network, name, weights_dir / f"{name}.pth")
    assert isinstance(network, AlikedNetwork)
    ours = as_on_gpu(network, max_keypoints=1000, name=name)
    cases = [case for case in parity.find_cases(golden_dir, name) if case.size == "half"]
    assert cases
    for case in cases[:3]:
        found = ours.extract(parity.read_image(golden_dir, case))
        assert parity.compare(parity.read_reference(case.path), found).holds, case
