"""The inverted file of quantised local features beside exact search."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.errors import PlaceError
from vo_frontend.places.local_index import Codebook, LocalFeatureIndex, SearchConfig, train_codebook
from vo_frontend.places.local_index_kernels import pack_codes

SIZE, PER_IMAGE, NUM_IMAGES = 64, 60, 40


def features(image: int) -> NDArray[np.float32]:
    """Each image has features of its own; they live near a subspace, as real ones do."""
    basis = np.random.default_rng(99).standard_normal((24, SIZE))
    points = np.random.default_rng(image).standard_normal((PER_IMAGE, 24)) @ basis
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


def seen_again(image: int) -> NDArray[np.float32]:
    """Half of the features of an image with a little noise, the rest from nowhere."""
    noise = 0.02 * np.random.default_rng(1000 + image).standard_normal((PER_IMAGE // 2, SIZE))
    view = np.concatenate([features(image)[::2] + noise, features(5000 + image)[: PER_IMAGE // 2]])
    return (view / np.linalg.norm(view, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def codebook() -> Codebook:
    points = np.concatenate([features(image) for image in range(200, 250)])
    return train_codebook(points, np.random.default_rng(0), num_words=16)


def filled(codebook: Codebook) -> LocalFeatureIndex:
    """Images 100, 101, ..."""
    index = LocalFeatureIndex(codebook, SearchConfig(num_probes=4, num_neighbours=10))
    for image in range(NUM_IMAGES):
        index.add(100 + image, features(image))
    return index


def test_codes_are_packed_lowest_bits_first() -> None:
    packed = pack_codes(np.array([[1, 2, 0, 0, 0, 0, 0, 0, 0, 31]], np.uint8))
    assert int.from_bytes(packed[0].tobytes(), "little") == 1 | 2 << 5 | 31 << 45
    assert packed.shape == (1, 7)


def test_a_feature_takes_eleven_bytes_with_its_image(codebook: Codebook, tmp_path: Path) -> None:
    index = filled(codebook)
    assert index.num_features == NUM_IMAGES * PER_IMAGE
    assert index.bytes_per_feature == 11
    empty = LocalFeatureIndex(codebook)
    empty.save(tmp_path / "empty")
    index.save(tmp_path / "full")
    grown = (tmp_path / "full").stat().st_size - (tmp_path / "empty").stat().st_size
    assert grown < 12 * index.num_features


def test_every_image_is_found_by_half_of_its_features(codebook: Codebook) -> None:
    index = filled(codebook)
    for image in range(NUM_IMAGES):
        assert index.query(seen_again(image), 1).ids.tolist() == [100 + image]


def test_quantised_distances_find_what_exact_ones_find(codebook: Codebook) -> None:
    index = filled(codebook)
    everything = np.concatenate([features(image) for image in range(NUM_IMAGES)])
    agreeing = 0
    for image in range(NUM_IMAGES):
        nearest = np.argmax(seen_again(image) @ everything.T, axis=1) // PER_IMAGE
        exact = np.bincount(nearest, minlength=NUM_IMAGES).argmax()
        agreeing += index.query(seen_again(image), 1).ids[0] == 100 + exact
    assert agreeing == NUM_IMAGES


def test_excluded_images_get_no_votes(codebook: Codebook) -> None:
    found = filled(codebook).query(seen_again(3), NUM_IMAGES, exclude=np.array([103, 104]))
    assert not {103, 104} & set(found.ids.tolist())
    assert len(found) > 0


def test_images_that_come_after_a_query_are_found_too(codebook: Codebook) -> None:
    index = filled(codebook)
    index.query(seen_again(0), 1)
    index.add(7, features(300))
    assert index.query(seen_again(300), 1).ids.tolist() == [7]
    assert index.query(seen_again(5), 1).ids.tolist() == [105]


def test_an_empty_index_and_a_query_without_features_find_nothing(codebook: Codebook) -> None:
    assert len(LocalFeatureIndex(codebook).query(seen_again(0), 5)) == 0
    assert len(filled(codebook).query(np.zeros((0, SIZE), np.float32), 5)) == 0


def test_a_known_image_is_refused(codebook: Codebook) -> None:
    with pytest.raises(ValueError, match="already"):
        filled(codebook).add(100, features(0))


def test_a_saved_index_answers_like_the_one_before(codebook: Codebook, tmp_path: Path) -> None:
    index = filled(codebook)
    index.save(tmp_path / "local.npz")
    loaded = LocalFeatureIndex.load(tmp_path / "local.npz", SearchConfig(4, 10))
    before, after = index.query(seen_again(8), 5), loaded.query(seen_again(8), 5)
    np.testing.assert_array_equal(before.ids, after.ids)
    np.testing.assert_array_equal(before.scores, after.scores)


def test_a_damaged_file_is_one_line(codebook: Codebook, tmp_path: Path) -> None:
    path = tmp_path / "local.npz"
    filled(codebook).save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(PlaceError, match=r"local\.npz"):
        LocalFeatureIndex.load(path)


def test_faiss_with_the_same_parameters_finds_the_same_images(codebook: Codebook) -> None:
    faiss = pytest.importorskip("faiss")
    index = filled(codebook)
    training = np.concatenate([features(image) for image in range(200, 250)])
    peer = faiss.IndexIVFPQ(faiss.IndexFlatL2(40), 40, 16, 10, 5)
    peer.train(codebook.project(training))
    peer.nprobe = 4
    for image in range(NUM_IMAGES):
        peer.add_with_ids(codebook.project(features(image)), np.full(PER_IMAGE, 100 + image))
    for image in range(NUM_IMAGES):
        _, found = peer.search(codebook.project(seen_again(image)), 1)
        assert np.bincount(found[found >= 0]).argmax() == index.query(seen_again(image), 1).ids[0]
