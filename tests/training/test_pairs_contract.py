"""What every source of pairs promises, see ``vo_frontend/training/data/pairs.py``."""

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pair_data import CROP_PX, SOURCES, open_source

from vo_frontend.errors import ConfigError
from vo_frontend.training.data.pairs import ImagePair, MixedPairs, PairSource, stack
from vo_frontend.training.data.ranges import PhotometricRanges
from vo_frontend.types import Image

Direction = tuple[Image, Image, NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]


@pytest.fixture(scope="module", params=SOURCES)
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> PairSource:
    return open_source(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def pairs(source: PairSource) -> list[ImagePair]:
    return [source.pair(seed % len(source), np.random.default_rng(seed)) for seed in range(6)]


def sample(values: NDArray[Any], at: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Values (H, W, C) between pixels, NaN outside. OpenCV's remap rounds positions to 1/32 px."""
    height, width = values.shape[:2]
    last = np.array([width - 1, height - 1])
    inside = (at >= 0).all(axis=-1, keepdims=True) & (at <= last).all(axis=-1, keepdims=True)
    at = np.where(inside, at, 0.0)
    low = np.minimum(at.astype(int), last - 1)
    (x, y), (right, below) = np.moveaxis(low, -1, 0), np.moveaxis((at - low)[..., None], -2, 0)
    above = (1 - right) * values[y, x] + right * values[y, x + 1]
    beneath = (1 - right) * values[y + 1, x] + right * values[y + 1, x + 1]
    return np.where(inside, (1 - below) * above + below * beneath, np.nan)


def directions(pair: ImagePair) -> Iterator[Direction]:
    yield pair.image0, pair.image1, pair.warp01, pair.warp10, pair.covisible01
    yield pair.image1, pair.image0, pair.warp10, pair.warp01, pair.covisible10


def test_pairs_have_the_agreed_shapes_and_types(pairs: list[ImagePair]) -> None:
    for pair in pairs:
        for image, _, warp, _, covisible in directions(pair):
            assert image.shape == (CROP_PX, CROP_PX, 3)
            assert image.dtype == np.uint8
            assert warp.shape == (CROP_PX, CROP_PX, 2)
            assert warp.dtype == np.float32
            assert covisible.shape == (CROP_PX, CROP_PX)
            assert covisible.dtype == np.bool_


def test_covisible_points_lie_in_the_other_image(pairs: list[ImagePair]) -> None:
    for pair in pairs:
        for _, _, warp, _, covisible in directions(pair):
            assert covisible.mean() > 0.05
            assert (warp[covisible] >= 0).all()
            assert (warp[covisible] <= CROP_PX - 1).all()


def test_there_and_back_ends_where_it_began(pairs: list[ImagePair]) -> None:
    grid = np.dstack(np.meshgrid(np.arange(CROP_PX), np.arange(CROP_PX)))
    errors_px = []
    for pair in pairs:
        for _, _, warp, back, covisible in directions(pair):
            error_px = np.linalg.norm(sample(back, warp) - grid, axis=-1)
            # Where neighbours land far apart, a blend of their warps is not the warp between them.
            step_px = np.linalg.norm(np.diff(back, axis=0, append=np.nan), axis=-1, keepdims=True)
            errors_px.append(error_px[covisible & (sample(step_px, warp)[..., 0] < 2.0)])
    error_px = np.concatenate(errors_px)
    assert len(error_px) > 2 * CROP_PX**2
    assert np.median(error_px) < 0.05
    assert np.percentile(error_px, 95) < 0.3


def test_covisible_points_look_alike_and_three_pixels_away_they_do_not(pairs: list[ImagePair]) -> None:
    for shift in ((3, 0), (0, 3)):
        right, wrong = [], []
        for pair in pairs:
            for image, other, warp, _, covisible in directions(pair):
                blurred = cv2.GaussianBlur(image, (0, 0), 1.0).astype(np.float32)
                other = cv2.GaussianBlur(other, (0, 0), 1.0)
                right.append(np.abs(sample(other, warp) - blurred)[covisible])
                wrong.append(np.abs(sample(other, warp + np.array(shift, np.float32)) - blurred)[covisible])
        assert np.nanmean(np.concatenate(right)) < 0.6 * np.nanmean(np.concatenate(wrong))


def test_a_pair_is_a_function_of_its_number_and_the_generator(
    source: PairSource, pairs: list[ImagePair]
) -> None:
    source.pair(1, np.random.default_rng(99))
    again = source.pair(3 % len(source), np.random.default_rng(3))
    other = source.pair(3 % len(source), np.random.default_rng(4))
    assert all((a == b).all() for a, b in [(again.image0, pairs[3].image0), (again.image1, pairs[3].image1)])
    assert np.array_equal(again.warp01, pairs[3].warp01, equal_nan=True)
    assert np.array_equal(again.covisible10, pairs[3].covisible10)
    assert not np.array_equal(again.warp01, other.warp01, equal_nan=True)


def test_a_source_can_be_sent_to_another_process(source: PairSource, pairs: list[ImagePair]) -> None:
    copy = pickle.loads(pickle.dumps(source))
    assert len(copy) == len(source)
    assert (copy.pair(0, np.random.default_rng(0)).image1 == pairs[0].image1).all()


def test_light_changes_but_geometry_does_not(tmp_path: Path) -> None:
    plain = open_source("rgbd", tmp_path).pair(2, np.random.default_rng(0))
    changed = open_source("rgbd", tmp_path, PhotometricRanges()).pair(2, np.random.default_rng(0))
    assert (plain.image0 != changed.image0).any()
    assert np.array_equal(plain.warp01, changed.warp01, equal_nan=True)


def test_a_batch_holds_the_pairs_as_the_network_takes_them(pairs: list[ImagePair]) -> None:
    batch = stack(pairs[:2])
    assert batch.image0.shape == (2, 3, CROP_PX, CROP_PX)
    assert batch.image0.dtype == torch.float32
    assert batch.image1[1, 2, 5, 7] == pytest.approx(pairs[1].image1[5, 7, 2] / 255)
    assert batch.warp10.shape == (2, CROP_PX, CROP_PX, 2)
    assert np.array_equal(batch.warp10[1].numpy(), pairs[1].warp10, equal_nan=True)
    assert batch.covisible01.dtype == torch.bool
    assert batch.to("meta").warp01.device.type == "meta"


class Constant:
    """Remembers which numbers were asked for."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.numbers: list[int] = []

    def __len__(self) -> int:
        return self.length

    def pair(self, number: int, rng: np.random.Generator) -> ImagePair:
        self.numbers.append(number)
        image = np.zeros((32, 32, 3), np.uint8)
        warp, covisible = np.zeros((32, 32, 2), np.float32), np.zeros((32, 32), np.bool_)
        return ImagePair(image, image, warp, covisible, warp, covisible)


def test_a_mixture_draws_by_weight_and_reaches_every_item() -> None:
    few, many = Constant(3), Constant(30)
    mixed = MixedPairs([few, many], [3.0, 1.0])
    for step in range(2000):
        mixed.pair(step % len(mixed), np.random.default_rng(step))
    assert len(few.numbers) / 2000 == pytest.approx(0.75, abs=0.03)
    assert set(few.numbers) == set(range(3))
    assert set(many.numbers) == set(range(30))


@pytest.mark.parametrize("weights", [[1.0], [1.0, 0.0], [1.0, np.nan]])
def test_a_mixture_refuses_weights_that_are_no_shares(weights: list[float]) -> None:
    with pytest.raises(ConfigError, match="weights"):
        MixedPairs([Constant(1), Constant(1)], weights)
