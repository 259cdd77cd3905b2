"""An exact index of places: one descriptor each, compared by dot products."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import PlaceError
from vo_frontend.places.array_file import AnyArray, read_arrays, write_arrays

KIND, VERSION = "vo_frontend place index", 1
FIRST_CAPACITY = 64  # places


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The places that look most like a query, best first."""

    ids: NDArray[np.int64]  # (K,)
    scores: NDArray[np.float32]  # (K,) descending

    def __len__(self) -> int:
        return len(self.ids)


class PlaceIndex:
    """Remembers places by their descriptors. 256 floats take 1 kB a place."""

    def __init__(self, descriptor_size: int) -> None:
        """Start empty, for descriptors of ``descriptor_size`` numbers.

        Raises:
            ValueError: the size is less than 1.
        """
        if descriptor_size < 1:
            raise ValueError(f"descriptor_size: got {descriptor_size}, expected at least 1")
        self._ids = np.empty(FIRST_CAPACITY, np.int64)
        self._descriptors = np.empty((FIRST_CAPACITY, descriptor_size), np.float32)
        self._known: set[int] = set()

    def __len__(self) -> int:
        return len(self._known)

    @property
    def descriptor_size(self) -> int:
        """Return the length D of a descriptor."""
        return self._descriptors.shape[1]

    @property
    def ids(self) -> NDArray[np.int64]:
        """Return the ids (N,) in the order in which the places came."""
        return self._ids[: len(self)].copy()

    def add(self, place_id: int, descriptor: NDArray[np.float32]) -> None:
        """Remember a place by its descriptor (D,), usually of unit length.

        Raises:
            ValueError: the place is known already, or the descriptor is not D finite numbers.
        """
        self._check(descriptor)
        if place_id in self._known:
            raise ValueError(f"place {place_id} is in the index already, expected every id once")
        count = len(self)
        if count == len(self._ids):
            self._ids = np.concatenate([self._ids, np.empty_like(self._ids)])
            self._descriptors = np.concatenate([self._descriptors, np.empty_like(self._descriptors)])
        self._ids[count], self._descriptors[count] = place_id, descriptor
        self._known.add(int(place_id))

    def forget(self, place_id: int) -> None:
        """Forget a place; the others keep their order.

        Raises:
            ValueError: it is not known.
        """
        if place_id not in self._known:
            raise ValueError(f"place {place_id} is not in the index")
        count = len(self)
        row = int(np.flatnonzero(self._ids[:count] == place_id)[0])
        for values in (self._ids, self._descriptors):
            values[row : count - 1] = values[row + 1 : count]
        self._known.remove(place_id)

    def query(
        self, descriptor: NDArray[np.float32], k: int, exclude: NDArray[np.int64] | None = None
    ) -> Candidates:
        """Find the ``k`` places with the largest dot products; of equal ones the older first.

        Args:
            descriptor: (D,) float32.
            k: at most; fewer where fewer places are left.
            exclude: (E,) ids that must not be found, such as the query's neighbours; unknown ones do no harm.

        Raises:
            ValueError: ``k`` is less than 1, or the descriptor is not D finite numbers.
        """
        self._check(descriptor)
        if k < 1:
            raise ValueError(f"k: got {k}, expected at least 1")
        ids = self._ids[: len(self)]
        scores = self._descriptors[: len(self)] @ descriptor
        allowed = np.arange(len(ids))
        if exclude is not None and len(exclude):
            allowed = np.flatnonzero(np.isin(ids, exclude, invert=True))
        best = allowed[best_first(scores[allowed], k)]
        return Candidates(ids[best], scores[best])

    def save(self, path: Path) -> None:
        """Write ids and descriptors to a file, which is replaced as a whole.

        Raises:
            OutputError: the file cannot be written; an older one stays as it was.
        """
        arrays: dict[str, AnyArray] = {
            "ids": self._ids[: len(self)],
            "descriptors": self._descriptors[: len(self)],
        }
        write_arrays(path, KIND, VERSION, arrays)

    @classmethod
    def load(cls, path: Path) -> "PlaceIndex":
        """Read an index that :meth:`save` wrote.

        Raises:
            PlaceError: the file is missing, truncated, damaged or something else.
        """
        arrays = read_arrays(path, KIND, VERSION, {"ids": 1, "descriptors": 2})
        ids, descriptors = arrays["ids"], arrays["descriptors"]
        is_whole = (
            ids.dtype == np.int64
            and descriptors.dtype == np.float32
            and len(ids) == len(descriptors) == len(np.unique(ids))
            and descriptors.shape[1] > 0
            and bool(np.isfinite(descriptors).all())
        )
        if not is_whole:
            raise PlaceError(f"{path}: ids and descriptors do not fit together; make the index anew")
        index = cls(descriptors.shape[1])
        if len(ids):
            index._ids, index._descriptors, index._known = ids, descriptors, set(ids.tolist())
        return index

    def _check(self, descriptor: NDArray[np.float32]) -> None:
        if descriptor.shape != (self.descriptor_size,) or not np.isfinite(descriptor).all():
            raise ValueError(
                f"descriptor: expected {self.descriptor_size} finite numbers, got shape {descriptor.shape}"
            )


def best_first(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Return the positions (K,) of the ``k`` largest of scores (N,), descending, equal ones in order."""
    if k < len(scores):
        least = np.partition(scores, len(scores) - k)[len(scores) - k]
        chosen = np.flatnonzero(scores >= least)  # more than k where scores tie
    else:
        chosen = np.arange(len(scores))
    return np.asarray(chosen[np.argsort(-scores[chosen], kind="stable")][:k], np.int64)
