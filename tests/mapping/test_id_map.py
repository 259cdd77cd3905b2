"""The map from ids to numbers beside a dictionary, and what it keeps of ids that are gone."""

import numpy as np
import pytest

from vo_frontend.mapping.id_map import ABSENT, MIN_GONE, IdMap
from vo_frontend.mapping.row_numbers import RowNumbers


@pytest.mark.parametrize("seed", range(4))
def test_after_random_operations_it_agrees_with_a_dictionary(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found, twin = IdMap(), dict[int, int]()
    for _ in range(300):
        ids = rng.permutation(100)[: rng.integers(0, 20)]
        if rng.uniform() < 0.6:
            numbers = rng.integers(-1, 1000, len(ids)).astype(np.int32)
            found.put(ids, numbers)
            twin.update(zip(ids.tolist(), numbers.tolist(), strict=True))
        else:
            found.drop(ids)
            for each in ids.tolist():
                twin.pop(each, None)
        every = rng.permutation(np.arange(-3, 110))
        assert found.find(every).tolist() == [twin.get(each, ABSENT) for each in every.tolist()]
        assert found.ids().tolist() == sorted(twin)
        assert len(found) == len(twin)


def test_ids_that_are_gone_cost_nothing_for_long() -> None:
    found, last = IdMap(), 0
    for first in range(0, 100 * MIN_GONE, MIN_GONE):
        found.put(np.arange(first, first + MIN_GONE), np.zeros(MIN_GONE, np.int32))
        found.drop(np.arange(last, first + MIN_GONE - 10))  # the first of each time stay a while
        last = first + MIN_GONE - 10
    assert len(found) == 10
    assert len(found._ids) <= 8 * MIN_GONE


def test_rows_of_ids_that_are_gone_are_used_again() -> None:
    numbers = RowNumbers()
    rows = numbers.take(np.array([7, 3, 5]))
    assert sorted(rows.tolist()) == sorted(set(rows.tolist()))
    assert numbers.drop(np.array([3, 4])).tolist() == [rows[1]]
    num_rows = numbers.num_rows
    assert numbers.take(np.array([900, 5])).tolist()[1] == rows[2]
    assert numbers.num_rows == num_rows
    assert numbers.contains(np.array([3, 5, 7, 900, -1])).tolist() == [False, True, True, True, False]
    assert numbers.id_of_row[numbers.of(np.array([900]))].tolist() == [900]
    assert (numbers.ids().tolist(), numbers.num_ids) == ([5, 7, 900], 901)
