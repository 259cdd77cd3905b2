"""An index of local features for large sets of images: an inverted file with product quantisation.

As H. Noh et al., "Large-scale image retrieval with attentive deep local features", ICCV 2017, on H. Jegou
et al., "Product quantization for nearest neighbor search", PAMI 2011: a feature is kept as the coarse word it
is nearest to and a code of 50 bits for its difference from that word. With the number of its image that takes
11 bytes. (``IndexIVFPQ`` of faiss has the same structure with 8 bytes for the number alone: 15.)
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import PlaceError
from vo_frontend.places.array_file import AnyArray, read_arrays, write_arrays
from vo_frontend.places.index import Candidates, best_first
from vo_frontend.places.kmeans import kmeans, nearest_means
from vo_frontend.places.local_index_kernels import pack_codes, scan_lists

KIND, VERSION = "vo_frontend local feature index", 1
CODE_BITS = 5
CODE_WORDS = 1 << CODE_BITS

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SearchConfig:
    """How features are looked for; the defaults are those of the paper."""

    num_probes: int = 5  # coarse words whose lists are searched for one feature
    num_neighbours: int = 60  # features that each query feature finds


@dataclass(frozen=True, slots=True, eq=False)
class Codebook:
    """How a descriptor becomes a coarse word and a code."""

    projection: Vectors  # (40, D) principal directions
    mean: Vectors  # (D,)
    words: Vectors  # (W, 40) coarse
    parts: Vectors  # (10, 32, 4) words for each tenth of the difference

    def project(self, descriptors: Vectors) -> Vectors:
        """Reduce descriptors (N, D) to (N, 40) of unit length."""
        reduced = (descriptors - self.mean) @ self.projection.T
        return reduced / np.maximum(np.linalg.norm(reduced, axis=1, keepdims=True), 1e-12)

    def encode(self, vectors: Vectors) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Return the coarse word (N,) and the packed code (N, 7) of projected vectors (N, 40)."""
        word, _ = nearest_means(vectors, self.words)
        num_parts, _, size = self.parts.shape
        differences = (vectors - self.words[word]).reshape(len(vectors), num_parts, size)
        numbers = [nearest_means(differences[:, part], self.parts[part])[0] for part in range(num_parts)]
        return word, pack_codes(np.stack(numbers, axis=1).astype(np.uint8))


def train_codebook(
    descriptors: Vectors, rng: np.random.Generator, num_words: int = 256, num_parts: int = 10, size: int = 4
) -> Codebook:
    """Train on descriptors (N, D) of many images: PCA to ``num_parts * size`` numbers, then k-means.

    Raises:
        ValueError: there are fewer descriptors than words.
    """
    mean = descriptors.mean(axis=0)
    _, directions = np.linalg.eigh(np.cov((descriptors - mean).T))
    projection = np.ascontiguousarray(directions.T[::-1][: num_parts * size], dtype=np.float32)
    start = Codebook(projection, mean, np.empty(0, np.float32), np.empty(0, np.float32))
    vectors = start.project(descriptors)
    words = kmeans(vectors, num_words, rng)
    differences = vectors - words[nearest_means(vectors, words)[0]]
    parts = [
        kmeans(np.ascontiguousarray(differences[:, part * size : (part + 1) * size]), CODE_WORDS, rng)
        for part in range(num_parts)
    ]
    return Codebook(projection, mean, words, np.stack(parts))


