"""Records that memory has no room for."""

import numpy as np

from vo_frontend.atlas.record_store import RecordStore


def record(number: int, size: int = 50_000) -> bytes:
    return np.random.default_rng(number).bytes(size)


def test_every_record_is_found_however_little_memory_there_is() -> None:
    store, order = RecordStore(0.2), np.random.default_rng(0)
    for number in range(40):
        store.put(number, record(number))
    for number in order.permutation(40).tolist() * 3:
        assert store.get(number) == record(number)
        assert store.memory_bytes <= 200_000


def test_the_file_grows_only_with_what_is_kept() -> None:
    store = RecordStore(0.2)
    for number in range(40):
        store.put(number, record(number))
    for number in range(40):  # everything has been in the file by now
        store.get(number)
    length = store.file_bytes
    for round_number in range(1, 6):
        for number in range(40):
            store.put(number, record(100 * round_number + number))
    assert store.file_bytes <= length + 5 * 53_248, "at most what was in memory"
    assert [store.get(number) for number in range(40)] == [record(500 + number) for number in range(40)]


def test_a_record_beyond_the_whole_budget_is_kept_all_the_same() -> None:
    store = RecordStore(0.01)
    store.put(3, record(3))
    assert store.memory_bytes == 0
    assert store.get(3) == record(3)


def test_what_is_removed_takes_no_memory() -> None:
    store = RecordStore(1)
    store.put(3, record(3))
    store.remove(3)
    store.remove(4)
    assert store.memory_bytes == 0
