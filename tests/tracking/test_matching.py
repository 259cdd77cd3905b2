from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.compute.threads import ThreadTeam
from vo_frontend.tracking.matching import Matcher
from vo_frontend.tracking.matching_kernels import ROWS, Nearest, all_nearest, gated_nearest
from vo_frontend.types import Features, Matches

Array = NDArray[np.float32]
Match = Callable[[Array, Array, Matcher], Matches]

rng = np.random.default_rng(0)


def unit(rows: NDArray[np.floating[Any]]) -> Array:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def make_pair(num: int = 80, noise: float = 0.1) -> tuple[Array, Array, NDArray[np.int64]]:
    descriptors0 = unit(rng.normal(size=(num, 32)))
    order = rng.permutation(num)
    return descriptors0, unit(descriptors0[order] + noise * rng.normal(size=(num, 32))), order


def features(pixels: NDArray[np.float64], descriptors: Array) -> Features:
    return Features(pixels.astype(np.float32), descriptors, np.ones(len(pixels), np.float32))


def plain(descriptors0: Array, descriptors1: Array, matcher: Matcher) -> Matches:
    return matcher.match(descriptors0, descriptors1)


def guided(descriptors0: Array, descriptors1: Array, matcher: Matcher) -> Matches:
    pixels = np.zeros((len(descriptors1), 2))
    return matcher.match_guided(
        descriptors0, np.zeros((len(descriptors0), 2)), features(pixels, descriptors1), 1.0
    )


@pytest.mark.parametrize("match", [plain, guided])
class TestContract:
    def test_finds_the_permutation(self, match: Match) -> None:
        descriptors0, descriptors1, order = make_pair()
        matches = match(descriptors0, descriptors1, Matcher(0.5))
        assert len(matches) == len(order)
        assert (order[matches.index1] == matches.index0).all()
        similarity = (descriptors0[matches.index0] * descriptors1[matches.index1]).sum(axis=1)
        np.testing.assert_allclose(matches.similarity, similarity, atol=1e-6)

    def test_each_index_is_used_once(self, match: Match) -> None:
        matches = match(unit(rng.normal(size=(50, 8))), unit(rng.normal(size=(70, 8))), Matcher(-1.0))
        assert len(np.unique(matches.index0)) == len(np.unique(matches.index1)) == len(matches)

    def test_min_similarity_drops_strangers(self, match: Match) -> None:
        strangers = unit(rng.normal(size=(40, 64))), unit(rng.normal(size=(40, 64)))
        assert len(match(*strangers, Matcher(0.7))) == 0

    def test_ratio_drops_what_has_a_twin_on_either_side(self, match: Match) -> None:
        descriptors0, descriptors1, order = make_pair(noise=0.02)
        twin = unit(descriptors1[:1] + 0.01 * rng.normal(size=(1, 32)))
        with_twin = np.concatenate([descriptors1, twin])
        kept = match(descriptors0, with_twin, Matcher(0.5, 0.8))
        assert order[0] not in kept.index0
        assert len(kept) == len(order) - 1
        kept = match(with_twin, descriptors0, Matcher(0.5, 0.8))
        assert order[0] not in kept.index1

    @pytest.mark.parametrize(("num0", "num1"), [(0, 5), (5, 0), (0, 0)])
    def test_nothing_matches_nothing(self, match: Match, num0: int, num1: int) -> None:
        matches = match(unit(rng.normal(size=(num0, 8))), unit(rng.normal(size=(num1, 8))), Matcher(0.5))
        assert len(matches) == 0


def test_guided_search_ignores_what_is_out_of_reach() -> None:
    descriptors0, descriptors1, order = make_pair()
    pixels1 = rng.uniform(0, 600, size=(len(order), 2))
    predicted = np.empty_like(pixels1)
    predicted[order] = pixels1 + 3.0
    predicted[order[:10]] += 100.0
    matches = Matcher(0.5).match_guided(descriptors0, predicted, features(pixels1, descriptors1), 5.0)
    assert set(matches.index0) == set(order[10:])


def test_rows_without_a_prediction_are_never_matched() -> None:
    descriptors0, descriptors1, order = make_pair(10)
    predicted = np.zeros((10, 2))
    predicted[4] = np.nan
    matches = Matcher(0.5).match_guided(
        descriptors0, predicted, features(np.zeros((10, 2)), descriptors1), 9.0
    )
    assert set(matches.index0) == set(range(10)) - {4}


def assert_ranks(found: Nearest, similarity: NDArray[np.floating[Any]]) -> None:
    """Compare with a table (M, N) of similarities, -2 where a pair is not to be compared."""
    for table, best, nearest in [
        (similarity, found.best0, found.nearest0),
        (similarity.T, found.best1, found.nearest1),
    ]:
        filled = np.pad(table, ((0, 0), (0, 1)), constant_values=-2.0)  # a second-best for a single column
        np.testing.assert_allclose(best, np.sort(filled, axis=1)[:, :-3:-1], atol=1e-6)
        np.testing.assert_array_equal(nearest, np.where(table.max(axis=1) > -2, table.argmax(axis=1), -1))


@pytest.mark.parametrize("size", [16, 24])
def test_gated_kernel_equals_its_slow_twin(size: int) -> None:
    descriptors0, descriptors1 = unit(rng.normal(size=(60, size))), unit(rng.normal(size=(70, size)))
    pixels0 = rng.uniform(0, 100, size=(60, 2)).astype(np.float32)
    pixels1 = rng.uniform(0, 100, size=(70, 2)).astype(np.float32)
    pixels1 = pixels1[np.argsort(pixels1[:, 1])]
    found = gated_nearest(descriptors0, pixels0, descriptors1, pixels1, 15.0)
    distance = np.linalg.norm(pixels0[:, None].astype(float) - pixels1[None], axis=2)
    assert_ranks(found, np.where(distance <= 15.0, descriptors0 @ descriptors1.T, -2.0))


@pytest.mark.parametrize("num_threads", [1, 3])
@pytest.mark.parametrize(
    ("num0", "num1", "size"), [(1, 1, 8), (ROWS + 5, 33, 24), (3 * ROWS, 128, 64), (7, 2, 3)]
)
def test_full_kernel_equals_its_slow_twin(num0: int, num1: int, size: int, num_threads: int) -> None:
    descriptors0, descriptors1 = unit(rng.normal(size=(num0, size))), unit(rng.normal(size=(num1, size)))
    assert_ranks(
        all_nearest(descriptors0, descriptors1, ThreadTeam(num_threads)), descriptors0 @ descriptors1.T
    )


@pytest.mark.parametrize("num_threads", [1, 3])
def test_the_first_of_equals_is_nearest_from_both_sides(num_threads: int) -> None:
    corners = np.eye(4, dtype=np.float32)[rng.integers(0, 4, size=(2, 90))]
    assert_ranks(all_nearest(corners[0], corners[1], ThreadTeam(num_threads)), corners[0] @ corners[1].T)


def test_similarities_are_those_of_exact_arithmetic_up_to_the_last_digits() -> None:
    descriptors0, descriptors1, _ = make_pair(200)
    exact = descriptors0.astype(float) @ descriptors1.astype(float).T
    np.testing.assert_allclose(
        all_nearest(descriptors0, descriptors1, ThreadTeam(1)).best0[:, 0], exact.max(axis=1), atol=5e-7
    )