class LocalFeatureIndex:
    """Remembers the local features of images, and finds the images that share most with a query.

    Fill it first: the first query after an addition sorts all features by their words.
    """

    def __init__(self, codebook: Codebook, config: SearchConfig = SearchConfig()) -> None:  # noqa: B008
        self._codebook = codebook
        self._config = config
        self._image_ids: list[int] = []
        self._words: list[NDArray[np.int64]] = []  # per image, not sorted yet
        self._new_codes: list[NDArray[np.uint8]] = []
        num_parts = len(codebook.parts)
        self._codes = np.empty((0, (num_parts * CODE_BITS + 7) // 8), np.uint8)  # (N, 7) sorted by word
        self._images = np.empty(0, np.int32)  # (N,) positions in _image_ids
        self._starts = np.zeros(len(codebook.words) + 1, np.int64)

    @property
    def num_features(self) -> int:
        """Count the features of all images."""
        return len(self._images) + sum(map(len, self._words))

    @property
    def bytes_per_feature(self) -> int:
        """Return what one feature takes, with the number of its image."""
        return self._codes.shape[1] + self._images.itemsize

    def add(self, image_id: int, descriptors: Vectors) -> None:
        """Remember the descriptors (N, D) of an image.

        Raises:
            ValueError: the image is known already.
        """
        if image_id in self._image_ids:
            raise ValueError(f"image {image_id} is in the index already, expected every id once")
        word, codes = self._codebook.encode(self._codebook.project(descriptors))
        self._image_ids.append(image_id)
        self._words.append(word)
        self._new_codes.append(codes)

    def query(self, descriptors: Vectors, k: int, exclude: NDArray[np.int64] | None = None) -> Candidates:
        """Find the ``k`` images with most votes; each feature votes once for each image it finds.

        Args:
            descriptors: (M, D) of the query.
            k: at most.
            exclude: (E,) ids of images that take no part.

        Returns:
            Images with at least one vote; scores are votes per feature of the query, in [0, 1].
        """
        self._sort()
        image_ids = np.array(self._image_ids, np.int64)
        is_allowed = np.ones(len(image_ids), np.bool_)
        if exclude is not None:
            is_allowed = np.isin(image_ids, exclude, invert=True)
        vectors = self._codebook.project(descriptors)
        votes = (self._votes(vectors, is_allowed) / max(len(descriptors), 1)).astype(np.float32)
        best = best_first(votes, k)
        best = best[votes[best] > 0]
        return Candidates(image_ids[best], votes[best])

    def save(self, path: Path) -> None:
        """Write codebook and features to a file, which is replaced as a whole.

        Raises:
            OutputError: the file cannot be written; an older one stays as it was.
        """
        self._sort()
        book = self._codebook
        arrays: dict[str, AnyArray] = {
            "projection": book.projection,
            "mean": book.mean,
            "words": book.words,
            "parts": book.parts,
            "image_ids": np.array(self._image_ids, np.int64),
            "codes": self._codes,
            "images": self._images,
            "starts": self._starts,
        }
        write_arrays(path, KIND, VERSION, arrays)

    @classmethod
    def load(cls, path: Path, config: SearchConfig = SearchConfig()) -> "LocalFeatureIndex":  # noqa: B008
        """Read an index that :meth:`save` wrote.

        Raises:
            PlaceError: the file is missing, truncated, damaged or something else.
        """
        found = read_arrays(path, KIND, VERSION, _NUM_DIMENSIONS)
        index = cls(Codebook(found["projection"], found["mean"], found["words"], found["parts"]), config)
        codes, images, starts = found["codes"], found["images"], found["starts"]
        is_whole = (
            len(codes) == len(images)
            and codes.shape[1] == index._codes.shape[1]
            and [array.dtype.name for array in (codes, images, starts)] == ["uint8", "int32", "int64"]
            and len(starts) == len(found["words"]) + 1
            and starts[0] == 0
            and starts[-1] == len(codes)
            and bool((np.diff(starts) >= 0).all())
            and (not len(images) or 0 <= images.min() <= images.max() < len(found["image_ids"]))
        )
        if not is_whole:
            raise PlaceError(f"{path}: features, words and images do not fit together; make the index anew")
        index._codes, index._images, index._starts = codes, images, starts
        index._image_ids = found["image_ids"].tolist()
        return index

    def _sort(self) -> None:
        """Bring what was added since the last query into the lists of its words."""
        if not self._words:
            return
        first_new = len(self._image_ids) - len(self._words)
        new_images = np.repeat(np.arange(first_new, len(self._image_ids)), [len(w) for w in self._words])
        old_words = np.repeat(np.arange(len(self._starts) - 1), np.diff(self._starts))
        words = np.concatenate([old_words, *self._words])
        order = np.argsort(words, kind="stable")
        self._codes = np.concatenate([self._codes, *self._new_codes])[order]
        self._images = np.concatenate([self._images, new_images.astype(np.int32)])[order]
        self._starts = np.searchsorted(words[order], np.arange(len(self._starts)))
        self._words, self._new_codes = [], []

    def _votes(self, vectors: Vectors, is_allowed: NDArray[np.bool_]) -> NDArray[np.float64]:
        words = self._codebook.words
        closeness = vectors @ words.T - 0.5 * np.einsum("wd,wd->w", words, words)
        num_probes = min(self._config.num_probes, len(words))
        probes = np.argpartition(-closeness, num_probes - 1, axis=1)[:, :num_probes]
        return scan_lists(
            vectors, probes, words, self._codebook.parts, self._codes, self._images, self._starts,
            is_allowed, self._config.num_neighbours,
        )  # fmt: skip


_NUM_DIMENSIONS = {
    "projection": 2, "mean": 1, "words": 2, "parts": 3, "image_ids": 1, "codes": 2, "images": 1, "starts": 1,
}  # fmt: skip
