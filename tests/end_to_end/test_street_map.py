"""A map of the built-in street, saved and read again: what was seen is where it was seen."""

from pathlib import Path

import numpy as np
import pytest
from known import known
from numpy.testing import assert_array_equal

from vo_frontend.atlas.archive import Archive
from vo_frontend.atlas.covisibility import covisibility_edges
from vo_frontend.atlas.exports import colmap_model, export_colmap
from vo_frontend.atlas.landmark_table import RetiredLandmarks
from vo_frontend.atlas.map_file import read_map, write_map
from vo_frontend.atlas.saved_map import MapOrigin, SavedMap
from vo_frontend.config import AtlasConfig, Config, FeaturesConfig
from vo_frontend.features import load_extractor
from vo_frontend.mapping.sparse_map import SparseMap
from vo_frontend.session.session import Session
from vo_frontend.simulation.street import SyntheticSource
from vo_frontend.types import Sensor


def archive_of(window: SparseMap, descriptor_size: int) -> Archive:
    archive, landmarks = Archive(descriptor_size, AtlasConfig()), window.landmarks
    anchors = np.zeros(len(landmarks), np.int64)
    for keyframe in window.keyframes:
        archive.add(keyframe, window.segment_id)
        anchors[window.rows_seen_by(keyframe)] = keyframe.view.frame_index
    archive.retire(
        RetiredLandmarks(
            landmarks.ids,
            landmarks.points_world,
            landmarks.colors,
            landmarks.num_expected,
            landmarks.num_found,
            anchors,
        )
    )
    return archive


@pytest.mark.parametrize("sensor", [Sensor.MONO, Sensor.STEREO])
def test_a_map_of_the_street_survives_its_file_and_fits_its_images(sensor: Sensor, tmp_path: Path) -> None:
    source = SyntheticSource(25, 640, 480, seed=0, sensor=sensor)
    config = Config(features=FeaturesConfig(name="orb"))
    extractor = load_extractor("orb", max_keypoints=1000)
    session = Session.for_source(config, source, extractor)
    for frame in source:
        session.process(frame)
    window = known(session.frontend.sparse_map)
    archive = archive_of(window, extractor.descriptor_size)
    origin = MapOrigin(source.camera, sensor, source.baseline_m, "orb", extractor.descriptor_size, None)
    write_map(tmp_path / "street.vomap", SavedMap.of(archive, origin))
    saved = read_map(tmp_path / "street.vomap", extractor)

    covisibility = [window.covisibility(row) for row in range(len(window.keyframes))]
    edges = covisibility_edges(saved.archive(AtlasConfig()))
    frames = saved.frame_indices.tolist()
    for older, newer, num_shared in zip(*edges, strict=True):
        assert covisibility[frames.index(older)][frames.index(newer)] == num_shared
    assert len(edges.num_shared) == np.count_nonzero(covisibility) // 2

    recalled = archive.landmarks(archive.landmark_ids())
    assert_array_equal(recalled.points_world, window.landmarks.points_world)
    model = colmap_model(saved, window.segment_id)
    assert np.median(model.errors_px) < 1.0
    assert len(model.points_world) == len(window.landmarks)
    pycolmap = pytest.importorskip("pycolmap", reason="pycolmap is not installed (pip install -e .[dev])")
    found = pycolmap.Reconstruction()
    found.read_text(str(export_colmap(tmp_path / "models", saved)[0]))
    found.update_point_3d_errors()
    assert found.compute_mean_reprojection_error() < 1.5
