"""Map files: what is read is what was written, and anything else is one clear line."""

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from atlas_inputs import ORIGIN, SIZE, assert_same_map, make_archive
from numpy.testing import assert_array_equal
from world import WorldExtractor, make_world, sideways

from vo_frontend.atlas.archive import Archive
from vo_frontend.atlas.covisibility import covisibility_edges
from vo_frontend.atlas.map_file import read_map, write_map
from vo_frontend.atlas.saved_map import MapOrigin, SavedMap
from vo_frontend.atlas.sealed_file import write_sealed
from vo_frontend.config import AtlasConfig
from vo_frontend.errors import MapFileError, OutputError
from vo_frontend.types import Sensor


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Write a small map."""
    path = tmp_path / "small.vomap"
    write_map(path, SavedMap.of(make_archive(), ORIGIN))
    return path


def test_a_map_comes_back_bit_by_bit(path: Path) -> None:
    assert_same_map(read_map(path), SavedMap.of(make_archive(), ORIGIN))


def test_the_same_map_gives_the_same_bytes(path: Path) -> None:
    before = path.read_bytes()
    write_map(path, read_map(path))
    assert path.read_bytes() == before


def test_a_mono_map_without_places_comes_back_too(tmp_path: Path) -> None:
    origin = MapOrigin(ORIGIN.camera, Sensor.MONO, None, "orb", SIZE, None)
    saved = SavedMap.of(make_archive(places=False), origin)
    write_map(tmp_path / "mono.vomap", saved)
    assert_same_map(read_map(tmp_path / "mono.vomap"), saved)
    assert saved.places.shape == (6, 0)


def test_an_empty_map_comes_back_too(tmp_path: Path) -> None:
    saved = SavedMap.of(Archive(SIZE, AtlasConfig()), ORIGIN)
    write_map(tmp_path / "empty.vomap", saved)
    found = read_map(tmp_path / "empty.vomap")
    assert_same_map(found, saved)
    assert len(found.archive(AtlasConfig())) == 0


def test_an_archive_that_was_saved_answers_as_before(path: Path) -> None:
    before, after = make_archive(), read_map(path).archive(AtlasConfig())
    row_of = {landmark_id: row for row, landmark_id in enumerate(before.landmark_ids().tolist())}
    assert_array_equal(after.frame_indices(), before.frame_indices())
    assert_array_equal(after.segment_ids(after.frame_indices()), [0, 0, 0, 1, 1, 1])
    assert_array_equal(covisibility_edges(after), covisibility_edges(before))
    for frame_index in before:
        found, expected = after.keyframe(frame_index), before.keyframe(frame_index)
        assert_array_equal(found.T_world_cam, expected.T_world_cam)
        assert_array_equal(found.features.pixels, expected.features.pixels)
        assert_array_equal(found.features.descriptors, expected.features.descriptors)
        assert_array_equal(found.landmark_ids, [row_of.get(each, -1) for each in expected.landmark_ids])
        assert (found.view.depths is None) == (frame_index == 4)
        assert (after.place(frame_index) is None) == (frame_index == 2)
        assert after.packed(frame_index).timestamp_ns == before.packed(frame_index).timestamp_ns
    old, new = before.retired(before.landmark_ids()), after.retired(after.landmark_ids())
    assert new.ids.tolist() == list(range(20)), "dense, so that new ones go on from there"
    assert_array_equal(new.points_world, old.points_world)
    assert_array_equal(new.anchors, old.anchors)
    assert_array_equal(new.num_expected, old.num_expected)


def test_what_was_merged_removed_or_is_elsewhere_leaves_no_gap(tmp_path: Path) -> None:
    archive = make_archive()
    archive.merge(np.array([1]), np.array([0]))
    archive.remove(np.array([25]))
    saved = SavedMap.of(archive, ORIGIN)
    assert len(saved.points_world) == 18
    assert (saved.landmarks < 18).all()
    ids = archive.landmark_ids()
    for row, frame_index in enumerate(archive):
        seen = saved.landmarks[saved.first_features[row] : saved.first_features[row + 1]]
        expected = archive.keyframe(frame_index).landmark_ids
        assert_array_equal(ids[seen[seen >= 0]], expected[expected >= 0])


def test_of_a_forgotten_anchor_nothing_is_left(tmp_path: Path) -> None:
    archive = make_archive()
    for frame_index in (3, 4, 5):
        archive.forget(frame_index)
    write_map(tmp_path / "a.vomap", SavedMap.of(archive, ORIGIN))
    saved = read_map(tmp_path / "a.vomap")
    assert saved.anchors.tolist() == [1] * 10 + [-1] * 10
    assert_same_map(SavedMap.of(saved.archive(AtlasConfig()), ORIGIN), saved)


def test_the_past_is_numbered_below_zero(path: Path) -> None:
    past = read_map(path).as_past()
    assert past.frame_indices.tolist() == [-6, -5, -4, -3, -2, -1]
    assert past.segment_ids.tolist() == [-2, -2, -2, -1, -1, -1]
    archive = past.archive(AtlasConfig())
    assert archive.retired(np.array([0, 10])).anchors.tolist() == [-5, -1]
    assert archive.covisible(-1).frame_indices.tolist() == [-3, -2]


def test_plain_numpy_reads_every_array(path: Path) -> None:
    with np.load(path, allow_pickle=False) as arrays:
        names = {each.name for each in fields(SavedMap)} - {"origin"}
        assert names <= set(arrays.files)
        assert int(arrays["vo_frontend_map"]) == 1
        assert arrays["camera"].tolist() == [500, 510, 319.5, 239.5]
        assert arrays["resolution"].tolist() == [640, 480]
        assert (str(arrays["sensor"]), float(arrays["baseline_m"])) == ("stereo", 0.5)
        assert (str(arrays["extractor"]), str(arrays["place_method"])) == ("orb", "vlad-32")
    content = path.read_bytes()
    assert content[-64:].decode() == hashlib.sha256(content[:-64]).hexdigest()


def test_a_map_that_is_cut_off_anywhere_is_one_line(path: Path) -> None:
    content = path.read_bytes()
    sizes = {*range(100), *range(100, len(content), 97), *range(len(content) - 200, len(content))}
    for size in sorted(sizes):
        path.write_bytes(content[:size])
        with pytest.raises(MapFileError, match=r"small.vomap: (is no map file|the map file is cut off)"):
            read_map(path)
    path.write_bytes(content + b"\0")
    with pytest.raises(MapFileError, match="was altered since it was written"):
        read_map(path)


def test_a_flipped_bit_anywhere_is_one_line(path: Path) -> None:
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    positions = {*range(60), *rng.integers(0, len(content), 300), *range(len(content) - 90, len(content))}
    for position in positions:
        flipped = bytearray(content)
        flipped[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(flipped)
        with pytest.raises(MapFileError, match=r"small.vomap: (is no map file|the map file .* altered)"):
            read_map(path)


@pytest.mark.parametrize("content", [b"", b"P5 3 3 255 123456789", b"PK\x03\x04" + bytes(100)])
def test_another_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.vomap").write_bytes(content)
    with pytest.raises(MapFileError, match=r"x.vomap: is no map file; give a file that --save-map wrote"):
        read_map(tmp_path / "x.vomap")


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(MapFileError, match=r"x.vomap: the map file cannot be read \(No such file"):
        read_map(tmp_path / "x.vomap")


def rewrite(
    path: Path, change: Callable[[dict[str, np.ndarray[tuple[int, ...], np.dtype[np.generic]]]], object]
) -> None:
    """Change the arrays of a file and seal it again."""
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    change(arrays)
    write_sealed(path, arrays)


def test_a_newer_version_says_what_to_install(path: Path) -> None:
    rewrite(path, lambda arrays: arrays.update(vo_frontend_map=np.array(2)))
    with pytest.raises(MapFileError, match="of version 2, expected 1 at most; install a newer vo_frontend"):
        read_map(path)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("vo_frontend_map", np.array("one"), "no version"),
        ("pixels", None, "no array 'pixels'"),
        ("sensor", None, "sensor"),
        ("sensor", np.array("sonar"), "sonar"),
        ("camera", np.array([1.0, 2.0]), "values to unpack"),
        ("camera", np.array([1.0, 1.0, 0.0, 0.0]), "fx = 1 px"),
        ("pixels", np.zeros((72, 2)), "'pixels' is <f8 of 2 dimensions"),
        ("pixels", np.zeros((71, 2), np.float32), r"'descriptors' is of shape \(72, 8\)"),
        ("num_features", np.array([12, 12, 12, 12, 12, 13]), "num_features do not add up"),
        ("num_features", np.array([12, 12, 12, 12, 36, -12]), "num_features do not add up"),
        ("frame_indices", np.array([0, 1, 2, 3, 5, 4]), "frame_indices do not increase"),
        ("landmarks", np.full(72, 20, np.int32), "landmarks are not there"),
        ("anchors", np.full(20, -2, np.int32), "anchors are not there"),
        ("T_world_cam", np.full((6, 4, 4), np.nan), "T_world_cam are no poses"),
        ("T_world_cam", np.full((6, 4, 4), 2.0), "T_world_cam are no poses"),
        ("points_world", np.full((20, 3), np.inf), "points_world are not finite"),
    ],
)
def test_arrays_that_contradict_each_other_are_one_line(
    path: Path, name: str, value: np.ndarray[tuple[int, ...], np.dtype[np.generic]] | None, problem: str
) -> None:
    rewrite(path, lambda arrays: arrays.pop(name) if value is None else arrays.update({name: value}))
    with pytest.raises(MapFileError, match=rf"the map file is malformed \(.*{problem}.*\); make it anew"):
        read_map(path)


def test_pickled_objects_are_refused(path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        rewrite(path, lambda arrays: arrays.update(colors=np.array([{}, {}])))
    assert len(read_map(path).frame_indices) == 6


def test_a_map_of_other_features_names_the_right_ones(path: Path) -> None:
    extractor = WorldExtractor(make_world(), sideways(1))
    message = "has features 'orb' of 8 numbers, got 'world' of 64; give --features orb"
    with pytest.raises(MapFileError, match=message):
        read_map(path, extractor)
    saved = read_map(path)
    size = np.zeros((len(saved.pixels), 64), np.int8)
    write_map(path, replace(saved, origin=replace(ORIGIN, extractor="world"), descriptors=size))
    assert read_map(path, extractor).origin.descriptor_size == 64


def test_a_map_cannot_be_written_into_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write the file"):
        write_map(tmp_path / "none" / "a.vomap", SavedMap.of(make_archive(), ORIGIN))


def test_a_kill_while_the_map_is_written_leaves_the_old_one_whole(path: Path) -> None:
    """The child stops in the middle of the file and waits to be killed."""
    before = path.read_bytes()
    code = f"""
import sys, time
import numpy as np
from pathlib import Path
from vo_frontend.atlas import sealed_file
from vo_frontend.atlas.map_file import read_map, write_map
path = Path({str(path)!r})
saved = read_map(path)
write_array = np.lib.format.write_array
def write_until_points(stream, array, **options):
    write_array(stream, array, **options)
    if array is saved.points_world:
        stream.flush()
        print("writing", flush=True)
        time.sleep(600)
np.lib.format.write_array = write_until_points
write_map(path, saved)
"""
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "writing\n"
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    leftover = [each for each in path.parent.iterdir() if each != path]
    assert len(leftover) == 1, "the kill came while the file was written"
    assert path.read_bytes() == before
    assert_same_map(read_map(path), SavedMap.of(make_archive(), ORIGIN))
    write_map(path, read_map(path))


def test_every_array_is_documented_with_its_type(path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "maps.md").read_text(encoding="utf-8")
    with np.load(path, allow_pickle=False) as arrays:
        for name in arrays.files:
            dtype = arrays[name].dtype
            kind = "text" if dtype.kind == "U" else dtype.name
            assert f"| `{name}` | {kind}" in text
