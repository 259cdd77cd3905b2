"""VLAD: one vector for a whole view, from the local features it has anyway.

H. Jegou et al., "Aggregating local descriptors into a compact image representation", CVPR 2010: for each word
of a small vocabulary, the sum of the differences between it and the descriptors that it is nearest to. Signed
square roots then weaken bursts, words that one texture repeats (Jegou et al., PAMI 2012).
"""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.places.kmeans import nearest_means
from vo_frontend.places.vocabulary import Vocabulary


class Vlad:
    """Describes views by VLAD, whole or projected to a few numbers."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._centers = vocabulary.centers
        self._projection = vocabulary.projection
        self._mean = vocabulary.mean

    @property
    def descriptor_size(self) -> int:
        """Return the length of what :meth:`describe` gives."""
        return len(self._projection)

    def describe(self, descriptors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the projection of :meth:`describe_whole`, (P,) of unit length; zeros without features.

        Args:
            descriptors: (N, D) of the local features of one view.
        """
        if not len(descriptors):
            return np.zeros(self.descriptor_size, np.float32)
        return unit(self._projection @ (self.describe_whole(descriptors) - self._mean))

    def describe_whole(self, descriptors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the VLAD (K * D,) of a view, of unit length; zeros without features.

        Args:
            descriptors: (N, D) of its local features.
        """
        return vlad(descriptors, self._centers)


def vlad(descriptors: NDArray[np.float32], centers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Aggregate descriptors (N, D) around K centres (K, D) to (K * D,), of unit length or zero."""
    nearest, _ = nearest_means(descriptors, centers)
    is_nearest = np.zeros((len(centers), len(descriptors)), np.float32)
    is_nearest[nearest, np.arange(len(descriptors))] = 1.0
    sums = is_nearest @ descriptors - is_nearest.sum(axis=1, keepdims=True) * centers
    return unit(signed_root(sums.ravel()))


def signed_root(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take the square root of the size of values (N,) and keep their signs."""
    return np.sign(values) * np.sqrt(np.abs(values))


def unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale a vector (N,) to unit length; zeros stay zeros."""
    length = np.linalg.norm(vector)
    return np.asarray(vector / length if length > 0 else vector, np.float32)
