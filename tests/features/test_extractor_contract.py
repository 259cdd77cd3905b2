"""What every extractor promises; with official weights where this machine has them, else random ones."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from vo_frontend.errors import VoError
from vo_frontend.features import EXTRACTORS, load_extractor
from vo_frontend.features.cpu.extractor import FastAlikedExtractor
from vo_frontend.features.cuda.extractor import CudaAlikedExtractor
from vo_frontend.features.networks.alike.network import ALIKE_VARIANTS
from vo_frontend.features.networks.aliked.network import ALIKED_VARIANTS
from vo_frontend.features.networks.extractor import NetworkExtractor
from vo_frontend.features.weights import WEIGHTS

BUDGET = 120


REFERENCE = "aliked-t16 by its reference network"
STATIC = "aliked-t16 as on a GPU"


@pytest.fixture(params=[*EXTRACTORS, REFERENCE, STATIC])
def extractor(request, random_network):
    return make_extractor(request.param, random_network)


@pytest.fixture(params=["aliked-t16", "alike-t", "orb", REFERENCE, STATIC])
def small_extractor(request, random_network):
    return make_extractor(request.param, random_network)


def make_extractor(name, random_network, **options):
    folder = os.environ.get("VO_WEIGHTS_DIR")
    options = {"max_keypoints": BUDGET, **options}
    if name in (REFERENCE, STATIC):
        make = NetworkExtractor if name == REFERENCE else CudaAlikedExtractor
        return make("aliked-t16", random_network("aliked-t16"), device=torch.device("cpu"), **options)
    if name == "orb" or (folder and (Path(folder) / f"{name}.pth").is_file()):
        return load_extractor(name, device="cpu", **options)
    if name in ALIKED_VARIANTS:
        return FastAlikedExtractor(name, random_network(name), **options)
    return NetworkExtractor(name, random_network(name), device=torch.device("cpu"), **options)


def test_budget_is_met_where_there_are_enough_maxima(extractor, make_image):
    features = extractor.extract(make_image(160, 192))
    assert len(features) == BUDGET == extractor.max_keypoints
    assert features.descriptors.shape == (BUDGET, extractor.descriptor_size)


def test_descriptors_have_unit_length_and_scores_descend(extractor, make_image):
    features = extractor.extract(make_image(160, 192))
    np.testing.assert_allclose(np.linalg.norm(features.descriptors, axis=1), 1, atol=1e-5)
    assert np.all(np.diff(features.scores) <= 0)
    assert {array.dtype for array in (features.pixels, features.descriptors, features.scores)} == {
        np.dtype(np.float32)
    }


@pytest.mark.parametrize("size", [(64, 64), (65, 97), (97, 65), (96, 128)])
def test_keypoints_lie_inside_images_of_any_size(extractor, make_image, size):
    features = extractor.extract(make_image(*size))
    height, width = size
    assert len(features) > 0
    assert features.pixels.min() >= 0
    assert features.pixels[:, 0].max() <= width - 1
    assert features.pixels[:, 1].max() <= height - 1


def test_grey_equals_replicated_rgb_and_repeats_exactly(extractor, make_image):
    grey = make_image(96, 128)
    first = extractor.extract(grey)
    for other in (extractor.extract(np.dstack([grey] * 3)), extractor.extract(grey.copy())):
        np.testing.assert_array_equal(first.pixels, other.pixels)
        np.testing.assert_array_equal(first.descriptors, other.descriptors)
        np.testing.assert_array_equal(first.scores, other.scores)


def test_the_image_is_left_alone_and_may_be_any_view(extractor, make_image):
    large = make_image(200, 260)
    view = large[::2, ::-2]
    view.flags.writeable = False
    before = view.copy()
    features = extractor.extract(view)
    np.testing.assert_array_equal(view, before)
    np.testing.assert_array_equal(features.pixels, extractor.extract(before).pixels)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_image_gives_no_confident_keypoint(small_extractor, level):
    features = small_extractor.extract(np.full((96, 128), level, np.uint8))
    assert np.isfinite(features.descriptors).all()
    if small_extractor.name == "orb":
        assert len(features) == 0
    elif small_extractor.weights_sha256:
        assert features.scores.max(initial=0) < 0.05


def test_a_threshold_above_every_score_gives_empty_features(random_network, make_image):
    for name, threshold in (("aliked-t16", 0.999999), ("alike-t", 0.999999), ("orb", 1e9)):
        extractor = make_extractor(name, random_network, score_threshold=threshold)
        features = extractor.extract(make_image(96, 128))
        assert len(features) == 0
        assert features.descriptors.shape == (0, extractor.descriptor_size)


def test_a_threshold_keeps_exactly_what_scores_above_it(random_network, make_image):
    image = make_image(96, 128)
    for name in ("aliked-t16", "alike-t", "orb"):
        everything = make_extractor(name, random_network).extract(image)
        threshold = float(np.median(everything.scores))
        kept = make_extractor(name, random_network, score_threshold=threshold).extract(image)
        np.testing.assert_array_equal(kept.pixels, everything.pixels[everything.scores > threshold])


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (np.zeros((96, 128), np.float32), "float32"),
        (np.zeros((96, 128, 4), np.uint8), "(96, 128, 4)"),
        (np.zeros((2, 96, 128, 3), np.uint8), "(2, 96, 128, 3)"),
        (np.zeros((63, 128), np.uint8), "128x63"),
        (np.zeros((0, 0), np.uint8), "0x0"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_image_is_named_in_one_line(small_extractor, image, found):
    with pytest.raises(ValueError, match=r"^image: got [^\n]+ expected [^\n]+$") as error:
        small_extractor.extract(image)
    assert found in str(error.value)


def test_extraction_leaves_torch_settings_alone(random_network, make_image):
    def settings():
        cudnn = torch.backends.cudnn
        return (
            cudnn.enabled,
            cudnn.allow_tf32,
            cudnn.deterministic,
            torch.is_grad_enabled(),
            torch.get_default_dtype(),
            torch.get_num_threads(),
        )

    before = settings()
    make_extractor("aliked-t16", random_network).extract(make_image(96, 128))
    assert settings() == before


def test_every_name_has_a_network_and_weights():
    assert set(EXTRACTORS) - {"orb"} == set(WEIGHTS) == {*ALIKED_VARIANTS, *ALIKE_VARIANTS}


@pytest.mark.parametrize(
    ("name", "device", "message"),
    [
        ("aliked_t16", "cpu", "did you mean 'aliked-t16'"),
        ("superpoint", "cpu", "expected one of aliked-t16"),
        ("aliked-t16", "gpu", "device: got 'gpu', expected auto, cpu, cuda"),
        ("aliked-t16", "mps", "device: got 'mps', expected auto, cpu, cuda"),
        ("aliked-t16", "cuda:63", "device: got 'cuda:63', but PyTorch sees"),
    ],
)
def test_a_wrong_name_or_device_is_one_clear_line(name, device, message):
    with pytest.raises(VoError, match=r"^[^\n]+$") as error:
        load_extractor(name, max_keypoints=100, device=device)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("name", "precision", "available"),
    [
        ("aliked-n16", "fp16", "has fp32 and bf16"),
        ("alike-t", "bf16", "has fp32"),
        ("orb", "bf16", "has fp32"),
    ],
)
def test_a_precision_that_the_cpu_has_not_is_one_line_with_those_it_has(name, precision, available):
    with pytest.raises(VoError) as error:
        load_extractor(name, max_keypoints=100, device="cpu", precision=precision)
    assert str(error.value) == f"features.precision: got '{precision}', but {name} on cpu {available}"


def test_our_own_weights_have_the_precisions_of_their_network(make_image):
    extractor = load_extractor("vof-t16", max_keypoints=BUDGET, device="cpu", precision="bf16")
    assert len(extractor.extract(make_image(160, 192))) == BUDGET


def test_a_budget_below_one_is_refused():
    with pytest.raises(ValueError, match="max_keypoints: got 0"):
        load_extractor("orb", max_keypoints=0)
