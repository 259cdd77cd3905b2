"""Damaged files, a few hundred of each kind; ``vo-frontend fuzz`` tries more."""

from pathlib import Path

import numpy as np
import pytest

from vo_frontend.errors import ConfigError
from vo_frontend.experiments.fuzzing.damage import damage
from vo_frontend.experiments.fuzzing.readers import Reader, readers
from vo_frontend.experiments.fuzzing.search import fuzz_reader

NUM_FILES = 150
NAMES = (
    "image", "photograph", "depth", "camera", "config", "trajectory", "times", "queries", "map", "vocabulary",
    "weights", "calib.txt", "kitti times.txt", "data.csv", "sensor.yaml", "imu data.csv",
    "imu sensor.yaml", "rgb.txt",
)  # fmt: skip


@pytest.fixture(scope="module")
def all_readers(tmp_path_factory: pytest.TempPathFactory) -> list[Reader]:
    return readers(tmp_path_factory.mktemp("seeds"))


@pytest.mark.parametrize("position", range(len(NAMES)), ids=NAMES)
def test_a_damaged_file_is_read_or_refused_by_one_short_line(
    position: int, all_readers: list[Reader], tmp_path: Path
) -> None:
    assert len(all_readers) == len(NAMES)
    reader = all_readers[position]
    tally, findings = fuzz_reader(reader, tmp_path, np.random.default_rng(position), lambda n: n < NUM_FILES)
    assert not findings, f"{len(findings)} findings, the first: {findings[0].data!r}\n{findings[0].what}"
    assert tally.num_read + tally.num_refused == NUM_FILES


def test_good_files_are_read(all_readers: list[Reader], tmp_path: Path) -> None:
    for number, reader in enumerate(all_readers):
        folder = tmp_path / str(number)
        for name, content in (*reader.beside, *((reader.file, seed) for seed in reader.seeds)):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
            if name == reader.file:
                reader.read(folder)


def test_a_reader_that_raises_something_else_is_found(tmp_path: Path) -> None:
    def read(folder: Path) -> None:
        if b"A" in (folder / "file").read_bytes():
            raise IndexError("no such thing")
        raise ConfigError("refused")

    reader = Reader("test", "file", (b"123", b"456"), read)
    tally, findings = fuzz_reader(reader, tmp_path, np.random.default_rng(0), lambda n: n < 200)
    assert findings
    assert all(b"A" in finding.data and "no such thing" in finding.what for finding in findings)
    assert tally.num_read == 0
    assert tally.num_refused == 200 - len(findings)


def test_the_same_seed_damages_alike() -> None:
    first, second = ([damage([b"abc: 1"], np.random.default_rng(7)) for _ in range(3)] for _ in range(2))
    assert first == second
