"""ALIKED in operations of fixed shape against the reference. A GPU replays them, here they run one by one."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from vo_frontend.errors import VoError
from vo_frontend.features import load_extractor
from vo_frontend.features.cuda import detection as static_detection
from vo_frontend.features.cuda import extractor as cuda_extractor
from vo_frontend.features.cuda.extractor import CudaAlikedExtractor
from vo_frontend.features.cuda.network import StaticAliked
from vo_frontend.features.cuda.precision import PRECISIONS
from vo_frontend.features.networks.detection import Border, local_maxima
from vo_frontend.features.networks.extractor import NetworkExtractor, to_batch

CPU = torch.device("cpu")
TOOL = Path(__file__).parents[2] / "tools" / "check_parity.py"


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():  # in inference mode, compound operations would hide what they are made of
        yield


def color(make_image, height, width):
    return np.dstack([make_image(height, width, seed) for seed in range(3)])


def extractors(network, max_keypoints, **options):
    """The reference and ours, with the same weights."""
    reference = NetworkExtractor("aliked-t16", network, max_keypoints=max_keypoints, device=CPU)
    ours = CudaAlikedExtractor("aliked-t16", network, max_keypoints=max_keypoints, device=CPU, **options)
    return reference, ours


def assert_same_features(ours, expected, share=1.0, distance_px=1e-3, cosine=0.99999, score=1e-4):
    """At least ``share`` of the expected keypoints are ours too, with the same descriptor and score."""
    distance = np.linalg.norm(expected.pixels[:, None] - ours.pixels[None], axis=2)
    found = distance.min(axis=1) < distance_px
    assert len(ours) == len(expected)
    assert found.mean() >= share
    partner = distance.argmin(axis=1)[found]
    assert np.min(np.sum(ours.descriptors[partner] * expected.descriptors[found], axis=1)) > cosine
    np.testing.assert_allclose(ours.scores[partner], expected.scores[found], atol=score)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("aliked-t16", (64, 64)),
        ("aliked-t16", (97, 131)),
        ("aliked-n16", (75, 160)),
        ("aliked-n32", (64, 97)),
    ],
)
def test_levels_scores_and_descriptors_are_those_of_the_reference(name, size, random_network, make_image):
    reference = random_network(name).for_inference()
    static = StaticAliked(reference, PRECISIONS["fp32"], CPU)
    image = color(make_image, *size)
    pyramid, score_map = reference(to_batch(image, CPU))
    plan = static.plan(size)
    levels, score_maps = static.dense(torch.from_numpy(image)[None], plan)
    torch.testing.assert_close(levels, pyramid.levels, rtol=1e-4, atol=2e-5)
    torch.testing.assert_close(score_maps[0], score_map, rtol=1e-4, atol=1e-5)
    corners = [[0.2, 0.4], [size[1] - 1, size[0] - 1], [size[1] - 1.5, 0.0]]
    inner = np.random.default_rng(0).uniform(0, [size[1] - 1, size[0] - 1], (60, 2))
    keypoints = torch.tensor(np.concatenate([inner, corners]), dtype=torch.float32)
    described = static._descriptor_head(levels, keypoints[None], plan)[0]
    expected = reference.describe(pyramid, keypoints)
    assert (described * expected).sum(dim=1).min() > 0.99999


@pytest.mark.parametrize("size", [(64, 64), (97, 131), (128, 100)])
def test_grey_and_color_images_give_the_features_of_the_reference(size, random_network, make_image):
    reference, ours = extractors(random_network("aliked-t16"), max_keypoints=50)
    for image in (make_image(*size), color(make_image, *size)):
        assert_same_features(ours.extract(image), reference.extract(image), share=0.98)


def test_an_image_gives_the_same_in_a_batch_as_alone(random_network, make_image):
    _, ours = extractors(random_network("aliked-t16"), max_keypoints=60)
    images = [make_image(97, 131, seed) for seed in range(3)]
    for together, image in zip(ours.extract_batch(images), images, strict=True):
        alone = ours.extract(image)
        assert_same_features(together, alone)
        assert np.all(np.diff(together.scores) <= 0)


def test_maxima_fewer_than_the_budget_give_fewer_keypoints(random_network):
    image = np.full((96, 128), 100, np.uint8)
    image[30:40, 50:60] = 255
    reference, ours = extractors(random_network("aliked-t16"), max_keypoints=5000)
    expected, found = reference.extract(image), ours.extract(image)
    assert 0 < len(found) < 5000
    assert abs(len(found) - len(expected)) <= 0.05 * len(expected)  # where all is equal, rounding decides
    assert np.isfinite(found.descriptors).all()
    assert found.scores.min() > 0


def test_a_score_map_without_maxima_gives_no_keypoint():
    class Plan:
        image_size = (64, 80)
        window_px = torch.zeros(25, 2)
        window_index = torch.zeros(25, dtype=torch.int64)
        last_px = torch.tensor([79.0, 63.0])

    _, scores = static_detection.detect(torch.zeros(2, 64, 80), 10, Border(2, 2), Plan)
    assert (scores == static_detection.NOTHING).all()


def test_maxima_and_their_order_are_those_of_the_definition():
    rng = np.random.default_rng(0)
    smooth = torch.tensor(rng.random((40, 50)), dtype=torch.float32)
    coarse = torch.tensor(rng.integers(0, 6, (40, 50)) / 5, dtype=torch.float32)  # many equal neighbours
    for score_map in (smooth, coarse):
        kept = static_detection.local_maxima(torch.stack([score_map, score_map.flip(1)]))
        expected = score_map * local_maxima(score_map)
        assert torch.equal(kept[0], expected)
        assert torch.equal(kept[1].flip(1), expected)


@pytest.mark.parametrize(("precision", "median_cosine"), [("fp16", 0.9999), ("bf16", 0.995)])
def test_half_precision_stays_close(precision, median_cosine, random_network, make_image):
    reference, ours = extractors(random_network("aliked-t16"), max_keypoints=60, precision=precision)
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


class OnlyOnTheDevice(TorchDispatchMode):
    """Refuses what cannot be captured: shapes that depend on values, numbers read back or uploaded."""

    forbidden_tags = frozenset({torch.Tag.dynamic_output_shape, torch.Tag.data_dependent_output})
    forbidden_names = ("aten::lift_fresh", "aten::scalar_tensor")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func.name() not in self.forbidden_names
        if func is torch.ops.aten.index.Tensor:  # allowed with integers
            assert all(index is None or index.dtype == torch.int64 for index in args[1])
        else:
            assert self.forbidden_tags.isdisjoint(func.tags), func.name()
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_no_operation_depends_on_values_or_on_the_host(precision, random_network):
    static = StaticAliked(random_network("aliked-t16").for_inference(), PRECISIONS[precision], CPU)
    plan = static.plan((65, 97))
    for shape in ((1, 65, 97), (3, 65, 97, 3)):
        images = torch.randint(0, 256, shape, dtype=torch.uint8)
        with OnlyOnTheDevice():
            found = static(images, plan, 70)
        assert found.keypoints.shape == (shape[0], 70, 2)
        assert found.descriptors.shape == (shape[0], 70, 64)


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
def test_an_operation_that_does_would_be_noticed(mistake):
    x = torch.ones(5)
    with OnlyOnTheDevice(), pytest.raises(AssertionError):
        mistake(x)


def test_only_the_last_shapes_stay_prepared(random_network, make_image):
    _, ours = extractors(random_network("aliked-t16"), max_keypoints=20)
    first = ours.extract(make_image(64, 64))
    for width in range(65, 72):
        ours.extract(make_image(64, width))
    assert len(ours._prepared) == cuda_extractor.MAX_SHAPES
    assert (1, 64, 64) not in ours._prepared
    np.testing.assert_array_equal(ours.extract(make_image(64, 64)).pixels, first.pixels)


def test_a_batch_of_different_shapes_is_refused_and_an_empty_one_is_empty(random_network, make_image):
    _, ours = extractors(random_network("aliked-t16"), max_keypoints=20)
    assert ours.extract_batch([]) == []
    with pytest.raises(ValueError, match=r"images: got shapes \[\(64, 64\), \(64, 65\)\]"):
        ours.extract_batch([make_image(64, 64), make_image(64, 65)])


def test_alike_has_no_half_precision(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(VoError, match="got 'fp16', but alike-t on cuda has fp32"):
        load_extractor("alike-t", max_keypoints=10, device="cuda", precision="fp16")


@pytest.fixture
def parity():
    spec = importlib.util.spec_from_file_location("check_parity_static", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules["check_parity_static"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["check_parity_static"]


@pytest.mark.real
@pytest.mark.parametrize("name", ["aliked-t16", "aliked-n16"])
def test_official_references_are_met_in_fp32(parity, golden_dir, weights_dir, name):
    from vo_frontend.features.loading import load_weights, make_network

    network = make_network(name)
    load_weights(network, name, weights_dir / f"{name}.pth")
    ours = CudaAlikedExtractor(name, network, max_keypoints=1000, device=CPU)
    cases = [case for case in parity.find_cases(golden_dir, name) if case.size == "half"]
    assert cases
    for case in cases[:3]:
        found = ours.extract(parity.read_image(golden_dir, case))
        assert parity.compare(parity.read_reference(case.path), found).holds, case
