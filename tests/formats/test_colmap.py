"""COLMAP's text models, read by COLMAP itself."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from world import CAMERA, make_world, sideways

from vo_frontend.errors import OutputError
from vo_frontend.formats.colmap import NO_POINT, ColmapModel, write_colmap
from vo_frontend.geometry import se3

pycolmap = pytest.importorskip("pycolmap", reason="pycolmap is not installed (pip install -e .[dev])")


def make_model() -> ColmapModel:
    """Three views of a box of points, every fourth feature of which shows no point."""
    world, poses = make_world(num_points=50), sideways(3)
    views = [world.visible(T_world_cam) for T_world_cam in poses]
    points = np.concatenate([index for _, index in views])
    points[::4] = NO_POINT
    return ColmapModel(
        camera=CAMERA,
        names=["a.png", "b.png", "c.png"],
        T_world_cam=poses,
        num_features=np.array([len(index) for _, index in views]),
        pixels=np.concatenate([pixels for pixels, _ in views]).astype(np.float32),
        points=points,
        points_world=world.points_world,
        colors=np.arange(150, dtype=np.uint8).reshape(50, 3),
        errors_px=np.full(50, np.nan),
    )


def test_colmap_reads_the_model_as_it_was(tmp_path: Path) -> None:
    model = make_model()
    write_colmap(tmp_path / "model", model)
    found = pycolmap.Reconstruction()
    found.read_text(str(tmp_path / "model"))
    assert (found.num_cameras(), found.num_reg_images(), found.num_points3D()) == (1, 3, 50)
    camera = found.cameras[1]
    assert (camera.model.name, camera.width, camera.height) == ("PINHOLE", 640, 480)
    assert_allclose(camera.params, [500, 500, 320, 240])
    for row, name in enumerate(model.names):
        image = found.find_image_with_name(name)
        T_cam_world = np.vstack([image.cam_from_world().matrix(), [0, 0, 0, 1]])
        assert_allclose(T_cam_world, se3.inverse(model.T_world_cam[row]), atol=1e-9)
        assert image.num_points2D() == model.num_features[row]
    for number, point in found.points3D.items():
        assert_allclose(point.xyz, model.points_world[number - 1])
        assert point.color.tolist() == model.colors[number - 1].tolist()
        assert point.track.length() == (model.points == number - 1).sum()
        assert point.error == -1
    found.update_point_3d_errors()
    assert found.compute_mean_reprojection_error() < 1e-3, "poses, points, pixels and camera agree"


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file: cannot make the folder"):
        write_colmap(tmp_path / "file", make_model())
