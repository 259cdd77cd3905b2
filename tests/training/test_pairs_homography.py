from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pair_data import CROP_PX, write_png

from vo_frontend.errors import ConfigError, SourceError
from vo_frontend.training.data.homography_pairs import (
    HomographyPairs,
    draw_homography,
    find_images,
    sample_photo,
    warp_map,
)
from vo_frontend.training.data.photometric import change_light
from vo_frontend.training.data.ranges import HomographyRanges, PhotometricRanges
from vo_frontend.types import Image

STILL = HomographyRanges(
    zoom=(1.0, 1.0), scale=(1.0, 1.0), rotation_deg=0, large_rotation_share=0, perspective=0, translation=0
)


@pytest.fixture
def photo() -> Image:
    noise = np.random.default_rng(0).integers(0, 256, (160, 200, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 2.0)


def turn_of(H_1_0: NDArray[np.float64]) -> float:
    """Degrees by which the direction of x at the crop's centre turns."""
    center = np.array([[[47.5, 47.5], [48.5, 47.5]]])
    moved = cv2.perspectiveTransform(center, H_1_0)[0]
    return np.rad2deg(np.arctan2(*(moved[1] - moved[0])[::-1]))


def test_without_motion_both_crops_are_the_same_window_of_the_photograph(
    tmp_path: Path, photo: Image
) -> None:
    write_png(tmp_path / "a.png", photo)
    pair = HomographyPairs(find_images(tmp_path), CROP_PX, STILL, photometric=None).pair(
        0, np.random.default_rng(0)
    )
    assert np.abs(pair.image0.astype(int) - pair.image1).max() <= 1
    np.testing.assert_allclose(pair.warp01[10, 20], [20, 10], atol=1e-4)
    assert pair.covisible01[1:-1, 1:-1].all()


def test_ranges_bound_what_is_drawn() -> None:
    ranges = HomographyRanges(perspective=0.0, large_rotation_share=0.0, rotation_deg=20.0, scale=(0.8, 1.25))
    homographies = [draw_homography(CROP_PX, ranges, np.random.default_rng(seed)) for seed in range(300)]
    turns = np.abs([turn_of(H) for H in homographies])
    scales = np.array([np.sqrt(np.linalg.det(H[:2, :2])) for H in homographies])
    assert 15 < turns.max() <= 20.0
    assert 0.8 <= scales.min() < 0.85
    assert 1.18 < scales.max() <= 1.25


def test_the_share_of_large_rotations_is_as_configured() -> None:
    ranges = HomographyRanges(perspective=0.0, large_rotation_share=0.5, rotation_deg=10.0)
    turns = [turn_of(draw_homography(CROP_PX, ranges, np.random.default_rng(seed))) for seed in range(400)]
    assert np.mean(np.abs(turns) > 10.0) == pytest.approx(0.5 * 170 / 180, abs=0.07)


def test_crops_overlap_as_much_as_asked_for() -> None:
    last = CROP_PX - 1
    for seed in range(50):
        warp = warp_map(draw_homography(CROP_PX, HomographyRanges(), np.random.default_rng(seed)), CROP_PX)
        assert ((warp >= 0) & (warp <= last)).all(axis=-1).mean() > 0.33  # 0.35 on a coarse grid


def test_nothing_beyond_the_border_of_the_photograph_is_covisible(tmp_path: Path) -> None:
    write_png(tmp_path / "small.png", np.full((CROP_PX, CROP_PX, 3), 90, np.uint8))
    source = HomographyPairs(
        find_images(tmp_path), CROP_PX, HomographyRanges(scale=(0.6, 0.6)), photometric=None
    )
    for seed in range(10):
        pair = source.pair(0, np.random.default_rng(seed))
        # Crop 0 is the whole photograph, of which crop 1 shows an image of 0.6 times the size.
        assert pair.covisible10.mean() < 0.6
        assert (np.abs(pair.warp10[~pair.covisible10] - 47.5).max(axis=-1) > 47.4).all()


@pytest.mark.parametrize("zoom", [2.0, 3.1, 4.0])
def test_shrinking_averages_instead_of_skipping_pixels(zoom: float) -> None:
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 200
    crop = sample_photo(stripes, np.array([[zoom, 0, 3.0], [0, zoom, 3.0], [0, 0, 1.0]]), CROP_PX)
    assert np.abs(crop.astype(int) - 100).max() <= 6


@pytest.mark.parametrize("zoom", [0.8, 1.7, 4.2])
def test_a_sampled_crop_lies_where_its_homography_says(zoom: float) -> None:
    y, x = np.mgrid[:420, :420]
    # Floats, although photographs are bytes: rounding would hide a shift.
    position: Any = np.stack([x, y, 0 * x], axis=-1).astype(np.float32)
    H_photo_crop = np.array([[zoom, 0, 11.3], [0, zoom, 7.6], [0, 0, 1.0]])
    crop = sample_photo(position, H_photo_crop, CROP_PX)
    columns = np.arange(CROP_PX)[5:-5]
    np.testing.assert_allclose(crop[50, columns, 0], zoom * columns + 11.3, atol=1e-3)
    np.testing.assert_allclose(crop[columns, 50, 1], zoom * columns + 7.6, atol=1e-3)


def test_an_unreadable_photograph_is_left_out_with_one_warning_that_names_it(
    tmp_path: Path, photo: Image, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    write_png(tmp_path / "good.png", photo)
    source = HomographyPairs(find_images(tmp_path), CROP_PX)
    for seed in range(3):
        source.pair(0, np.random.default_rng(seed))
    assert [record.message.count("broken.jpg") for record in caplog.records] == [1]


def test_a_folder_where_nothing_can_be_used_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    write_png(tmp_path / "tiny.png", np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(SourceError, match="none of 2 images can be used"):
        HomographyPairs(find_images(tmp_path), CROP_PX).pair(0, np.random.default_rng(0))


def test_a_folder_without_images_or_no_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("text")
    with pytest.raises(SourceError, match="no images at any depth"):
        find_images(tmp_path)
    with pytest.raises(SourceError, match="not a folder"):
        find_images(tmp_path / "missing")


@pytest.mark.parametrize("crop_px", [0, 100, -32])
def test_crops_that_no_network_can_take_are_refused(tmp_path: Path, crop_px: int) -> None:
    with pytest.raises(ConfigError, match="multiple of 32"):
        HomographyPairs([tmp_path / "a.png"], crop_px)


def test_full_cache_changes_nothing(tmp_path: Path, photo: Image) -> None:
    write_png(tmp_path / "a.png", photo)
    pairs = [
        HomographyPairs(find_images(tmp_path), CROP_PX, cache_mib=cache_mib).pair(0, np.random.default_rng(1))
        for cache_mib in (0, 10)
    ]
    assert (pairs[0].image1 == pairs[1].image1).all()


def only(**ranges: Any) -> PhotometricRanges:
    """All effects switched off but some."""
    neutral: dict[str, Any] = {
        "shadow_share": 0.0, "gaussian_blur_share": 0.0, "motion_blur_share": 0.0, "grey_share": 0.0,
        "jpeg_share": 0.0, "saturation": (1, 1), "white_balance": (1, 1), "gamma": (1, 1),
        "contrast": (1, 1), "brightness": (0, 0), "noise_std": (0, 0),
    }  # fmt: skip
    return PhotometricRanges(**(neutral | ranges))


def test_neutral_ranges_leave_the_picture_as_it_is(photo: Image) -> None:
    assert np.abs(change_light(photo, only(), np.random.default_rng(0)).astype(int) - photo).max() <= 1


def test_noise_is_gaussian_with_the_standard_deviation_asked_for() -> None:
    grey = np.full((256, 256, 3), 128, np.uint8)
    noise = change_light(grey, only(noise_std=(6, 6)), np.random.default_rng(0)) - 128.0
    assert noise.mean() == pytest.approx(0, abs=0.1)
    assert noise.std() == pytest.approx(6, rel=0.03)
    assert (noise**4).mean() / noise.var() ** 2 == pytest.approx(3, abs=0.25)


@pytest.mark.parametrize(
    ("ranges", "level"),
    [
        ({"brightness": (0.1, 0.1)}, 100 + 25.5),
        ({"contrast": (0.5, 0.5)}, 127.5 + 0.5 * (100 - 127.5)),
        ({"gamma": (2, 2)}, 255 * (100 / 255) ** 2),
        ({"white_balance": (1.1, 1.1)}, 110),
    ],
)
def test_a_tone_curve_takes_level_100_where_its_formula_says(
    ranges: dict[str, tuple[float, float]], level: float
) -> None:
    grey = np.full((8, 8, 3), 100, np.uint8)
    assert change_light(grey, only(**ranges), np.random.default_rng(0))[0, 0, 1] == pytest.approx(
        level, abs=1
    )


@pytest.mark.parametrize(
    "effect",
    [
        {"gaussian_blur_share": 1.0},
        {"motion_blur_share": 1.0},
        {"jpeg_share": 1.0},
    ],
)
def test_blur_and_compression_move_nothing(photo: Image, effect: dict[str, float]) -> None:
    changed = change_light(photo, only(**effect), np.random.default_rng(3))
    grey, changed_grey = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (photo, changed))
    assert (grey != changed_grey).any()
    shift, _ = cv2.phaseCorrelate(grey.astype(np.float32), changed_grey.astype(np.float32))
    assert np.abs(shift).max() < 0.05


def test_a_shadow_only_darkens(photo: Image) -> None:
    changed = change_light(photo, only(shadow_share=1.0), np.random.default_rng(0)).astype(int)
    assert (changed <= photo + 1).all()
    assert changed.mean() < photo.mean() - 5


def test_without_saturation_all_channels_are_equal(photo: Image) -> None:
    changed = change_light(photo, only(grey_share=1.0), np.random.default_rng(0))
    assert (changed == changed[..., :1]).all()


def test_the_warp_map_is_the_homography_at_every_pixel() -> None:
    H_1_0 = draw_homography(CROP_PX, HomographyRanges(), np.random.default_rng(7))
    grid = np.dstack(np.meshgrid(np.arange(CROP_PX), np.arange(CROP_PX))).astype(np.float64)
    np.testing.assert_allclose(warp_map(H_1_0, CROP_PX), cv2.perspectiveTransform(grid, H_1_0), atol=1e-3)
