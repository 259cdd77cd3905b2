"""The table of landmarks: what is found by id, however far apart the ids are."""

import numpy as np
import pytest

from vo_frontend.mapping.landmarks import MAX_TABLE, Landmarks


def landmarks_of(ids: list[int]) -> Landmarks:
    count = len(ids)
    return Landmarks.new(
        np.array(ids), np.zeros((count, 3)), np.zeros((count, 8), np.float32), np.zeros((count, 3), np.uint8)
    )


@pytest.mark.parametrize("last", [20, MAX_TABLE + 3, 50 * MAX_TABLE], ids=["near", "just far", "far"])
def test_rows_are_found_by_id_and_gone_ids_are_not_there(last: int) -> None:
    landmarks = landmarks_of([3, 7, 8, last])
    assert landmarks.rows(np.array([8, last, 3, 8])).tolist() == [2, 3, 0, 2]
    asked = np.array([-1, 0, 3, 4, 7, 9, last - 1, last, last + 1, 2 * last])
    assert landmarks.contains(asked).tolist() == np.isin(asked, [3, 7, 8, last]).tolist()
    assert landmarks.rows(np.zeros(0, np.int64)).tolist() == []


def test_an_empty_table_contains_nothing() -> None:
    assert landmarks_of([]).contains(np.array([0, 5])).tolist() == [False, False]
