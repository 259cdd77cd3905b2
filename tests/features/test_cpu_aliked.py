"""The fast path of ALIKED against the reference network."""

import copy
import tracemalloc

import numpy as np
import pytest
import torch

from vo_frontend.features.cpu.extractor import FastAlikedExtractor
from vo_frontend.features.cpu.network import FastAliked
from vo_frontend.features.networks.detection import detect
from vo_frontend.features.networks.extractor import NetworkExtractor, to_batch

CPU = torch.device("cpu")


def both(network, num_threads=2):
    folded = copy.deepcopy(network).for_inference()
    return folded, FastAliked(folded, num_threads)


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
def test_scores_keypoints_and_descriptors_are_those_of_the_reference(name, size, random_network, make_image):
    reference, fast = both(random_network(name))
    image = np.dstack([make_image(*size, seed) for seed in range(3)])
    pyramid, expected = reference(to_batch(image, CPU))
    score_map = fast.score_map(image)
    np.testing.assert_allclose(score_map, expected.numpy(), rtol=1e-3, atol=2e-5)
    scores = torch.tensor(score_map)
    keypoints, values = (array.numpy() for array in detect(scores, 50, reference.border))
    ours, our_values = fast.detect(score_map, 50, reference.border)
    order, our_order = np.lexsort(keypoints.T), np.lexsort(ours.T)
    np.testing.assert_allclose(ours[our_order], keypoints[order], atol=5e-5)
    np.testing.assert_allclose(our_values[our_order], values[order], atol=2e-5)
    corners = [[0.2, 0.4], [size[1] - 1, size[0] - 1], [size[1] - 1.5, 0.0]]
    keypoints = np.concatenate([keypoints, np.array(corners, np.float32)])
    described = reference.describe(pyramid, torch.tensor(keypoints)).numpy()
    np.testing.assert_allclose(np.sum(fast.describe(keypoints) * described, axis=1), 1, atol=1e-4)


@pytest.mark.parametrize(("name", "size"), [("aliked-t16", (97, 131)), ("aliked-n16", (75, 161))])
def test_bfloat16_maps_change_scores_and_descriptors_by_little_more_than_their_rounding(
    name, size, random_network, make_image
):
    image = make_image(*size)
    folded = random_network(name).for_inference()
    keypoints = np.random.default_rng(0).uniform(0, np.array(size[::-1]) - 1, (60, 2)).astype(np.float32)
    score_maps, descriptors = [], []
    for precision in ("fp32", "bf16"):
        fast = FastAliked(folded, 2, precision)
        score_maps.append(fast.score_map(image))
        descriptors.append(fast.describe(keypoints))
    difference = np.abs(score_maps[0] - score_maps[1])
    assert 0 < difference.max() < 2**-8
    cosine = np.sum(descriptors[0] * descriptors[1], axis=1)
    assert 0.999 < cosine.min() < cosine.max() < 1 + 1e-6


def test_bfloat16_is_visible_and_halves_the_largest_maps(random_network, make_image):
    image, sizes = make_image(256, 320), []
    for precision, shown in (("fp32", "cpu"), ("bf16", "cpu, bf16")):
        extractor = FastAlikedExtractor(
            "aliked-n16", random_network("aliked-n16"), max_keypoints=50, precision=precision
        )
        assert extractor.device_name == shown
        tracemalloc.start()
        extractor.extract(image)
        sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
    saved_per_px = 2 * 16 + 2 * 32 / 4  # block 1, and the second level of the pyramid at half size
    assert sizes[0] - sizes[1] > 0.95 * saved_per_px * image.size


def test_the_number_of_threads_changes_nothing(random_network, make_image):
    image = make_image(97, 131)
    network = random_network("aliked-t16")
    outputs = []
    for num_threads in (1, 2, 5):
        reference, fast = both(network, num_threads)
        score_map = fast.score_map(image)
        keypoints, _ = fast.detect(score_map, 60, reference.border)
        outputs.append((score_map.copy(), keypoints, fast.describe(keypoints)))
    for other in outputs[1:]:
        for ours, expected in zip(other, outputs[0], strict=True):
            np.testing.assert_array_equal(ours, expected)


def test_images_of_other_sizes_in_between_leave_no_trace(random_network, make_image):
    extractor = FastAlikedExtractor("aliked-t16", random_network("aliked-t16"), max_keypoints=80)
    small, large = make_image(64, 100), make_image(150, 130)
    first = extractor.extract(small)
    extractor.extract(large)
    extractor.extract(255 - small)
    again = extractor.extract(small)
    np.testing.assert_array_equal(again.pixels, first.pixels)
    np.testing.assert_array_equal(again.descriptors, first.descriptors)


def test_both_extractors_find_the_same_features(random_network, make_image):
    image = make_image(128, 160)
    network = random_network("aliked-t16")
    fast = FastAlikedExtractor("aliked-t16", copy.deepcopy(network), max_keypoints=50).extract(image)
    slow = NetworkExtractor("aliked-t16", network, max_keypoints=50, device=CPU).extract(image)
    distance = np.linalg.norm(fast.pixels[:, None] - slow.pixels[None], axis=2)
    assert np.mean(distance.min(axis=1) < 0.01) >= 0.98
    pairs = distance.argmin(axis=1)[distance.min(axis=1) < 0.01]
    cosine = np.sum(fast.descriptors[distance.min(axis=1) < 0.01] * slow.descriptors[pairs], axis=1)
    assert cosine.min() > 0.9999


def test_the_arrays_of_a_road_image_take_less_than_150_megabytes(random_network, make_image):
    for name in ("aliked-t16", "aliked-n16"):
        extractor = FastAlikedExtractor(name, random_network(name), max_keypoints=1000)
        image = make_image(376, 1241)
        tracemalloc.start()
        for height in (376, 370, 376):
            extractor.extract(image[:height])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 150e6
