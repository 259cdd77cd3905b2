"""ALIKED on the CPU against the reference network."""

import copy
import tracemalloc
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import numpy as np
import pytest
import torch
from feature_inputs import assert_equal_features, make_color_image, make_image, random_aliked

from vo_frontend.features.cpu import workspace
from vo_frontend.features.cpu.extractor import CpuAlikedExtractor
from vo_frontend.features.cpu.lanes import SharedNetwork
from vo_frontend.features.cpu.network import CpuAliked
from vo_frontend.features.networks.aliked.network import AlikedNetwork
from vo_frontend.features.networks.detection import detect
from vo_frontend.features.networks.extractor import NetworkExtractor, to_batch

CPU = torch.device("cpu")


def random_extractor(name: str = "aliked-t16", **settings: Any) -> CpuAlikedExtractor:
    network = random_aliked(name)
    return CpuAlikedExtractor(name, network.config, network.arrays(), **settings)


def both(network: AlikedNetwork, num_threads: int = 2) -> tuple[AlikedNetwork, CpuAliked]:
    folded = copy.deepcopy(network)
    folded.for_inference()
    return folded, CpuAliked(network.config, network.arrays(), num_threads)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("aliked-t16", (64, 64)),
        ("aliked-t16", (97, 131)),
        ("aliked-n16", (75, 160)),
        ("aliked-n32", (64, 97)),
    ],
)
@torch.inference_mode()
def test_scores_keypoints_and_descriptors_are_those_of_the_reference(
    name: str, size: tuple[int, int]
) -> None:
    reference, cpu = both(random_aliked(name))
    image = make_color_image(*size)
    pyramid, expected = reference(to_batch(image, CPU))
    score_map = cpu.score_map(image)
    np.testing.assert_allclose(score_map, expected.numpy(), rtol=1e-3, atol=2e-5)
    scores = torch.tensor(score_map)
    keypoints, values = (array.numpy() for array in detect(scores, 50, reference.border))
    ours, our_values = cpu.detect(score_map, 50)
    order, our_order = np.lexsort(keypoints.T), np.lexsort(ours.T)
    np.testing.assert_allclose(ours[our_order], keypoints[order], atol=5e-5)
    np.testing.assert_allclose(our_values[our_order], values[order], atol=2e-5)
    corners = [[0.2, 0.4], [size[1] - 1, size[0] - 1], [size[1] - 1.5, 0.0]]
    keypoints = np.concatenate([keypoints, np.array(corners, np.float32)])
    described = reference.describe(pyramid, torch.tensor(keypoints)).numpy()
    np.testing.assert_allclose(np.sum(cpu.describe(keypoints) * described, axis=1), 1, atol=1e-4)


@pytest.mark.parametrize(("name", "size"), [("aliked-t16", (97, 131)), ("aliked-n16", (75, 161))])
def test_bfloat16_maps_change_scores_and_descriptors_by_little_more_than_their_rounding(
    name: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "HAS_PAIRS", False)  # the arithmetic stays float32
    image = make_image(*size)
    network = random_aliked(name)
    keypoints = np.random.default_rng(0).uniform(0, np.array(size[::-1]) - 1, (60, 2)).astype(np.float32)
    score_maps, descriptors = [], []
    for precision in ("fp32", "bf16"):
        cpu = CpuAliked(network.config, network.arrays(), 2, precision)
        score_maps.append(cpu.score_map(image))
        descriptors.append(cpu.describe(keypoints))
    difference = np.abs(score_maps[0] - score_maps[1])
    assert 0 < difference.max() < 2**-8
    cosine = np.sum(descriptors[0] * descriptors[1], axis=1)
    assert 0.999 < cosine.min() < cosine.max() < 1 + 1e-6


def test_bfloat16_is_visible_and_halves_the_largest_maps() -> None:
    image, sizes = make_image(256, 320), []
    for precision, shown in (("fp32", "cpu"), ("bf16", "cpu, bf16")):
        extractor = random_extractor("aliked-n16", max_keypoints=50, precision=precision)
        assert extractor.device_name == shown
        tracemalloc.start()
        extractor.extract(image)
        sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
    saved_per_px = 2 * 16 + 2 * 32 / 4  # block 1, and the second level of the pyramid at half size
    assert sizes[0] - sizes[1] > 0.95 * saved_per_px * image.size


