"""k-means, VLAD, the bag of words, and the vocabularies that the package ships."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.errors import PlaceError
from vo_frontend.places.bag_of_words import BagOfWords, l1_scores
from vo_frontend.places.kmeans import kmeans, nearest_means
from vo_frontend.places.vlad import Vlad, vlad
from vo_frontend.places.vocabulary import Vocabulary, shipped_vocabulary
from vo_frontend.places.vocabulary_training import (
    inverse_document_frequency,
    learned_whitening,
    train_vocabulary,
)

WORDS = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]], np.float32)


def tiny(words: NDArray[np.float32] = WORDS) -> Vocabulary:
    """Three words of two numbers, for both descriptions; the projection keeps two numbers."""
    size = words.size
    return Vocabulary(
        words, words, np.array([1.0, 2.0, 0.0], np.float32), np.zeros(size, np.float32),
        np.eye(2, size, dtype=np.float32),
    )  # fmt: skip


def descriptors(count: int, size: int = 8, seed: int = 0) -> NDArray[np.float32]:
    points = np.random.default_rng(seed).standard_normal((count, size)).astype(np.float32)
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def test_kmeans_finds_clusters_that_are_far_apart() -> None:
    rng = np.random.default_rng(0)
    points = np.concatenate([word + 0.1 * rng.standard_normal((50, 2)) for word in WORDS]).astype(np.float32)
    means = kmeans(points, 3, np.random.default_rng(1))
    nearest, distances = nearest_means(WORDS, means)
    assert sorted(nearest.tolist()) == [0, 1, 2]
    assert distances.max() < 0.01


def test_kmeans_depends_on_nothing_but_points_and_seed() -> None:
    points = descriptors(300)
    first, second = (kmeans(points, 20, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_kmeans_of_equal_points_and_of_as_many_points_as_clusters() -> None:
    np.testing.assert_array_equal(kmeans(np.ones((9, 2), np.float32), 3, np.random.default_rng(0)), 1)
    means = kmeans(WORDS, 3, np.random.default_rng(0))
    assert nearest_means(WORDS, means)[1].max() == 0
    with pytest.raises(ValueError, match="at least one per cluster"):
        kmeans(WORDS, 4, np.random.default_rng(0))


def test_nearest_means_agree_with_all_distances() -> None:
    points, means = descriptors(200), descriptors(17, seed=1)
    squared = ((points[:, None] - means[None]) ** 2).sum(axis=2)
    nearest, distances = nearest_means(points, means)
    np.testing.assert_array_equal(nearest, squared.argmin(axis=1))
    np.testing.assert_allclose(distances, squared.min(axis=1), atol=1e-5)


def test_vlad_is_the_signed_root_of_the_summed_differences() -> None:
    view = np.array([[1.0, 0.0], [3.0, 0.0], [10.0, -9.0]], np.float32)
    expected = np.array([2.0, 0.0, 0.0, -3.0, 0.0, 0.0])  # roots of 1 + 3, and of -9
    np.testing.assert_allclose(vlad(view, WORDS), expected / np.linalg.norm(expected), atol=1e-6)


def test_vlad_does_not_depend_on_the_order_of_the_features() -> None:
    view, centers = descriptors(100), descriptors(5, seed=1)
    np.testing.assert_allclose(vlad(view, centers), vlad(view[::-1], centers), atol=1e-5)


def test_a_view_without_features_gives_zeros() -> None:
    nothing = np.zeros((0, 2), np.float32)
    assert not Vlad(tiny()).describe(nothing).any()
    assert not Vlad(tiny()).describe_whole(nothing).any()
    assert not BagOfWords(tiny()).describe(nothing).any()


def test_a_bag_counts_rare_words_more_and_sums_to_one() -> None:
    view = np.array([[0.0, 1.0], [9.0, 0.0], [0.0, 9.0], [0.0, 8.0]], np.float32)
    bag = BagOfWords(tiny()).describe(view)
    np.testing.assert_allclose(bag, [1 / 3, 2 / 3, 0.0], atol=1e-6)


def test_the_l1_score_is_one_for_equal_bags_and_zero_for_disjoint_ones() -> None:
    bags = np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]], np.float32)
    expected = [[1.0, 0.0, 0.5], [0.0, 1.0, 0.0], [0.5, 0.0, 1.0]]
    np.testing.assert_allclose(l1_scores(bags, bags), expected)


def test_the_idf_is_the_log_of_views_over_views_with_the_word() -> None:
    views = [WORDS[:1], WORDS[:2], WORDS[[0, 0]], WORDS[:1]]
    idf = inverse_document_frequency(views, WORDS)
    np.testing.assert_allclose(idf, np.log([1.0, 4.0, 4.0]), atol=1e-6)


def test_the_learned_whitening_drops_what_differs_within_pairs() -> None:
    rng = np.random.default_rng(0)
    places = np.zeros((200, 6))
    places[:, 0] = rng.standard_normal(200)  # tells places apart, but is small
    light = np.zeros((2, 200, 6))
    light[:, :, 3] = 10 * rng.standard_normal((2, 200))  # large, and tells nothing
    first, second = ((places + change).astype(np.float32) for change in light)
    _, projection = learned_whitening(first, second, 1)
    direction = np.abs(projection[0]) / np.linalg.norm(projection)
    assert direction[0] > 0.99
    with pytest.raises(ValueError, match="more than 200"):
        learned_whitening(first, second, 200)


def test_a_trained_vocabulary_survives_a_file(tmp_path: Path) -> None:
    views = [descriptors(40, seed=seed) for seed in range(30)]
    relit = [view + np.float32(0.01) for view in views]
    vocabulary = train_vocabulary(views, relit, np.random.default_rng(0), 4, 16, 10)
    vocabulary.save(tmp_path / "words.npz")
    loaded = Vocabulary.load(tmp_path / "words.npz")
    np.testing.assert_array_equal(loaded.words, vocabulary.words)
    np.testing.assert_allclose(loaded.projection, vocabulary.projection, rtol=1e-3, atol=1e-6)
    described = Vlad(loaded).describe(views[0])
    assert described.shape == (10,)
    assert np.linalg.norm(described) == pytest.approx(1, abs=1e-5)


def test_a_vocabulary_whose_arrays_do_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "words.npz"
    Vocabulary(
        WORDS, WORDS, np.ones(3, np.float32), np.zeros(6, np.float32), np.eye(5, dtype=np.float32)
    ).save(path)
    with pytest.raises(PlaceError, match="do not fit"):
        Vocabulary.load(path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(PlaceError, match="damaged"):
        Vocabulary.load(path)


@pytest.mark.parametrize(("features", "size"), [("aliked-t16", 64), ("aliked-n16", 128), ("vof-t16", 64)])
def test_the_shipped_vocabularies_describe_in_one_kilobyte(features: str, size: int) -> None:
    vocabulary = shipped_vocabulary(features)
    assert vocabulary.centers.shape == (32, size)
    assert vocabulary.words.shape == (512, size)
    assert Vlad(vocabulary).describe(descriptors(400, size)).nbytes == 1024


def test_features_without_a_vocabulary_are_named_with_those_that_have_one() -> None:
    with pytest.raises(PlaceError, match=r"'orb'.*aliked-t16"):
        shipped_vocabulary("orb")
