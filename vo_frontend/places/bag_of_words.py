"""A bag of visual words with tf-idf weights (J. Sivic and A. Zisserman, "Video Google", ICCV 2003)."""

import numpy as np
from numpy.typing import NDArray

from vo_frontend.places.kmeans import nearest_means
from vo_frontend.places.vocabulary import Vocabulary


class BagOfWords:
    """Describes views by how often they show each word, rare words counting more."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._words = vocabulary.words
        self._idf = vocabulary.idf

    @property
    def descriptor_size(self) -> int:
        """Return the number of words."""
        return len(self._words)

    def describe(self, descriptors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the weights (W,) of the words in a view, which sum to 1; zeros without features.

        Args:
            descriptors: (N, D) of its local features.
        """
        nearest, _ = nearest_means(descriptors, self._words)
        weights = np.bincount(nearest, minlength=len(self._words)) * self._idf
        return (weights / max(weights.sum(), np.finfo(np.float32).tiny)).astype(np.float32)


def l1_scores(queries: NDArray[np.float32], references: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compare bags (Q, W) with bags (N, W) by ``1 - |a - b|_1 / 2``, in [0, 1], as (Q, N).

    D. Galvez-Lopez and J. D. Tardos, "Bags of binary words", T-RO 2012, eq. 2.
    """
    return np.stack([1 - 0.5 * np.abs(query - references).sum(axis=1) for query in queries])
