"""Maps for other programs, and thinner ones."""

from pathlib import Path

import numpy as np
import pytest
from atlas_inputs import make_archive, make_keyframe, make_landmarks
from numpy.testing import assert_allclose, assert_array_equal
from world import CAMERA, make_world, sideways

from vo_frontend.atlas.archive import Archive
from vo_frontend.atlas.exports import colmap_model, export_colmap, export_ply
from vo_frontend.atlas.map_file import read_map, write_map
from vo_frontend.atlas.saved_map import MapOrigin, SavedMap
from vo_frontend.atlas.thinning import thinned
from vo_frontend.config import AtlasConfig
from vo_frontend.formats.ply import VERTEX
from vo_frontend.mapping.keyframe import Keyframe, View
from vo_frontend.types import Sensor

ORIGIN = MapOrigin(CAMERA, Sensor.MONO, None, "world", 64, None)
NUM_POINTS = 120


@pytest.fixture
def saved() -> SavedMap:
    """Eight views of a box of points, the last four in a segment of their own; noise of half a pixel."""
    world, archive = make_world(num_points=NUM_POINTS), Archive(64, AtlasConfig())
    for frame_index, T_world_cam in enumerate(sideways(8)):
        segment_id = frame_index // 4
        features = world.features(T_world_cam, np.random.default_rng(frame_index), noise_px=0.5)
        points = (features.descriptors @ world.descriptors.T).argmax(axis=1)
        colors = np.full((len(features), 3), 9, np.uint8)
        view = View(frame_index, frame_index * 10**8, features, colors)
        archive.add(Keyframe(view, T_world_cam, points + NUM_POINTS * segment_id), segment_id)
    for segment_id, anchor in ((0, 0), (1, 7)):
        ids = NUM_POINTS * segment_id + np.arange(NUM_POINTS)
        ids = ids[archive.num_views(ids) > 0]
        landmarks = make_landmarks(ids, np.full(len(ids), anchor))
        landmarks.points_world[:] = world.points_world[ids % NUM_POINTS]
        archive.retire(landmarks)
    return SavedMap.of(archive, ORIGIN)


def test_colmap_finds_the_error_that_the_map_states(saved: SavedMap, tmp_path: Path) -> None:
    pycolmap = pytest.importorskip("pycolmap", reason="pycolmap is not installed (pip install -e .[dev])")
    folders = export_colmap(tmp_path / "models", saved)
    assert folders == [tmp_path / "models" / "0", tmp_path / "models" / "1"]
    for segment_id, folder in enumerate(folders):
        found = pycolmap.Reconstruction()
        found.read_text(str(folder))
        num_points = (saved.anchors == 7 * segment_id).sum()
        assert (found.num_reg_images(), found.num_points3D()) == (4, num_points)
        assert found.find_image_with_name(f"frame_{4 * segment_id + 1:06d}.png") is not None
        stated = {number: point.error for number, point in found.points3D.items()}
        assert 0.3 < np.mean(list(stated.values())) < 0.9, "half a pixel of noise in x and in y"
        found.update_point_3d_errors()
        for number, point in found.points3D.items():
            assert_allclose(point.error, stated[number], atol=1e-4)


def test_a_landmark_that_nobody_sees_is_no_point_of_colmap(tmp_path: Path) -> None:
    archive = make_archive()
    archive.retire(make_landmarks([15], [0]))
    origin = MapOrigin(CAMERA, Sensor.STEREO, 0.5, "orb", archive.descriptor_size, None)
    model = colmap_model(SavedMap.of(archive, origin), 0)
    assert len(model.points_world) == 10
    assert sorted({*model.points.tolist()}) == list(range(-1, 10))


def test_the_cloud_holds_every_landmark(saved: SavedMap, tmp_path: Path) -> None:
    export_ply(tmp_path / "map.ply", saved)
    _, _, body = (tmp_path / "map.ply").read_bytes().partition(b"end_header\n")
    vertices = np.frombuffer(body, VERTEX)
    assert_array_equal(vertices["xyz"], saved.points_world.astype(np.float32))
    assert_array_equal(vertices["rgb"], saved.point_colors)


def test_a_thinned_map_shows_the_same_with_fewer_keyframes(saved: SavedMap, tmp_path: Path) -> None:
    archive = saved.archive(AtlasConfig())
    view = archive.keyframe(1).view
    for frame_index in (20, 21, 22):  # as good as frame 1
        again = View(frame_index, frame_index, view.features, view.colors)
        archive.add(Keyframe(again, archive.keyframe(1).T_world_cam, archive.keyframe(1).landmark_ids), 0)
    before = SavedMap.of(archive, ORIGIN)
    after = thinned(before, AtlasConfig())
    assert len(after.frame_indices) < len(before.frame_indices)
    assert {0, 4} <= {*after.frame_indices.tolist()}, "the first of each segment stays"
    assert len(after.points_world) > 0.9 * len(before.points_world)
    assert np.isin(after.points_world, before.points_world).all()
    write_map(tmp_path / "thin.vomap", after)
    assert_array_equal(read_map(tmp_path / "thin.vomap").frame_indices, after.frame_indices)
    assert_array_equal(thinned(after, AtlasConfig()).frame_indices, after.frame_indices)


def test_thinning_drops_landmarks_that_nobody_sees(saved: SavedMap) -> None:
    archive = saved.archive(AtlasConfig())
    archive.retire(make_landmarks([5000], [0]))
    archive.add(make_keyframe(30, [], size=64), 0)
    assert 5000 in SavedMap.of(archive, ORIGIN).points_world[:, 0]
    after = thinned(SavedMap.of(archive, ORIGIN), AtlasConfig())
    assert 5000 not in after.points_world[:, 0]
    assert 30 not in after.frame_indices, "a keyframe without landmarks adds nothing"
