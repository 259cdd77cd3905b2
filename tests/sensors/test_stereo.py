from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from known import known
from numpy.typing import NDArray

from vo_frontend.config import StereoConfig
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.sensors.stereo import SIGMA_SCALE, StereoMatcher
from vo_frontend.sensors.stereo_kernels import nearest_along_rows, refine_disparities
from vo_frontend.simulation.street.path import drive
from vo_frontend.simulation.street.renderer import load_street
from vo_frontend.simulation.street.source import SyntheticSource
from vo_frontend.sources.registry import find_sequence, open_sequence
from vo_frontend.types import Features, Sensor

CAMERA = PinholeCamera(400.0, 400.0, 159.5, 119.5, 320, 240)
BASELINE_M = 0.25  # focal * baseline = 100 px m
CONFIG = StereoConfig(
    row_tolerance_px=2.0,
    min_similarity=0.6,
    min_depth_m=0.5,
    patch_radius_px=4,
    max_shift_px=1.5,
    min_correlation=0.8,
    disparity_sigma_px=0.2,
)

Pair = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def texture(x: NDArray[np.float64], y: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Sum plane waves of 6 to 40 px, which can be sampled anywhere: grey levels of mean 128, deviation 30."""
    rng = np.random.default_rng(seed)
    angle, length_px, phase = rng.uniform([0, 6, 0], [np.pi, 40, 2 * np.pi], (60, 3)).T
    waves = np.zeros(np.shape(x))
    for k in range(len(angle)):
        waves += np.sin(2 * np.pi / length_px[k] * (np.cos(angle[k]) * x + np.sin(angle[k]) * y) + phase[k])
    return np.asarray(128 + 30 / np.sqrt(30) * waves)


def stereo_pair(
    d: float,
    slope_x: float = 0.0,
    slope_y: float = 0.0,
    gain: float = 1.0,
    offset: float = 0.0,
    noise: float = 0.0,
    seed: int = 0,
) -> Pair:
    """Render grey images (240, 320) of disparity ``d + slope_x (x_left - 160) + slope_y (y - 120)``."""
    y, x = np.mgrid[:240, :320].astype(np.float64)
    disparity = d + slope_x * (x - 160) + slope_y * (y - 120)
    rng = np.random.default_rng(seed + 1)
    left = texture(x - disparity, y, seed) + noise * rng.normal(size=x.shape)
    right = gain * texture(x, y, seed) + offset + noise * rng.normal(size=x.shape)
    return left.round().clip(0, 255).astype(np.uint8), right.round().clip(0, 255).astype(np.uint8)


def keypoints(num: int = 200, seed: int = 3) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return rng.uniform([60, 30], [260, 210], size=(num, 2)).astype(np.float32)


def features(
    pixels: NDArray[np.floating[Any]], descriptors: NDArray[np.floating[Any]] | None = None, seed: int = 5
) -> Features:
    if descriptors is None:
        descriptors = np.random.default_rng(seed).normal(size=(len(pixels), 32))
        descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    return Features(
        np.asarray(pixels, np.float32), descriptors.astype(np.float32), np.ones(len(pixels), np.float32)
    )


def shifted(left: Features, disparity: float | NDArray[np.float64], rows: float = 0.0) -> Features:
    """Return the features of the right image, in another order."""
    order = np.random.default_rng(9).permutation(len(left))
    pixels = left.pixels - np.stack(np.broadcast_arrays(disparity, -rows, left.pixels[:, 0])[:2], axis=1)
    return features(pixels[order], left.descriptors[order])


def matcher(
    min_depth_m: float = CONFIG.min_depth_m, max_shift_px: float = CONFIG.max_shift_px
) -> StereoMatcher:
    options = replace(CONFIG, min_depth_m=min_depth_m, max_shift_px=max_shift_px)
    return StereoMatcher(CAMERA, BASELINE_M, options)


class TestRefinement:
    def refine(
        self,
        pair: Pair,
        pixels: NDArray[np.float32] | NDArray[np.float64],
        start: NDArray[np.floating[Any]] | list[float],
        radius: int = 4,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        return refine_disparities(*pair, pixels.astype(np.float64), np.asarray(start, np.float64), radius, 20)

    @pytest.mark.parametrize("d", [0.0, 7.0, 12.37, 25.5])
    def test_a_shift_is_found_to_a_fraction_of_a_pixel(self, d: float) -> None:
        pixels = keypoints()
        noise = np.random.default_rng(1).uniform(-1, 1, len(pixels))
        found, sigma, correlation = self.refine(stereo_pair(d), pixels, d + noise)
        assert np.median(np.abs(found - d)) < 0.03
        assert np.abs(np.median(found - d)) < 0.005, "no bias"
        assert (correlation > 0.98).mean() > 0.98
        assert np.nanmedian(sigma) < 0.02

    def test_on_a_slanted_surface_the_disparity_is_that_of_the_centre(self) -> None:
        pixels = keypoints()
        true = 20 + 0.15 * (pixels[:, 0] - 160) - 0.3 * (pixels[:, 1] - 120)
        found, _, _ = self.refine(stereo_pair(20, 0.15, -0.3), pixels, true)
        assert np.median(np.abs(found - true)) < 0.03
        assert abs(np.median(found - true)) < 0.01

    def test_the_cameras_may_expose_differently(self) -> None:
        pixels = keypoints()
        plain, _, _ = self.refine(stereo_pair(9.6), pixels, np.full(len(pixels), 9.0))
        found, _, _ = self.refine(stereo_pair(9.6, gain=0.6, offset=30), pixels, np.full(len(pixels), 9.0))
        np.testing.assert_allclose(found, plain, atol=0.1)

    def test_the_standard_deviation_grows_with_the_noise_and_fits_the_errors(self) -> None:
        pixels = keypoints(600)
        before = 0.0
        for noise in (2.0, 4.0, 8.0):
            found, sigma, _ = self.refine(stereo_pair(9.6, noise=noise), pixels, np.full(len(pixels), 9.6))
            spread = 1.4826 * np.nanmedian(np.abs(found - 9.6))
            assert 0.5 < spread / (SIGMA_SCALE * np.nanmedian(sigma)) < 1.6
            assert np.nanmedian(sigma) > before
            before = np.nanmedian(sigma)

    def test_what_cannot_be_aligned_is_nan(self) -> None:
        left, right = stereo_pair(5.0)
        flat = np.full_like(left, 100)
        stripes = np.repeat(np.arange(240, dtype=np.uint8)[:, None], 320, axis=1)  # no gradient along rows
        middle = np.array([[160.0, 120.0]])
        for pair, pixel, start in [
            ((flat, right), middle, 5.0),
            ((stripes, stripes), middle, 5.0),
            ((left, right), np.array([[3.0, 120.0]]), 0.0),
            ((left, right), np.array([[160.0, 237.0]]), 5.0),
            ((left, right), middle, 156.0),
            ((left, right), middle, np.nan),
            ((left, right), np.array([[np.nan, 120.0]]), 5.0),
            ((left, right), np.array([[1e30, 120.0]]), 5.0),
        ]:
            assert np.isnan(self.refine(pair, pixel, [start])).all()

    def test_a_flat_right_patch_does_not_correlate(self) -> None:
        left, _ = stereo_pair(5.0)
        _, _, correlation = self.refine((left, np.full_like(left, 100)), keypoints(), np.full(200, 5.0))
        assert not (np.abs(correlation) > 0.1).any()


class TestRowMatching:
    def test_kernel_equals_the_table_of_all_pairs(self) -> None:
        rng = np.random.default_rng(2)
        left, right = (features(rng.uniform([0, 0], [320, 60], (n, 2)), seed=n) for n in (150, 170))
        order = np.argsort(right.pixels[:, 1])
        pixels_right, descriptors_right = right.pixels[order], right.descriptors[order]
        offset = left.pixels[:, None] - pixels_right[None]
        allowed = (np.abs(offset[..., 1]) <= 2) & (offset[..., 0] >= -1) & (offset[..., 0] <= 90)
        table = np.where(allowed, left.descriptors @ descriptors_right.T, -2)
        nearest_left, similarity, nearest_right = nearest_along_rows(
            left.descriptors, left.pixels, descriptors_right, pixels_right, 2.0, -1.0, 90.0
        )
        np.testing.assert_array_equal(nearest_left, np.where(allowed.any(1), table.argmax(1), -1))
        np.testing.assert_array_equal(nearest_right, np.where(allowed.any(0), table.argmax(0), -1))
        np.testing.assert_allclose(similarity, table.max(1), atol=1e-6)

    def test_only_rows_and_disparities_in_reach_match(self) -> None:
        left = features(keypoints())
        for disparity, rows, num in [
            (8, 0, 200),
            (8, 1.9, 200),
            (8, 2.1, 0),
            (-2, 0, 0),
            (199, 0, 200),
            (201, 0, 0),
        ]:
            assert len(matcher().match(left, shifted(left, disparity, rows))) == num
        assert len(matcher(min_depth_m=15.0).match(left, shifted(left, 8))) == 0, "100 px m / 15 m < 8 px"

    def test_partners_choose_each_other(self) -> None:
        left = features(keypoints(50))
        right = shifted(left, 10.0)
        twins = features(np.tile(left.pixels, (2, 1)), np.tile(left.descriptors, (2, 1)))
        found = matcher().match(twins, right)
        assert len(found) == len(np.unique(found.index1)) == 50
        np.testing.assert_array_equal(twins.descriptors[found.index0], right.descriptors[found.index1])


class TestDepths:
    def test_depth_is_focal_times_baseline_over_disparity(self) -> None:
        left = features(keypoints())
        found = matcher().depths(left, shifted(left, 12.5), *stereo_pair(12.4))
        has_depth = np.isfinite(found.inverse_depth_per_m)
        assert has_depth.mean() > 0.95
        np.testing.assert_allclose(found.inverse_depth_per_m[has_depth], 12.4 / 100, rtol=0.01)
        assert (found.sigma_per_m[has_depth] >= 0.2 / 100).all()
        assert np.isfinite(found.sigma_per_m).sum() == has_depth.sum()

    def test_colour_images_are_as_good_as_grey_ones(self) -> None:
        left, pair = features(keypoints()), stereo_pair(12.4)
        rgb = tuple(np.repeat(image[:, :, None], 3, axis=2) for image in pair)
        grey_depths = matcher().depths(left, shifted(left, 12.5), *pair)
        rgb_depths = matcher().depths(left, shifted(left, 12.5), *rgb)
        np.testing.assert_array_equal(grey_depths.inverse_depth_per_m, rgb_depths.inverse_depth_per_m)

    def test_what_lies_at_infinity_has_inverse_depth_zero(self) -> None:
        left = features(keypoints())
        found = matcher().depths(left, shifted(left, -0.3), *stereo_pair(-0.1)).inverse_depth_per_m
        assert (found[np.isfinite(found)] == 0).mean() > 0.95

    def test_patches_that_disagree_or_lie_elsewhere_are_refused(self) -> None:
        left = features(keypoints())
        strangers = stereo_pair(12.4)[0], stereo_pair(12.4, seed=7)[1]
        assert (
            np.isfinite(matcher().depths(left, shifted(left, 12.4), *strangers).inverse_depth_per_m).mean()
            < 0.05
        )
        drifted = matcher(max_shift_px=0.5).depths(left, shifted(left, 13.4), *stereo_pair(12.4))
        assert np.isfinite(drifted.inverse_depth_per_m).mean() < 0.05

    def test_no_features_no_depths(self) -> None:
        none = features(np.zeros((0, 2)), np.zeros((0, 32)))
        left = features(keypoints(5))
        assert len(matcher().depths(none, left, *stereo_pair(5.0))) == 0
        assert np.isnan(matcher().depths(left, none, *stereo_pair(5.0)).inverse_depth_per_m).all()


def test_on_the_street_alignment_turns_keypoint_noise_into_a_tenth_of_a_pixel_without_bias() -> None:
    source = SyntheticSource(sensor=Sensor.STEREO, frames=slice(40, 41))
    frame, focal_baseline = next(iter(source)), source.camera.fx * known(source.baseline_m)
    _, depth_m = load_street(0).render_colors(drive(0, 41)[40], source.camera, None)
    corners = cv2.goodFeaturesToTrack(cv2.cvtColor(known(frame.image), cv2.COLOR_RGB2GRAY), 800, 0.01, 6)[
        :, 0
    ]
    column, row = corners.astype(int).T
    disparity = focal_baseline / depth_m
    around = np.stack(
        [disparity[(row + v).clip(0, 479), (column + u).clip(0, 639)] for v in (-2, 2) for u in (-2, 2)]
    )
    on_surface = np.ptp(around, axis=0) < 2.0  # the truth at an occlusion edge is not one number
    left, true = features(corners[on_surface]), disparity[row, column][on_surface]
    right = shifted(left, true + 0.3 * np.random.default_rng(0).normal(size=len(true)))
    measure = StereoMatcher(source.camera, known(source.baseline_m), CONFIG)
    found = measure.depths(left, right, known(frame.image), known(frame.image_right))
    error_px = found.inverse_depth_per_m * focal_baseline - true
    assert np.isfinite(error_px).mean() > 0.8
    assert 1.4826 * np.nanmedian(np.abs(error_px)) < 0.12
    assert abs(np.nanmedian(error_px)) < 0.02
    assert abs(np.nanmedian(error_px / true)) < 0.002, "a bias of disparity is a bias of scale"


@pytest.mark.real
@pytest.mark.parametrize("name", ["kitti/06", "euroc/V1_01_easy"])
def test_half_of_the_keypoints_of_real_pairs_have_a_depth(
    name: str, data_root: Path, weights_dir: Path
) -> None:
    from vo_frontend.features import load_extractor

    source = open_sequence(find_sequence(name, data_root), sensor=Sensor.STEREO, frames=slice(0, 3))
    extractor = load_extractor("aliked-t16", max_keypoints=1000, device="cpu", weights_dir=weights_dir)
    measure = StereoMatcher(source.camera, known(source.baseline_m), CONFIG)
    for frame in source:
        left, right = extractor.extract(known(frame.image)), extractor.extract(known(frame.image_right))
        matches = measure.match(left, right)
        rows_px = right.pixels[matches.index1, 1] - left.pixels[matches.index0, 1]
        assert abs(np.median(rows_px)) < 0.3, "rows correspond"
        found = measure.depths(left, right, known(frame.image), known(frame.image_right))
        assert np.isfinite(found.inverse_depth_per_m).mean() > 0.4
