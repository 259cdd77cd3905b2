"""The whole objective: lower with the official weights than with random ones, and it can be minimised."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from vo_frontend.errors import ConfigError
from vo_frontend.features.loading import load_weights, make_network
from vo_frontend.features.networks.aliked.deformable_conv import DeformableConv
from vo_frontend.features.networks.trunk import FeatureNetwork
from vo_frontend.sources.image_files import read_image
from vo_frontend.training.data.pairs import PairBatch
from vo_frontend.training.local_features.initialisation import random_network
from vo_frontend.training.local_features.objective import LocalFeatureObjective
from vo_frontend.training.local_features.train_config import DESCRIPTOR_LOSSES, ObjectiveConfig
from vo_frontend.types import Image

SMALL = ObjectiveConfig(num_keypoints=60, num_random=60, dense_stride_px=4)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def homography_pair(image: Image, size_px: int) -> PairBatch:
    """One pair: the middle of an RGB uint8 image and the same seen obliquely, darker."""
    height, width = image.shape[:2]
    top, left = (height - size_px) // 2, (width - size_px) // 2
    image0 = np.ascontiguousarray(image[top : top + size_px, left : left + size_px])
    last = size_px - 1
    corners = np.array([[0, 0], [last, 0], [last, last], [0, last]], np.float32)
    shift = 0.12 * size_px * np.array([[1, 0.3], [-0.2, 1], [0.4, -0.6], [0.2, 0.1]], np.float32)
    H_1_0 = cv2.getPerspectiveTransform(corners, corners + shift)
    image1 = cv2.warpPerspective((0.8 * image0).astype(np.uint8), H_1_0, (size_px, size_px))
    warp01, covisible01 = dense_warp(H_1_0, size_px)
    warp10, covisible10 = dense_warp(np.linalg.inv(H_1_0), size_px)
    images = (torch.tensor(i).permute(2, 0, 1).float() / 255 for i in (image0, image1))
    parts = (*images, *map(torch.tensor, (warp01, covisible01, warp10, covisible10)))
    return PairBatch(*(part[None] for part in parts))


def dense_warp(H: NDArray[np.float64], size_px: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    y, x = np.mgrid[:size_px, :size_px]
    mapped = np.stack([x, y, np.ones_like(x)], axis=-1) @ H.T
    warp = (mapped[..., :2] / mapped[..., 2:]).astype(np.float32)
    return warp, np.all((warp >= 0) & (warp <= size_px - 1), axis=-1)


@pytest.fixture(scope="module")
def blocks_pair() -> PairBatch:
    """Grey rectangles of many sizes: corners that can be found again."""
    rng = np.random.default_rng(0)
    image = np.full((160, 160, 3), 128, np.uint8)
    for _ in range(80):
        x, y, w, h = rng.integers(0, [150, 150, 40, 40])
        image[y : y + h, x : x + w] = rng.integers(0, 255, 3)
    return homography_pair(image, 128)


@pytest.fixture
def fresh_network() -> FeatureNetwork:
    return random_network("aliked-t16", seed=0)


def untrained_network(seed: int = 0) -> FeatureNetwork:
    """As torch draws it, in evaluation mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make_network("aliked-t16").eval()


@torch.no_grad()
def test_a_batch_gives_what_its_images_give() -> None:
    network = untrained_network()
    images = torch.rand(3, 3, 64, 96, generator=generator())
    pyramid, score_maps = network.forward_batch(images)
    keypoints = torch.tensor([[20.3, 30.6], [40.1, 10.2]])
    for index, image in enumerate(images):
        alone, score_map = network(image[None])
        torch.testing.assert_close(score_maps[index], score_map)
        torch.testing.assert_close(
            network.describe(pyramid.of_image(index), keypoints), network.describe(alone, keypoints)
        )


def test_a_fresh_deformable_convolution_is_an_ordinary_one(fresh_network: FeatureNetwork) -> None:
    conv = fresh_network.block3.conv1
    assert isinstance(conv, DeformableConv)
    x = torch.randn(2, 16, 8, 8, generator=generator())
    torch.testing.assert_close(conv(x), F.conv2d(x, conv.regular_conv.weight, padding=1))