def test_the_number_of_threads_changes_nothing() -> None:
    image = make_image(97, 131)
    network = random_aliked()
    outputs = []
    for num_threads in (1, 2, 5):
        cpu = CpuAliked(network.config, network.arrays(), num_threads)
        score_map = cpu.score_map(image)
        keypoints, _ = cpu.detect(score_map, 60)
        outputs.append((score_map.copy(), keypoints, cpu.describe(keypoints)))
    for other in outputs[1:]:
        for ours, expected in zip(other, outputs[0], strict=True):
            np.testing.assert_array_equal(ours, expected)


def test_images_of_other_sizes_in_between_leave_no_trace() -> None:
    extractor = random_extractor(max_keypoints=80)
    small, large = make_image(64, 100), make_image(150, 130)
    first = extractor.extract(small)
    extractor.extract(large)
    extractor.extract(255 - small)
    again = extractor.extract(small)
    np.testing.assert_array_equal(again.pixels, first.pixels)
    np.testing.assert_array_equal(again.descriptors, first.descriptors)


def test_both_extractors_find_the_same_features() -> None:
    image = make_image(128, 160)
    network = random_aliked()
    ours = random_extractor(max_keypoints=50).extract(image)
    slow = NetworkExtractor("aliked-t16", network, max_keypoints=50, device=CPU).extract(image)
    distance = np.linalg.norm(ours.pixels[:, None] - slow.pixels[None], axis=2)
    assert np.mean(distance.min(axis=1) < 0.01) >= 0.98
    pairs = distance.argmin(axis=1)[distance.min(axis=1) < 0.01]
    cosine = np.sum(ours.descriptors[distance.min(axis=1) < 0.01] * slow.descriptors[pairs], axis=1)
    assert cosine.min() > 0.9999


def test_the_arrays_of_a_road_image_take_less_than_150_megabytes() -> None:
    for name in ("aliked-t16", "aliked-n16"):
        extractor = random_extractor(name, max_keypoints=1000)
        image = make_image(376, 1241)
        tracemalloc.start()
        for height in (376, 370, 376):
            extractor.extract(image[:height])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 150e6


@pytest.mark.parametrize(("num_threads", "num_images"), [(1, 2), (2, 2), (2, 3), (4, 2), (4, 6), (3, 3)])
def test_images_side_by_side_give_what_they_give_alone(num_threads: int, num_images: int) -> None:
    extractor = random_extractor(max_keypoints=60, num_threads=num_threads)
    images = [make_image(97, 131, seed) for seed in range(num_images)]
    for together in (extractor.extract_batch(images), extractor.extract_batch(images)):
        for found, image in zip(together, images, strict=True):
            assert_equal_features(found, extractor.extract(image))


@pytest.mark.parametrize("num_threads", [1, 2, 5])
def test_calls_from_several_threads_find_what_they_find_alone(num_threads: int) -> None:
    extractor = random_extractor(max_keypoints=60, num_threads=num_threads)
    images = [make_image(97 + seed % 2, 131, seed) for seed in range(12)]
    with ThreadPoolExecutor(3) as threads:
        together = list(threads.map(extractor.extract, images))
    for found, image in zip(together, images, strict=True):
        assert_equal_features(found, extractor.extract(image))


def test_two_calls_at_once_have_half_of_the_threads_each_and_a_third_waits() -> None:
    network = random_aliked()
    shared = SharedNetwork(CpuAliked(network.config, network.arrays(), num_threads=5))

    def third_call() -> None:
        with shared.lent():
            pass

    with ThreadPoolExecutor(1) as thread:
        with shared.lent() as alone, shared.lent() as beside:
            assert (alone.team.size, beside.team.size) == (5, 2)
            third = thread.submit(third_call)
            assert not wait([third], 0.05).done
        third.result(10)
    with shared.lent() as network_again:
        assert network_again is alone
