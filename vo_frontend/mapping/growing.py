"""Tables that grow: arrays with more rows than are in use."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

FIRST_CAPACITY = 256  # rows

Table = TypeVar("Table", bound=NDArray[Any])


def grown(table: Table, num_rows: int, fill: Any = 0) -> Table:
    """Return the table (R, ...) if it has ``num_rows``, else a copy with twice its rows or more."""
    if len(table) >= num_rows:
        return table
    capacity = max(num_rows, 2 * len(table), FIRST_CAPACITY)
    larger = np.full((capacity, *table.shape[1:]), fill, table.dtype)
    larger[: len(table)] = table
    return larger  # type: ignore[return-value]
