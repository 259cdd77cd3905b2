"""Feed readers with damaged files, and keep what is neither read nor refused by one short line."""

import logging
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vo_frontend.errors import MAX_MESSAGE, VoError
from vo_frontend.experiments.fuzzing.damage import damage
from vo_frontend.experiments.fuzzing.readers import Reader

PATIENCE_S = 10.0  # for one file of a few kB


@dataclass(frozen=True, slots=True)
class Finding:
    """A file that a reader did not take as it should."""

    reader: str
    data: bytes
    what: str


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts what became of the files of a reader."""

    reader: str
    num_read: int
    num_refused: int


def fuzz_reader(
    reader: Reader, folder: Path, rng: np.random.Generator, goes_on: Callable[[int], bool]
) -> tuple[Tally, list[Finding]]:
    """Read damaged files as long as ``goes_on`` says so, which is asked with how many there were.

    Args:
        reader: to be tried.
        folder: of its own; its files are overwritten.
        rng: draws the damage.
        goes_on: whether another file is to be tried.
    """
    for name, content in reader.beside:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    path = folder / reader.file
    path.parent.mkdir(parents=True, exist_ok=True)
    num_tried = num_refused = 0
    findings = []
    with _silence():
        while goes_on(num_tried):
            num_tried += 1
            data = damage(reader.seeds, rng)
            path.write_bytes(data)
            begin_s = time.monotonic()
            what = None
            try:
                reader.read(folder)
            except VoError as error:
                num_refused += 1
                what = None if len(str(error)) <= MAX_MESSAGE + 10 else "a message without an end"
            except Exception:
                what = traceback.format_exc()
            if time.monotonic() - begin_s > PATIENCE_S:
                what = f"took {time.monotonic() - begin_s:.0f} s"
            if what is not None:
                findings.append(Finding(reader.name, data, what))
    return Tally(reader.name, num_tried - num_refused - len(findings), num_refused), findings


@contextmanager
def _silence() -> Iterator[None]:
    """Keep thousands of warnings about damaged files from the terminal."""
    logger = logging.getLogger("vo_frontend")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
