"""Cameras from boards: known cameras come back, with the lens that they have."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from rendered_boards import LOOKS, Look, T_cam_board, corners_m, rendered, seen

from vo_frontend.calibration.boards import BoardView, parse_board
from vo_frontend.calibration.calibrate import calibrate
from vo_frontend.calibration.picture import before_and_after, most_telling
from vo_frontend.calibration.stereo import calibrate_stereo, choose_common_lens, paired
from vo_frontend.calibration.views import Picture, PictureCollector, coverage_of, read_pictures
from vo_frontend.errors import CameraError
from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.sensors.calibration import Camera

PINHOLE = PinholeCamera(520.0, 518.0, 316.0, 244.0, 640, 480)
RADIAL = Camera.from_pinhole(PINHOLE, "radial-tangential", (-0.28, 0.09, 0.001, -0.0005))
FISHEYE = Camera.from_pinhole(
    PinholeCamera(250.0, 249.0, 321.0, 238.0, 640, 480), "equidistant", (0.02, -0.01, 0.004, -0.001)
)
BLANK = np.zeros((480, 640), np.uint8)
BOARD = parse_board("chessboard:9x6:0.025")


def pictures_of(camera: Camera, noise_px: float = 0.1, closer: float = 1.0) -> list[Picture]:
    views = []
    for i, (turn, (x, y, z)) in enumerate(LOOKS):
        view = seen(camera, (turn, (x, y, z * closer)), noise_px, seed=i)
        views.append(Picture(f"left{i:02d}.png", BLANK, view))
    return views


def test_a_known_camera_comes_back_within_its_stated_uncertainty() -> None:
    found = calibrate(pictures_of(RADIAL))
    assert found.lens.model == "radial-tangential"
    camera = found.solution.camera
    assert camera.fx == pytest.approx(RADIAL.fx, abs=4 * found.focal_sigma_px)
    assert 0 < found.focal_sigma_px < 3
    rays = np.random.default_rng(1).uniform(-0.4, 0.4, (50, 2))
    np.testing.assert_allclose(camera.distort(rays), RADIAL.distort(rays), atol=1.5)
    assert found.solution.rms_px == pytest.approx(0.1 * np.sqrt(2), rel=0.15)
    assert not found.dropped


def test_a_wide_lens_is_recognised_by_its_held_out_error() -> None:
    found = calibrate(pictures_of(FISHEYE, closer=0.4))
    assert found.lens.model == "equidistant"
    assert found.held_out_px["equidistant"] < 0.9 * found.held_out_px["radial-tangential"]
    assert found.solution.camera.fx == pytest.approx(250, rel=0.01)


def test_a_picture_that_does_not_fit_is_dropped_and_named() -> None:
    pictures = pictures_of(RADIAL)
    bent = pictures[4].view.pixels + np.array([4.0, 0]) * np.sin(np.arange(54) / 5)[:, None]
    pictures[4] = Picture("bent.png", BLANK, BoardView(corners_m(), bent))
    found = calibrate(pictures)
    assert [picture.name for picture, _ in found.dropped] == ["bent.png"]
    assert found.dropped[0][1] > 1
    assert found.solution.rms_px < 0.2


def test_few_or_similar_pictures_are_told() -> None:
    with pytest.raises(CameraError, match="found in 3 pictures, expected at least 5"):
        calibrate(pictures_of(RADIAL)[:3])
    is_good, verdict = calibrate(pictures_of(RADIAL)[:6]).verdict()
    assert not is_good
    assert "only 6 pictures" in verdict


def test_a_board_that_never_tilts_or_moves_is_told() -> None:
    flat = [
        Picture(str(i), BLANK, seen(RADIAL, ((0.02 * i, 0.01, 0.03 * i), (0.01 * i, 0, 0.5)), 0.1, seed=i))
        for i in range(12)
    ]
    coverage = coverage_of(flat)
    assert coverage.max_tilt_deg < 20
    assert coverage.share < 0.6
    is_good, verdict = calibrate(flat).verdict()
    assert not is_good
    assert "turn the board" in verdict


def test_corners_of_a_rendered_board_are_found_to_a_quarter_of_a_pixel() -> None:
    for look in LOOKS[:6]:
        view = BOARD.find(rendered(RADIAL, look))
        assert view is not None
        errors = [np.abs(pixels - seen(RADIAL, look).pixels) for pixels in (view.pixels, view.pixels[::-1])]
        assert min(each.max() for each in errors) < 0.3  # numbered from either end


def test_large_pictures_are_searched_small_and_refined_in_full() -> None:
    small = rendered(RADIAL, LOOKS[1])
    view = BOARD.find(np.asarray(cv2.resize(small, (1600, 1200), interpolation=cv2.INTER_CUBIC), np.uint8))
    assert view is not None
    truth = (seen(RADIAL, LOOKS[1]).pixels + 0.5) * 2.5 - 0.5
    assert min(np.abs(view.pixels - truth).max(), np.abs(view.pixels[::-1] - truth).max()) < 0.75


def test_a_collector_keeps_only_pictures_that_show_something_new() -> None:
    collector = PictureCollector(BOARD)
    image = rendered(RADIAL, LOOKS[0])
    assert collector.offer("first", image)
    assert not collector.offer("same", image)
    assert collector.offer("other", rendered(RADIAL, LOOKS[3]))
    assert not collector.offer("nothing", BLANK)
    assert collector.without_board == ["nothing"]
    assert 0 < collector.coverage().share < 1


def test_the_picture_before_and_after_shows_both_side_by_side() -> None:
    pictures = [
        Picture(str(i), rendered(RADIAL, look), seen(RADIAL, look)) for i, look in enumerate(LOOKS[:3])
    ]
    image = before_and_after(RADIAL, most_telling(RADIAL, pictures))
    assert image.shape == (480, 1280, 3)


T_LEFT_RIGHT = se3.from_rotation_translation(
    se3.so3_exp(np.array([0.01, -0.03, 0.02])), np.array([0.12, 0.003, -0.002])
)


@pytest.mark.parametrize(("lens", "closer"), [(RADIAL, 1.0), (FISHEYE, 0.4)])
def test_a_known_pair_comes_back_even_if_the_board_is_numbered_from_the_other_end(
    lens: Camera, closer: float
) -> None:
    sides: tuple[list[Picture], list[Picture]] = ([], [])
    for i, (turn, (x, y, z)) in enumerate(LOOKS):
        look = (turn, (x + 0.04, y, z * closer + 0.05))
        view = seen(lens, look, 0.05, seed=i)
        sides[0].append(Picture(f"left{i:02d}.png", BLANK, view))
        other = _seen_from(lens, look, se3.inverse(T_LEFT_RIGHT), seed=100 + i)
        pixels = other.pixels[::-1] if i % 3 == 0 else other.pixels
        sides[1].append(Picture(f"right{i:02d}.png", BLANK, BoardView(corners_m(), pixels)))
    common = choose_common_lens(*sides)
    assert common.model == lens.distortion_model
    left, right = (calibrate(side, [common]) for side in sides)
    found = calibrate_stereo(left, right, paired(left.used, right.used))
    assert found.rows_px < 0.2
    got = found.rig.T_left_right
    assert got is not None
    np.testing.assert_allclose(got[:3, 3], T_LEFT_RIGHT[:3, 3], atol=2e-3)
    assert np.linalg.norm(se3.so3_log(got[:3, :3].T @ T_LEFT_RIGHT[:3, :3])) < 0.01


def _seen_from(camera: Camera, look: Look, T_cam_left: se3.Transform, seed: int) -> BoardView:
    T = T_cam_left @ T_cam_board(look)
    points_cam = corners_m() @ T[:3, :3].T + T[:3, 3]
    pixels = camera.distort(points_cam[:, :2] / points_cam[:, 2:])
    return BoardView(corners_m(), pixels + np.random.default_rng(seed).normal(0, 0.05, pixels.shape))


def test_pictures_pair_by_their_numbers() -> None:
    view = seen(RADIAL, LOOKS[0])
    left = [Picture(f"left{i}.jpg", BLANK, view) for i in (1, 2, 3)]
    right = [Picture(f"right{i}.jpg", BLANK, view) for i in (3, 1)]
    names = [(a.name, b.name) for a, b in paired(left, right)]
    assert names == [("left1.jpg", "right1.jpg"), ("left3.jpg", "right3.jpg")]


@pytest.mark.real
def test_the_real_chessboard_pictures_give_the_known_camera(data_root: Path) -> None:
    collector = PictureCollector(BOARD, all_that_show_it=True)
    for name, image in read_pictures(sorted((data_root / "chessboard").glob("left*.jpg"))):
        collector.offer(name, image)
    found = calibrate(collector.pictures)
    assert len(found.used) == 13
    assert found.solution.rms_px <= 0.30
    for focal_px in (found.solution.camera.fx, found.solution.camera.fy):
        assert 533 * 0.99 <= focal_px <= 536 * 1.01
    assert found.verdict()[0]
