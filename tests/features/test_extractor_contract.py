"""What every extractor promises; with official weights where this machine has them, else random ones."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from feature_inputs import assert_equal_features, make_image, random_aliked, random_network
from plain_capture import capture_plainly

from vo_frontend.errors import VoError
from vo_frontend.features import EXTRACTORS, FeatureExtractor, load_extractor
from vo_frontend.features.classical.sift import SiftExtractor
from vo_frontend.features.cpu.extractor import CpuAlikedExtractor
from vo_frontend.features.cuda.extractor import CudaAlikedExtractor
from vo_frontend.features.networks.alike import ALIKE_VARIANTS
from vo_frontend.features.networks.aliked.network import AlikedNetwork
from vo_frontend.features.networks.aliked.variants import ALIKED_VARIANTS
from vo_frontend.features.networks.extractor import NetworkExtractor
from vo_frontend.features.weights import WEIGHTS

BUDGET = 120
CPU = torch.device("cpu")

REFERENCE = "aliked-t16 by its reference network"
AS_ON_GPU = "aliked-t16 as on a GPU"
SIFT = "sift"


@pytest.fixture(params=[*EXTRACTORS, SIFT, REFERENCE, AS_ON_GPU])
def extractor(request: pytest.FixtureRequest) -> FeatureExtractor:
    return make_extractor(request.param)


@pytest.fixture(params=[*EXTRACTORS, SIFT, REFERENCE])
def cpu_extractor(request: pytest.FixtureRequest) -> FeatureExtractor:
    return make_extractor(request.param)


@pytest.fixture(params=["aliked-t16", "alike-t", "orb", REFERENCE, AS_ON_GPU])
def small_extractor(request: pytest.FixtureRequest) -> FeatureExtractor:
    return make_extractor(request.param)


def make_extractor(name: str, score_threshold: float = 0.0) -> FeatureExtractor:
    folder = os.environ.get("VO_WEIGHTS_DIR")
    budget = BUDGET
    if name == SIFT:
        return SiftExtractor(max_keypoints=budget)
    if name == REFERENCE:
        return NetworkExtractor("aliked-t16", random_aliked(), max_keypoints=budget, device=CPU)
    if name == AS_ON_GPU:
        return CudaAlikedExtractor(
            "aliked-t16", random_aliked(), max_keypoints=budget, device=CPU, capture=capture_plainly
        )
    if name == "orb" or (folder and (Path(folder) / f"{name}.pth").is_file()):
        return load_extractor(name, device="cpu", max_keypoints=budget, score_threshold=score_threshold)
    network = random_network(name)
    if isinstance(network, AlikedNetwork):
        return CpuAlikedExtractor(
            name, network.config, network.arrays(), max_keypoints=budget, score_threshold=score_threshold
        )
    return NetworkExtractor(name, network, max_keypoints=budget, score_threshold=score_threshold, device=CPU)


def test_budget_is_met_where_there_are_enough_maxima(extractor: FeatureExtractor) -> None:
    features = extractor.extract(make_image(160, 192))
    assert len(features) == BUDGET == extractor.max_keypoints
    assert features.descriptors.shape == (BUDGET, extractor.descriptor_size)


def test_descriptors_have_unit_length_and_scores_descend(extractor: FeatureExtractor) -> None:
    features = extractor.extract(make_image(160, 192))
    np.testing.assert_allclose(np.linalg.norm(features.descriptors, axis=1), 1, atol=1e-5)
    assert np.all(np.diff(features.scores) <= 0)
    assert {array.dtype for array in (features.pixels, features.descriptors, features.scores)} == {
        np.dtype(np.float32)
    }


@pytest.mark.parametrize("size", [(64, 64), (65, 97), (97, 65), (96, 128)])
def test_keypoints_lie_inside_images_of_any_size(extractor: FeatureExtractor, size: tuple[int, int]) -> None:
    features = extractor.extract(make_image(*size))
    height, width = size
    assert len(features) > 0
    assert features.pixels.min() >= 0
    assert features.pixels[:, 0].max() <= width - 1
    assert features.pixels[:, 1].max() <= height - 1


def test_the_same_image_gives_exactly_the_same_features(extractor: FeatureExtractor) -> None:
    grey = make_image(96, 128)
    assert_equal_features(extractor.extract(grey.copy()), extractor.extract(grey))


def test_grey_is_replicated_rgb_up_to_rounding(extractor: FeatureExtractor) -> None:
    grey = make_image(96, 128)
    ours, theirs = extractor.extract(grey), extractor.extract(np.dstack([grey] * 3))
    is_near = np.linalg.norm(ours.pixels[:, None] - theirs.pixels[None], axis=2) < 0.01
    cosines = np.where(is_near, ours.descriptors @ theirs.descriptors.T, -1).max(axis=1)
    assert np.mean(cosines > 0.9999) >= 0.98


def test_the_image_is_left_alone_and_may_be_any_view(extractor: FeatureExtractor) -> None:
    large = make_image(200, 260)
    view = large[::2, ::-2]
    view.flags.writeable = False
    before = view.copy()
    features = extractor.extract(view)
    np.testing.assert_array_equal(view, before)
    np.testing.assert_array_equal(features.pixels, extractor.extract(before).pixels)


@pytest.mark.parametrize("num_images", [1, 2, 3])
def test_a_batch_gives_exactly_what_its_images_give_alone(
    cpu_extractor: FeatureExtractor, num_images: int
) -> None:
    images = [make_image(96, 128, seed) for seed in range(num_images)]
    together = cpu_extractor.extract_batch(images)
    assert len(together) == num_images
    for found, image in zip(together, images, strict=True):
        assert_equal_features(found, cpu_extractor.extract(image))


def test_an_empty_batch_gives_nothing(small_extractor: FeatureExtractor) -> None:
    assert small_extractor.extract_batch([]) == []


def test_a_batch_of_different_shapes_or_with_no_image_is_refused(small_extractor: FeatureExtractor) -> None:
    with pytest.raises(ValueError, match=r"images: got shapes \[\(64, 64\), \(64, 65\)\]"):
        small_extractor.extract_batch([make_image(64, 65), make_image(64, 64)])
    with pytest.raises(ValueError, match="image: got 128x63"):
        small_extractor.extract_batch([make_image(64, 128), make_image(63, 128)])


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_image_gives_no_confident_keypoint(small_extractor: FeatureExtractor, level: int) -> None:
    features = small_extractor.extract(np.full((96, 128), level, np.uint8))
    assert np.isfinite(features.descriptors).all()
    if small_extractor.name == "orb":
        assert len(features) == 0
    elif small_extractor.weights_sha256 is not None:
        assert features.scores.max(initial=0) < 0.05


def test_a_threshold_above_every_score_gives_empty_features() -> None:
    for name, threshold in (("aliked-t16", 0.999999), ("alike-t", 0.999999), ("orb", 1e9)):
        extractor = make_extractor(name, score_threshold=threshold)
        features = extractor.extract(make_image(96, 128))
        assert len(features) == 0
        assert features.descriptors.shape == (0, extractor.descriptor_size)


def test_a_threshold_keeps_exactly_what_scores_above_it() -> None:
    image = make_image(96, 128)
    for name in ("aliked-t16", "alike-t", "orb"):
        everything = make_extractor(name).extract(image)
        threshold = float(np.median(everything.scores))
        kept = make_extractor(name, score_threshold=threshold).extract(image)
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
def test_what_is_no_image_is_named_in_one_line(
    small_extractor: FeatureExtractor, image: Any, found: str
) -> None:
    with pytest.raises(ValueError, match=r"^image: got [^\n]+ expected [^\n]+$") as error:
        small_extractor.extract(image)
    assert found in str(error.value)


def test_extraction_leaves_torch_settings_alone() -> None:
    def settings() -> tuple[object, ...]:
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
    make_extractor("aliked-t16").extract(make_image(96, 128))
    assert settings() == before


def test_every_name_has_a_network_and_weights() -> None:
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
def test_a_wrong_name_or_device_is_one_clear_line(name: str, device: str, message: str) -> None:
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
def test_a_precision_that_the_cpu_has_not_is_one_line_with_those_it_has(
    name: str, precision: str, available: str
) -> None:
    with pytest.raises(VoError) as error:
        load_extractor(name, max_keypoints=100, device="cpu", precision=precision)
    assert str(error.value) == f"features.precision: got '{precision}', but {name} on cpu {available}"


def test_our_own_weights_have_the_precisions_of_their_network() -> None:
    extractor = load_extractor("vof-t16", max_keypoints=BUDGET, device="cpu", precision="bf16")
    assert len(extractor.extract(make_image(160, 192))) == BUDGET


def test_a_budget_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="max_keypoints: got 0"):
        load_extractor("orb", max_keypoints=0)
