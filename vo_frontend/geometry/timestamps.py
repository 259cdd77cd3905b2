"""Which moments of two recordings belong together. Stamps are integer nanoseconds, so nothing is rounded."""

import numpy as np
from numpy.typing import NDArray


def nearest(stamps_ns: NDArray[np.int64], others_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Find the nearest of ``others_ns`` for each stamp, the earlier one where two are equally near.

    Args:
        stamps_ns: (N,) in any order.
        others_ns: (M,) strictly increasing, M > 0.

    Returns:
        Indices (N,) into ``others_ns``.
    """
    after = np.searchsorted(others_ns, stamps_ns).clip(max=len(others_ns) - 1)
    before = (after - 1).clip(min=0)
    is_before = np.abs(stamps_ns - others_ns[before]) <= np.abs(others_ns[after] - stamps_ns)
    return np.where(is_before, before, after)


def mutually_nearest(
    stamps_ns: NDArray[np.int64], others_ns: NDArray[np.int64], max_offset_ns: int
) -> NDArray[np.int64]:
    """Pair stamps that are each other's nearest, so that none serves two.

    Args:
        stamps_ns: (N,) strictly increasing.
        others_ns: (M,) strictly increasing, M > 0.
        max_offset_ns: largest distance in time of a pair, itself allowed.

    Returns:
        Partner (N,) of each stamp, as an index into ``others_ns``; -1 where there is none.
    """
    partner = nearest(stamps_ns, others_ns)
    is_mutual = nearest(others_ns, stamps_ns)[partner] == np.arange(len(stamps_ns))
    is_close = np.abs(others_ns[partner] - stamps_ns) <= max_offset_ns
    return np.where(is_mutual & is_close, partner, -1)
