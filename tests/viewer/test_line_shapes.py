import numpy as np
import pytest
from viewer_street import make_pose

from vo_frontend.viewer.line_shapes import drop_close_cameras, drop_close_positions, frustum_line


def test_a_frustum_starts_at_the_camera_and_opens_forward_with_its_roof_up() -> None:
    stroke = frustum_line(make_pose((1, 2, 3)), size=2.0) - np.array([1, 2, 3], np.float32)
    assert (stroke == 0).all(axis=1).sum() == 2  # the apex, touched twice
    np.testing.assert_allclose(stroke[:, 2].max(), 2.0)
    assert stroke[:, 1].min() < -stroke[:, 1].max()  # y points down


def test_a_strided_path_keeps_both_ends_and_one_position_per_stride() -> None:
    path = np.stack([np.zeros(1001), np.zeros(1001), np.linspace(0, 10, 1001)], axis=1).astype(np.float32)
    kept = drop_close_positions(path, stride=0.5)
    np.testing.assert_array_equal(kept[[0, -1]], path[[0, -1]])
    assert 20 <= len(kept) <= 22
    assert np.diff(kept[:, 2])[1:-1] == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("num_positions", [0, 1, 2])
def test_a_path_too_short_to_be_strided_stays_as_it_is(num_positions: int) -> None:
    path = np.zeros((num_positions, 3), np.float32)
    np.testing.assert_array_equal(drop_close_positions(path, 1.0), path)


def test_cameras_closer_than_the_spacing_are_left_out() -> None:
    T_scene_cams = np.array([make_pose((0, 0, 0.4 * i)) for i in range(11)])
    assert [T_scene_cam[2, 3] for T_scene_cam in drop_close_cameras(T_scene_cams, 1.0)] == pytest.approx(
        [0, 1.2, 2.4, 3.6]
    )


def test_a_camera_that_turned_on_the_spot_is_not_left_out() -> None:
    turned = np.eye(4)
    turned[:3, :3] = [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]
    assert len(drop_close_cameras(np.array([np.eye(4), turned]), 1.0)) == 2
