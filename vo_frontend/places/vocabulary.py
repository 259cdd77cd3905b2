"""Visual words of one kind of local feature: cluster centres, how common they are, and what is derived."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import PlaceError
from vo_frontend.places.array_file import read_arrays, write_arrays

KIND, VERSION = "vo_frontend vocabulary", 1
VOCABULARIES = Path(__file__).parent / "vocabularies"

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """Words for VLAD and for the bag of words, trained on the same views."""

    centers: Vectors  # (K, D) few words, for VLAD
    words: Vectors  # (W, D) many words, for the bag of words
    idf: Vectors  # (W,) log of views over views that show the word
    mean: Vectors  # (K * D,) of VLAD over the training views
    projection: Vectors  # (P, K * D) VLAD less its mean, to P numbers

    def save(self, path: Path) -> None:
        """Write the vocabulary to a file, which is replaced as a whole; the projection with half precision.

        Raises:
            OutputError: the file cannot be written; an older one stays as it was.
        """
        arrays = {name: getattr(self, name) for name in _NUM_DIMENSIONS}
        write_arrays(path, KIND, VERSION, {**arrays, "projection": self.projection.astype(np.float16)})

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Read a vocabulary that :meth:`save` wrote.

        Raises:
            PlaceError: the file is missing, damaged or something else.
        """
        found = read_arrays(path, KIND, VERSION, _NUM_DIMENSIONS)
        try:
            vocabulary = cls(**{name: array.astype(np.float32) for name, array in found.items()})
        except (TypeError, ValueError):
            raise PlaceError(f"{path}: holds something else than numbers; make it anew") from None
        (num_centers, size), whole_size = vocabulary.centers.shape, vocabulary.centers.size
        shapes = [array.shape for array in (vocabulary.words, vocabulary.idf, vocabulary.mean)]
        if (
            shapes != [(len(vocabulary.words), size), (len(vocabulary.words),), (whole_size,)]
            or vocabulary.projection.shape[1] != whole_size
            or not all(len(array) and np.isfinite(array).all() for array in found.values())
        ):
            raise PlaceError(f"{path}: its arrays do not fit together ({num_centers} centres); make it anew")
        return vocabulary


_NUM_DIMENSIONS = {"centers": 2, "words": 2, "idf": 1, "mean": 1, "projection": 2}


def shipped_vocabularies() -> list[str]:
    """Name the features that the package ships a vocabulary for."""
    return sorted(path.stem for path in VOCABULARIES.glob("*.npz"))


def shipped_vocabulary(features: str) -> Vocabulary:
    """Load the vocabulary that the package ships for an extractor, e.g. "aliked-t16".

    Raises:
        PlaceError: there is none for these features.
    """
    known = shipped_vocabularies()
    if features not in known:
        raise PlaceError(
            f"places: no vocabulary for the features '{features}', expected one of {', '.join(known)}; "
            "tools/train_vocabulary.py makes others"
        )
    return Vocabulary.load(VOCABULARIES / f"{features}.npz")
