"""What only a GPU can show. ``tests/features/test_static_aliked.py`` runs the same operations on the CPU."""

import threading

import numpy as np
import pytest
import torch

from vo_frontend.features import load_extractor
from vo_frontend.features.cuda import extractor as cuda_extractor
from vo_frontend.features.cuda.extractor import CudaAlikedExtractor
from vo_frontend.features.networks.extractor import NetworkExtractor

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

CUDA = torch.device("cuda")
# Share of keypoints within a distance in px, and median of the cosines of their descriptors.
BOUNDS = {"fp32": (0.995, 0.01, 0.99999), "fp16": (0.97, 0.1, 0.999), "bf16": (0.9, 0.1, 0.99)}


@pytest.fixture
def make_extractor(random_network):
    def make(precision="fp32", name="aliked-t16", max_keypoints=300):
        network = random_network(name)
        return CudaAlikedExtractor(
            name, network, max_keypoints=max_keypoints, precision=precision, device=CUDA
        )

    return make


def assert_close(found, expected, share, distance_px, median_cosine):
    distance = np.linalg.norm(expected.pixels[:, None] - found.pixels[None], axis=2)
    close = distance.min(axis=1) < distance_px
    assert close.mean() >= share
    partners = found.descriptors[distance.argmin(axis=1)[close]]
    assert np.median(np.sum(expected.descriptors[close] * partners, axis=1)) >= median_cosine


def assert_equal(found, expected):
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    np.testing.assert_array_equal(found.descriptors, expected.descriptors)
    np.testing.assert_array_equal(found.scores, expected.scores)


@pytest.mark.real
@pytest.mark.parametrize("name", ["aliked-t16", "aliked-n16", "alike-t", "alike-l"])
def test_the_gpu_finds_the_keypoints_of_the_cpu(name, weights_dir, make_image):
    image = make_image(480, 640)
    cpu, gpu = (
        load_extractor(name, max_keypoints=500, device=device, weights_dir=weights_dir).extract(image)
        for device in ("cpu", "cuda")
    )
    assert_close(gpu, cpu, *BOUNDS["fp32"])


@pytest.mark.real
@pytest.mark.parametrize("precision", BOUNDS)
@pytest.mark.parametrize("name", ["aliked-t16", "aliked-n16"])
def test_every_precision_keeps_its_bounds_with_official_weights(name, precision, weights_dir, make_image):
    image = make_image(376, 1241)
    options = {"max_keypoints": 1000, "weights_dir": weights_dir}
    expected = load_extractor(name, device="cpu", **options).extract(image)
    extractor = load_extractor(name, device="cuda", precision=precision, **options)
    assert extractor.device_name.endswith(precision) == (precision != "fp32")
    assert_close(extractor.extract(image), expected, *BOUNDS[precision])


@pytest.mark.parametrize("size", [(64, 64), (97, 131), (376, 621)])
def test_the_graph_finds_what_the_reference_network_finds(size, random_network, make_extractor, make_image):
    image = np.dstack([make_image(*size, seed) for seed in range(3)])
    reference = NetworkExtractor(
        "aliked-t16", random_network("aliked-t16"), max_keypoints=300, device=torch.device("cpu")
    )
    assert_close(make_extractor().extract(image), reference.extract(image), *BOUNDS["fp32"])


@pytest.mark.parametrize("precision", BOUNDS)
def test_replays_repeat_exactly_also_with_another_size_in_between(precision, make_extractor, make_image):
    extractor = make_extractor(precision)
    small, large = make_image(120, 160), make_image(200, 333)
    first = extractor.extract(small), extractor.extract(large)
    prepared = dict(extractor._prepared)
    for _ in range(3):
        extractor.extract(255 - small)
        assert_equal(extractor.extract(small), first[0])
        assert_equal(extractor.extract(large), first[1])
    assert extractor._prepared == prepared


@pytest.mark.parametrize("precision", BOUNDS)
def test_grey_equals_color_and_a_batch_equals_single_images(precision, make_extractor, make_image):
    extractor = make_extractor(precision)
    images = [make_image(240, 320, seed) for seed in range(8)]
    singles = [extractor.extract(image) for image in images]
    assert_equal(extractor.extract(np.dstack([images[0]] * 3)), singles[0])
    for together, alone in zip(extractor.extract_batch(images), singles, strict=True):
        assert_close(together, alone, *BOUNDS[precision])


def test_maxima_fewer_than_the_budget_give_fewer_keypoints(make_extractor):
    image = np.full((96, 128), 100, np.uint8)
    image[30:40, 50:60] = 255
    found = make_extractor(max_keypoints=5000).extract(image)
    assert 0 < len(found) < 5000
    assert found.scores.min() > 0


def test_threads_that_share_an_extractor_or_bring_their_own_do_not_disturb_each_other(
    make_extractor, make_image
):
    images = [make_image(96 + 16 * index, 160) for index in range(3)]
    shared = make_extractor()
    expected = [shared.extract(image) for image in images]
    own = [make_extractor() for _ in images]
    found = {}

    def work(index):  # captures, while others capture and replay
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
            assert_equal(features, expected[index])
        assert_close(found[index][0], expected[index], *BOUNDS["fp32"])


def test_memory_does_not_grow_with_the_number_of_sizes(make_extractor, make_image):
    extractor = make_extractor(max_keypoints=100)
    image = make_image(200, 300)
    used = []
    for turn in range(3 * cuda_extractor.MAX_SHAPES):
        extractor.extract(image[:, : 300 - turn])
        free, total = torch.cuda.mem_get_info()
        used.append((total - free) / 1e6)
    settled = used[cuda_extractor.MAX_SHAPES + 1]
    assert used[-1] - settled < 64  # MB
    for _ in range(50):
        extractor.extract(image[:, : 300 - turn])
    assert (total - torch.cuda.mem_get_info()[0]) / 1e6 - used[-1] < 1


def test_extraction_leaves_the_settings_of_cudnn_alone(make_extractor, make_image):
    cudnn = torch.backends.cudnn
    before = cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32
    make_extractor().extract(make_image(96, 128))
    assert (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32) == before
