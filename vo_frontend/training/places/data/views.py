"""Views by place: what every kind of data gives."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Protocol

import numpy as np

from vo_frontend.types import Image


class PlaceViews(Protocol):
    """Places by number, each with as many views as one likes. Keeps no position."""

    def __len__(self) -> int:
        """Count the places."""
        ...

    def view(self, place: int, rng: np.random.Generator) -> Image:
        """Take one picture (H, W, 3) uint8 RGB of a place; everything random comes from ``rng``.

        Raises:
            SourceError: the picture cannot be read.
        """
        ...


class JoinedViews:
    """Several kinds of data as one: their places are numbered one kind after the other."""

    def __init__(self, sources: Sequence[PlaceViews]) -> None:
        self._sources = list(sources)
        self._ends = list(accumulate(map(len, sources)))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def view(self, place: int, rng: np.random.Generator) -> Image:
        """Take a picture of a place from the kind that has it."""
        kind = bisect_right(self._ends, place)
        first = self._ends[kind - 1] if kind else 0
        return self._sources[kind].view(place - first, rng)
