import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.viewer.bounded_rows import BoundedRows


def filled(capacity: int, batches: list[int]) -> NDArray[np.int64]:
    rows = BoundedRows(capacity, (1,), np.int64)
    numbers = np.arange(sum(batches))[:, None]
    for batch in np.split(numbers, np.cumsum(batches)[:-1]):
        rows.extend(batch)
    return rows.rows[:, 0]


def test_rows_below_the_capacity_are_all_kept() -> None:
    np.testing.assert_array_equal(filled(10, [3, 0, 7]), np.arange(10))


@pytest.mark.parametrize("batches", [[1] * 57, [57], [9, 1, 30, 0, 17], [8, 8, 41]])
def test_kept_rows_are_evenly_spread_however_they_arrived(batches: list[int]) -> None:
    kept = filled(8, batches)
    stride = kept[1] - kept[0]
    np.testing.assert_array_equal(kept, np.arange(0, 57, stride))
    assert 4 <= len(kept) <= 8


def test_a_view_taken_before_is_not_changed_by_thinning() -> None:
    rows = BoundedRows(4, (1,), np.int64)
    rows.extend(np.arange(4)[:, None])
    view = rows.rows
    rows.extend(np.arange(4, 20)[:, None])
    np.testing.assert_array_equal(view[:, 0], [0, 1, 2, 3])


def test_a_view_cannot_be_written_to() -> None:
    rows = BoundedRows(4, (1,), np.int64)
    rows.extend(np.arange(3)[:, None])
    with pytest.raises(ValueError, match="read-only"):
        rows.rows[0] = 7