@pytest.mark.parametrize("descriptor", DESCRIPTOR_LOSSES)
def test_every_parameter_learns_from_every_objective(
    descriptor: str, blocks_pair: PairBatch, fresh_network: FeatureNetwork
) -> None:
    config = ObjectiveConfig(num_keypoints=60, num_random=60, dense_stride_px=8, descriptor=descriptor)
    torch.autograd.backward(LocalFeatureObjective(config)(fresh_network, blocks_pair, generator()).total)
    idle = [n for n, p in fresh_network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert idle == []


def test_the_total_is_the_weighted_sum_of_the_terms_and_repeats(
    blocks_pair: PairBatch, fresh_network: FeatureNetwork
) -> None:
    config = ObjectiveConfig(
        2, 3, 4, 5, num_keypoints=60, num_random=60
    )  # reprojection, peak, descriptor, reliability
    first, second = (
        LocalFeatureObjective(config)(fresh_network.eval(), blocks_pair, generator()).values()
        for _ in range(2)
    )
    assert torch.equal(first, second)
    torch.testing.assert_close(first[0], first[1:] @ torch.tensor([2.0, 3, 4, 5]))


def test_a_pair_that_shares_nothing_has_only_its_peaks_to_learn(
    blocks_pair: PairBatch, fresh_network: FeatureNetwork
) -> None:
    nothing = torch.zeros_like(blocks_pair.covisible01)
    nowhere = torch.full_like(blocks_pair.warp01, torch.nan)
    batch = PairBatch(blocks_pair.image0, blocks_pair.image1, nowhere, nothing, nowhere, nothing)
    terms = LocalFeatureObjective(SMALL)(fresh_network, batch, generator())
    torch.autograd.backward(terms.total)
    assert [loss.item() for loss in (terms.reprojection, terms.descriptor, terms.reliability)] == [0, 0, 0]
    assert all(p.grad.isfinite().all() for p in fresh_network.parameters() if p.grad is not None)


@torch.no_grad()
def test_reliability_needs_no_keypoint_in_the_other_image(
    blocks_pair: PairBatch, fresh_network: FeatureNetwork
) -> None:
    config = ObjectiveConfig(num_keypoints=60, num_random=0, max_partner_px=1e-9)
    terms = LocalFeatureObjective(config)(fresh_network.eval(), blocks_pair, generator())
    assert terms.descriptor.item() == 0  # no keypoint lies exactly where one of the other image belongs
    assert terms.reliability.item() > 0


@torch.no_grad()
def test_points_that_crowd_each_other_make_the_descriptor_loss_larger(
    blocks_pair: PairBatch, fresh_network: FeatureNetwork
) -> None:
    """Beside a point stands another that looks nearly the same, and counts as wrong."""
    crowded, apart = (
        LocalFeatureObjective(ObjectiveConfig(num_keypoints=60, num_random=1500, min_gap_px=gap_px))(
            fresh_network.eval(), blocks_pair, generator()
        )
        for gap_px in (0.0, 4.0)
    )
    assert crowded.descriptor > apart.descriptor + 0.3


def test_some_steps_on_one_pair_reduce_the_total(
    blocks_pair: PairBatch, fresh_network: FeatureNetwork
) -> None:
    optimiser = torch.optim.Adam(fresh_network.parameters(), 1e-3)
    totals = []
    for _ in range(16):
        terms = LocalFeatureObjective(SMALL)(fresh_network, blocks_pair, generator())
        optimiser.zero_grad()
        torch.autograd.backward(terms.total)
        optimiser.step()
        totals.append(terms.total.item())
    assert np.mean(totals[-4:]) < 0.9 * np.mean(totals[:4])


def test_an_unknown_descriptor_loss_is_an_error() -> None:
    with pytest.raises(ConfigError, match="objective.descriptor: got 'nre', expected one of sparse_nre"):
        ObjectiveConfig(descriptor="nre")


@pytest.mark.real
@pytest.mark.parametrize("descriptor", DESCRIPTOR_LOSSES)
@torch.no_grad()
def test_official_weights_have_lower_losses_than_fresh_ones(
    descriptor: str, data_root: Path, weights_dir: Path, fresh_network: FeatureNetwork
) -> None:
    path = data_root / "hpatches/v_churchill/1.png"
    pair = homography_pair(read_image(path), 256)
    official = untrained_network()
    load_weights(official, "aliked-t16", weights_dir / "aliked-t16.pth")
    objective = LocalFeatureObjective(ObjectiveConfig(descriptor=descriptor, dense_stride_px=4))
    trained, fresh = (objective(n, pair, generator()).values() for n in (official, fresh_network))
    assert (trained < 0.75 * fresh).all(), (trained, fresh)
