"""The archive and its budget of memory: what is beyond it lies in a file that goes with the archive."""

import gc
import tempfile
import tracemalloc
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
from atlas_inputs import SIZE, make_keyframe, make_landmarks
from numpy.testing import assert_array_equal

from vo_frontend.atlas.archive import Archive
from vo_frontend.atlas.covisibility import covisibility_edges
from vo_frontend.config import AtlasConfig
from vo_frontend.errors import ConfigError, OutputError


def test_beyond_the_budget_the_archive_answers_as_it_does_within() -> None:
    small, large = (Archive(SIZE, AtlasConfig(max_memory_mb=mb)) for mb in (1, 100))
    order = np.random.default_rng(1)
    sizes = [int(each) for each in order.integers(300, 3000, 120)]
    for frame_index, num_features in enumerate(sizes):
        keyframe = make_keyframe(frame_index, range(frame_index, frame_index + 5), num_features=num_features)
        for archive in (small, large):
            archive.add(keyframe, 0)
            if frame_index % 5 == 4:
                archive.forget(frame_index - 2)
    for frame_index in order.permutation(list(large)).tolist() * 2:
        found, expected = small.packed(frame_index), large.packed(frame_index)
        assert found.to_bytes() == expected.to_bytes()
        assert small.bytes_in_memory <= 10**6
        if frame_index % 3 == 0:
            again = make_keyframe(frame_index, [1], num_features=sizes[frame_index] // 2)
            small.add(again, 0)
            large.add(again, 0)
    assert large.bytes_in_memory > 10**6
    assert_array_equal(covisibility_edges(small), covisibility_edges(large))


def test_places_that_are_seen_again_and_again_cost_no_more_memory() -> None:
    """What is left of a keyframe that is replaced, forgotten or loses landmarks serves the next."""
    archive = Archive(SIZE, AtlasConfig(max_memory_mb=1))
    keyframes = [make_keyframe(number, range(number, number + 300), num_features=400) for number in range(30)]

    def go_round() -> int:
        for keyframe in keyframes:
            archive.add(keyframe, 0)
            archive.retire(make_landmarks(keyframe.landmark_ids[:5], [keyframe.view.frame_index] * 5))
        for frame_index in range(0, 30, 3):
            archive.forget(frame_index)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        first = [go_round() for _ in range(3)][-1]  # kernels are compiled in the first ones
        last = [go_round() for _ in range(8)][-1]
    finally:
        tracemalloc.stop()
    assert last - first < 0.3 * 30 * 300 * 12, "in eight rounds, a third of what one round of sightings takes"


def test_the_file_is_gone_with_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[IO[bytes]] = []

    def make_file(**options: Any) -> IO[bytes]:
        made.append(make(**options))
        return made[-1]

    make = tempfile.TemporaryFile
    monkeypatch.setattr(tempfile, "TemporaryFile", make_file)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    archive = Archive(SIZE, AtlasConfig(max_memory_mb=1))
    for frame_index in range(40):
        archive.add(make_keyframe(frame_index, [], num_features=2000), 0)
    (kept,) = [file for file in made if not file.closed]  # compilers make some of their own
    del archive
    gc.collect()
    assert kept.closed, "which removes a temporary file"
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_made_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    archive = Archive(SIZE, AtlasConfig(max_memory_mb=1))
    with pytest.raises(OutputError, match=r"missing: cannot write the keyframes .* atlas.max_memory_mb"):
        archive.add(make_keyframe(0, [], num_features=100_000), 0)


def test_a_budget_below_a_megabyte_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"atlas.max_memory_mb: got 0.5, expected 1"):
        AtlasConfig(max_memory_mb=0.5)


def test_what_became_of_landmarks_that_no_keyframe_saw_is_forgotten_and_of_the_others_never(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Landmarks come in order of their ids; most are removed or merged, some after a keyframe has left."""
    rng = np.random.default_rng(0)
    keeps_all = Archive(SIZE, AtlasConfig())
    monkeypatch.setattr("vo_frontend.atlas.landmark_table.MIN_GONE", 50)
    forgets = Archive(SIZE, AtlasConfig())
    alive = np.zeros(0, np.int64)
    for number in range(60):
        alive = np.append(alive, np.arange(100 * number, 100 * number + 100))
        gone = rng.permutation(alive[:-10])[:80]
        alive = np.setdiff1d(alive, gone)
        seen = np.concatenate([rng.choice(alive, 20, replace=False), gone[:4]])
        for archive in (keeps_all, forgets):
            archive.add(make_keyframe(number, seen, num_features=24), 0)
            archive.remove(gone[::2])
            archive.merge(alive[: len(gone[1::2])], gone[1::2])
            if number > 20:
                archive.forget(number - 20)
    assert len(keeps_all._landmarks._heir) > 4000
    assert len(forgets._landmarks._heir) < 1000
    for frame_index in forgets:
        expected, found = keeps_all.keyframe(frame_index), forgets.keyframe(frame_index)
        assert_array_equal(found.landmark_ids, expected.landmark_ids)
    assert_array_equal(covisibility_edges(forgets), covisibility_edges(keeps_all))
