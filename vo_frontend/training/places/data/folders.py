"""Places as lists of picture files: a folder per place, or the layout of Google Landmarks v2."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vo_frontend.errors import SourceError
from vo_frontend.sources.image_files import IMAGE_SUFFIXES, read_image
from vo_frontend.training.data.pairs import as_rgb
from vo_frontend.types import Image

LANDMARK_TABLES = ("train_clean.csv", "train.csv")  # the first that is there


class FilePlaces:
    """Places with a list of files each."""

    def __init__(self, places: Sequence[Sequence[Path]]) -> None:
        self._places = [list(paths) for paths in places]

    def __len__(self) -> int:
        return len(self._places)

    def view(self, place: int, rng: np.random.Generator) -> Image:
        """Read a random picture (H, W, 3) of a place.

        Raises:
            SourceError: the file is missing or cannot be decoded.
        """
        paths = self._places[place]
        return as_rgb(read_image(paths[rng.integers(len(paths))]))


def folder_per_place(folder: Path, min_views: int) -> list[list[Path]]:
    """List the pictures in each folder directly below a folder, both sorted by name.

    Raises:
        SourceError: the folder is missing, or none below it has ``min_views`` pictures.
    """
    if not folder.is_dir():
        raise SourceError(f"{folder}: no such folder, expected one with a folder of pictures per place")
    places = [
        sorted(path for path in below.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
        for below in sorted(path for path in folder.iterdir() if path.is_dir())
    ]
    return _with_enough(places, min_views, str(folder))


def landmarks_v2(folder: Path, min_views: int) -> list[list[Path]]:
    """List the pictures of each landmark of Google Landmarks v2, by ``train_clean.csv`` or ``train.csv``.

    The first has lines ``landmark_id,images`` with the ids of pictures between blanks, the second
    ``id,url,landmark_id``. Picture ``abcdef`` lies in ``a/b/c/abcdef.jpg``, below ``train/`` if that exists.

    Raises:
        SourceError: the table is missing or malformed, or no landmark has ``min_views`` pictures.
    """
    table = next((folder / name for name in LANDMARK_TABLES if (folder / name).is_file()), None)
    if table is None:
        raise SourceError(f"{folder}: holds neither {' nor '.join(LANDMARK_TABLES)}")
    pictures: dict[str, list[str]] = {}
    try:
        with table.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                ids = row["images"].split() if "images" in row else [row["id"]]
                pictures.setdefault(row["landmark_id"], []).extend(ids)
    except (KeyError, AttributeError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(
            f"{table}: malformed ({error!r}), expected the columns landmark_id and images, or id instead"
        ) from None
    root = folder / "train" if (folder / "train").is_dir() else folder
    places = [[_landmark_path(root, name) for name in names] for names in pictures.values()]
    return _with_enough(places, min_views, str(table))


def _landmark_path(root: Path, name: str) -> Path:
    return root / Path(*name[:3]) / f"{name}.jpg"


def _with_enough(places: list[list[Path]], min_views: int, where: str) -> list[list[Path]]:
    kept = [paths for paths in places if len(paths) >= min_views]
    if not kept:
        raise SourceError(f"{where}: none of {len(places)} places has {min_views} pictures or more")
    return kept
