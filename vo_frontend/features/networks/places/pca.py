"""Shortens descriptors by principal components."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import WeightsError
from vo_frontend.formats.atomic import open_atomically


@dataclass(frozen=True)
class Pca:
    """A linear map of unit vectors onto their principal components, and back to unit length."""

    mean: NDArray[np.float32]  # (D,)
    components: NDArray[np.float32]  # (K, D), rows; of unit length unless they whiten

    def apply(self, descriptors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Project descriptors (N, D) of any length. Returns (N, K) of unit length."""
        centered = unit_rows(descriptors) - self.mean
        return unit_rows((centered @ self.components.T).astype(np.float32))

    def save(self, path: Path) -> None:
        """Write the map to a file, ``.npz`` without pickles, which is replaced as a whole.

        Raises:
            OutputError: the file cannot be written; an older one stays as it was.
        """
        with open_atomically(path) as file:
            np.savez(file, allow_pickle=False, mean=self.mean, components=self.components)

    @classmethod
    def load(cls, path: Path) -> "Pca":
        """Read a map that :meth:`save` wrote.

        Raises:
            WeightsError: the file is missing, damaged or something else.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                mean, components = (arrays[name].astype(np.float32) for name in ("mean", "components"))
        except (OSError, ValueError, TypeError, LookupError, EOFError, zipfile.BadZipFile) as error:
            reason = str(error).partition("\n")[0]
            raise WeightsError(f"{path}: cannot be read ({reason}); expected a saved Pca") from None
        if mean.ndim != 1 or components.ndim != 2 or components.shape[1] != len(mean):
            raise WeightsError(
                f"{path}: mean {mean.shape} and components {components.shape} do not fit together"
            )
        return cls(mean, components)


def fit_pca(descriptors: NDArray[np.float32], size: int, *, whitens: bool = False) -> Pca:
    """Fit principal components to the unit vectors of descriptors (N, D).

    Args:
        descriptors: (N, D), of any length.
        size: how many components, K <= min(N, D).
        whitens: divide each component by its standard deviation.

    Raises:
        ValueError: K is larger than N or D.
    """
    if not 1 <= size <= min(descriptors.shape):
        raise ValueError(
            f"size: got {size}, expected 1 to {min(descriptors.shape)}, the smaller side of (N, D)"
        )
    unit = unit_rows(descriptors)
    mean = unit.mean(axis=0, dtype=np.float64)
    variances, vectors = np.linalg.eigh(
        np.cov(unit.astype(np.float64), rowvar=False, bias=True).reshape(unit.shape[1], -1)
    )
    components = vectors[:, ::-1][:, :size].T
    # The sign of an eigenvector depends on the library: the largest entry is made positive.
    largest = np.abs(components).argmax(axis=1)
    components = components * np.sign(components[np.arange(size), largest])[:, None]
    if whitens:
        components = components / np.sqrt(np.maximum(variances[::-1][:size], 1e-12))[:, None]
    return Pca(mean.astype(np.float32), components.astype(np.float32))


def unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale rows (N, D) to unit length; a zero row stays zero. Returns (N, D) float32."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.maximum(length, 1e-12)).astype(np.float32)
