"""The exact index of places: what it finds, in which order, and what it says about files that are none."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.errors import OutputError, PlaceError
from vo_frontend.places import PlaceIndex

SIZE = 16


def unit_vectors(count: int, seed: int = 0) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((count, SIZE)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def filled(count: int = 100) -> PlaceIndex:
    """Places 0, 10, 20, ..."""
    index = PlaceIndex(SIZE)
    for number, vector in enumerate(unit_vectors(count)):
        index.add(10 * number, vector)
    return index


def test_the_best_are_those_of_a_full_sort() -> None:
    index, query = filled(), unit_vectors(1, seed=1)[0]
    scores = unit_vectors(100) @ query
    order = np.argsort(-scores, kind="stable")[:7]
    found = index.query(query, 7)
    np.testing.assert_array_equal(found.ids, 10 * order)
    np.testing.assert_allclose(found.scores, scores[order], atol=1e-6)


def test_a_place_finds_itself_first() -> None:
    assert filled().query(unit_vectors(100)[42], 1).ids.tolist() == [420]


def test_of_equal_places_the_older_comes_first() -> None:
    index = PlaceIndex(2)
    for place_id in (5, 3, 9, 1):
        index.add(place_id, np.array([1.0, 0.0], np.float32))
    index.add(7, np.array([0.0, 1.0], np.float32))
    assert index.query(np.array([1.0, 0.0], np.float32), 3).ids.tolist() == [5, 3, 9]


def test_excluded_places_are_not_found_and_unknown_ids_do_no_harm() -> None:
    index, query = filled(), unit_vectors(100)[42]
    found = index.query(query, 100, exclude=np.array([420, 0, 77777]))
    assert len(found) == 98
    assert not {420, 0} & set(found.ids.tolist())


def test_a_forgotten_place_is_not_found_and_the_others_keep_their_order(tmp_path: Path) -> None:
    vectors = unit_vectors(100)
    without = PlaceIndex(SIZE)
    for number in (n for n in range(100) if n != 42):
        without.add(10 * number, vectors[number])
    filled().save(tmp_path / "places.npz")
    for index in (filled(), PlaceIndex.load(tmp_path / "places.npz")):
        index.forget(420)
        np.testing.assert_array_equal(index.ids, without.ids)
        np.testing.assert_array_equal(index.query(vectors[42], 99).ids, without.query(vectors[42], 99).ids)
        index.add(420, vectors[42])
        assert index.query(vectors[42], 1).ids.tolist() == [420]
    with pytest.raises(ValueError, match="7"):
        without.forget(7)


def test_an_empty_index_and_one_that_is_all_excluded_find_nothing() -> None:
    query = unit_vectors(1)[0]
    assert len(PlaceIndex(SIZE).query(query, 5)) == 0
    index = filled(3)
    assert len(index.query(query, 5, exclude=index.ids)) == 0


def test_a_saved_index_answers_like_the_one_before_and_can_grow(tmp_path: Path) -> None:
    index, query = filled(), unit_vectors(1, seed=1)[0]
    index.save(tmp_path / "places.npz")
    loaded = PlaceIndex.load(tmp_path / "places.npz")
    np.testing.assert_array_equal(loaded.query(query, 9).ids, index.query(query, 9).ids)
    loaded.add(5, query)
    assert loaded.query(query, 1).ids.tolist() == [5]
    assert len(loaded) == 101


def test_the_same_places_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        filled().save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_empty_index_survives_a_file(tmp_path: Path) -> None:
    PlaceIndex(SIZE).save(tmp_path / "places.npz")
    assert len(PlaceIndex.load(tmp_path / "places.npz")) == 0


@pytest.mark.parametrize("num_bytes", [0, 10, 200, 3000, 6900])
def test_a_truncated_file_is_one_line(tmp_path: Path, num_bytes: int) -> None:
    path = tmp_path / "places.npz"
    filled().save(path)
    path.write_bytes(path.read_bytes()[:num_bytes])
    with pytest.raises(PlaceError, match=r"places\.npz") as error:
        PlaceIndex.load(path)
    assert "\n" not in str(error.value)


def test_a_flipped_byte_in_the_numbers_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "places.npz"
    filled().save(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(PlaceError, match="damaged"):
        PlaceIndex.load(path)


def test_files_of_another_kind_are_refused_and_pickles_never_opened(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", ids=np.arange(3))
    np.save(tmp_path / "array.npy", np.arange(3))
    np.savez(tmp_path / "pickle.npz", header=np.array([{}], dtype=object))
    (tmp_path / "text").write_text("places")
    for name in ("other.npz", "array.npy", "pickle.npz", "text", "missing"):
        with pytest.raises(PlaceError, match=name):
            PlaceIndex.load(tmp_path / name)


def test_arrays_that_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    header = np.array("vo_frontend place index 1")
    np.savez(tmp_path / "p.npz", header=header, ids=np.arange(3), descriptors=np.zeros((2, 4), np.float32))
    with pytest.raises(PlaceError, match="do not fit"):
        PlaceIndex.load(tmp_path / "p.npz")
    np.savez(tmp_path / "v.npz", header=np.array("vo_frontend place index 9"), ids=np.arange(3))
    with pytest.raises(PlaceError, match="version"):
        PlaceIndex.load(tmp_path / "v.npz")


def test_a_folder_that_is_missing_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        filled(2).save(tmp_path / "none" / "places.npz")


def test_wrong_input_is_refused() -> None:
    index = filled(2)
    with pytest.raises(ValueError, match="already"):
        index.add(10, unit_vectors(1)[0])
    with pytest.raises(ValueError, match="16 finite"):
        index.add(11, np.zeros(SIZE - 1, np.float32))
    with pytest.raises(ValueError, match="16 finite"):
        index.query(np.full(SIZE, np.nan, np.float32), 1)
    with pytest.raises(ValueError, match="at least 1"):
        index.query(unit_vectors(1)[0], 0)
    with pytest.raises(ValueError, match="at least 1"):
        PlaceIndex(0)
