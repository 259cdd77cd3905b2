"""Train a vocabulary from the local features of views."""

from collections.abc import Sequence

import numpy as np

from vo_frontend.places.kmeans import kmeans, nearest_means
from vo_frontend.places.vlad import vlad
from vo_frontend.places.vocabulary import Vectors, Vocabulary

NUM_CENTERS, NUM_WORDS, NUM_PROJECTED = 32, 512, 256
MAX_POINTS = 60_000  # for k-means; more change little
SHRINKAGE = 0.1  # share of a sphere in the covariance within pairs


def train_vocabulary(
    views: Sequence[Vectors],
    relit: Sequence[Vectors],
    rng: np.random.Generator,
    num_centers: int = NUM_CENTERS,
    num_words: int = NUM_WORDS,
    num_projected: int = NUM_PROJECTED,
) -> Vocabulary:
    """Cluster the descriptors of all views, count in how many each word occurs, and learn to project VLAD.

    Args:
        views: V arrays (N, D) of descriptors of unit length, one per view.
        relit: V arrays likewise: the same views in other light.
        rng: draws the points to cluster and the starts of k-means.
        num_centers: for VLAD.
        num_words: for the bag of words.
        num_projected: numbers that VLAD is projected to, at most V - 1.

    Raises:
        ValueError: there are fewer descriptors than words, or fewer views than the projection needs.
    """
    together = [*views, *relit]
    points = np.concatenate(together)
    if len(points) > MAX_POINTS:
        points = points[np.sort(rng.choice(len(points), MAX_POINTS, replace=False))]
    centers, words = kmeans(points, num_centers, rng), kmeans(points, num_words, rng)
    whole, whole_relit = (np.stack([vlad(view, centers) for view in some]) for some in (views, relit))
    mean, projection = learned_whitening(whole, whole_relit, num_projected)
    return Vocabulary(centers, words, inverse_document_frequency(together, words), mean, projection)


def inverse_document_frequency(views: Sequence[Vectors], words: Vectors) -> Vectors:
    """Return ``log(V / V_w)`` (W,) for words (W, D) that V_w of V views (N, D) show, V_w at least 1."""
    num_showing = np.zeros(len(words), np.int64)
    for view in views:
        num_showing[np.unique(nearest_means(view, words)[0])] += 1
    return np.log(len(views) / np.maximum(num_showing, 1)).astype(np.float32)


def learned_whitening(vectors: Vectors, partners: Vectors, num_kept: int) -> tuple[Vectors, Vectors]:
    """Learn from pairs what differs between views of one place, and keep what tells places apart.

    Whitens the differences within pairs, then keeps the main directions between pairs (F. Radenovic et al.,
    "Fine-tuning CNN image retrieval with no human annotation", PAMI 2019, eq. 8-9, after K. Mikolajczyk and
    J. Matas, ICCV 2007). The covariance within pairs is shrunk towards a sphere, as pairs are few; the
    directions are divided by the square root of their deviations, half-way to whitening.

    Args:
        vectors: (V, D) of one view of each place.
        partners: (V, D) of another view of each.
        num_kept: directions P, less than V.

    Returns:
        mean: (D,) of all vectors.
        projection: (P, D), to be applied to vectors less the mean; its rows have unit length on average.

    Raises:
        ValueError: there are too few vectors.
    """
    if not num_kept < len(vectors):
        raise ValueError(f"vectors: got {len(vectors)}, expected more than {num_kept}")
    middle = 0.5 * (vectors.astype(np.float64) + partners)
    difference = vectors.astype(np.float64) - partners
    mean = middle.mean(axis=0)
    within = difference.T @ difference / len(difference)
    size = len(within)
    within += SHRINKAGE * np.trace(within) / size * np.eye(size)
    variances, axes = np.linalg.eigh(within)
    whitening = (axes / np.sqrt(variances)) @ axes.T
    _, sizes, directions = np.linalg.svd((middle - mean) @ whitening, full_matrices=False)
    projection = (directions[:num_kept] / np.sqrt(sizes[:num_kept, None])) @ whitening
    projection *= np.sqrt(num_kept) / np.linalg.norm(projection)
    return mean.astype(np.float32), projection.astype(np.float32)
