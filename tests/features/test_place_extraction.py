"""Local features over scales, principal components, and the extractor that a keyframe meets."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from feature_inputs import make_color_image, make_image
from place_inputs import AveragingBackbone, noise, random_delg_lite0, randomize

from vo_frontend.errors import WeightsError
from vo_frontend.features.networks.places.extractor import NetworkPlaceExtractor, PlaceExtractionConfig
from vo_frontend.features.networks.places.local_features import (
    DELF_SCALES,
    LocalFeaturesConfig,
    extract_local_features,
    suppress_overlaps,
)
from vo_frontend.features.networks.places.network import (
    HeadSizes,
    PlaceNetwork,
    make_delf,
    make_delg,
    make_raw_gem,
    resize,
)
from vo_frontend.features.networks.places.pca import Pca, fit_pca, unit_rows
from vo_frontend.features.places import LocalPlaceFeatures, PlaceExtractor
from vo_frontend.types import Image

CPU = torch.device("cpu")
ALL_CELLS = 10**6


@pytest.fixture
def lite0() -> PlaceNetwork:
    return random_delg_lite0()


def delf_of_means() -> PlaceNetwork:
    """DELF on mean colours of cells, with random attention."""
    network = make_delf(AveragingBackbone(), hidden=4)
    randomize(network)
    return network


def extractor_of_means(config: PlaceExtractionConfig) -> NetworkPlaceExtractor:
    network = make_delg(AveragingBackbone(), HeadSizes(embedding=8, code=2, hidden=4))
    randomize(network)
    return NetworkPlaceExtractor("means", network, device=CPU, config=config)


def ramps(height: int, width: int) -> Image:
    """(height, width, 3) uint8: x, y and 255 at each pixel."""
    y, x = np.mgrid[:height, :width]
    return np.dstack([x, y, np.full_like(x, 255)]).astype(np.uint8)


def coordinates(features: LocalPlaceFeatures) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """The mean x and y of the pixels that the features of ramps saw, (N, 2)."""
    return 255 * features.descriptors[:, :2] / features.descriptors[:, 2:]


@pytest.mark.parametrize("scale", DELF_SCALES)
def test_at_every_scale_a_feature_lies_where_the_half_pixel_rule_puts_its_cell(scale: float) -> None:
    image = torch.from_numpy(ramps(173, 211)).permute(2, 0, 1)[None].float() / 255
    config = LocalFeaturesConfig(scales=(scale,), max_features=ALL_CELLS)
    with torch.inference_mode():
        features = extract_local_features(delf_of_means(), image, config)
    assert len(features) == (round(173 * scale) // 4) * (round(211 * scale) // 4)
    margin = 1 / scale  # at the border, interpolation repeats the last pixel
    last = np.array([210, 172]) - 4 * margin
    inside = ((features.pixels > 4 * margin) & (features.pixels < last)).all(axis=1)
    assert inside.sum() > 50
    np.testing.assert_allclose(features.pixels[inside], coordinates(features)[inside], atol=0.01)
    np.testing.assert_array_equal(features.scales, np.float32(scale))


@pytest.mark.parametrize(("scale", "size", "shift_px"), [(1.0, 432, 16), (0.5, 864, 32)])
@torch.inference_mode()
def test_a_shift_by_one_stride_moves_local_features_by_one_stride(
    lite0: PlaceNetwork, scale: float, size: int, shift_px: int
) -> None:
    scene = noise(size // 6, size // 6 + 8)
    scene = F.interpolate(scene, (size, size + shift_px), mode="bicubic").clamp(0, 1)
    config = LocalFeaturesConfig(scales=(scale,), max_features=ALL_CELLS)
    before = extract_local_features(lite0, scene[..., :size], config)
    after = extract_local_features(lite0, scene[..., shift_px:], config)
    # Only cells that see none of the padding, before and after.
    reach = (lite0.backbone.receptive_field(size).size_px - 1) / 2 / scale
    x, y = before.pixels.T
    inside = (x >= reach + shift_px) & (x <= size - 1 - reach) & (y >= reach) & (y <= size - 1 - reach)
    assert inside.sum() >= 25
    nearest = (before.descriptors[inside] @ after.descriptors.T).argmax(axis=1)
    moved = before.pixels[inside] - after.pixels[nearest]
    np.testing.assert_allclose(moved, np.broadcast_to([shift_px, 0], moved.shape), atol=0.01)
    np.testing.assert_allclose(after.descriptors[nearest], before.descriptors[inside], atol=1e-4)
    np.testing.assert_allclose(after.attention[nearest], before.attention[inside], rtol=1e-3)


@torch.inference_mode()
def test_the_budget_goes_to_the_highest_attention_of_all_scales(lite0: PlaceNetwork) -> None:
    image = noise(96, 128)
    scales = (0.5, 1.0, 2.0)
    features = extract_local_features(lite0, image, LocalFeaturesConfig(scales, max_features=20))
    rated = torch.cat([lite0.local_maps(resize(image, scale)).attention.flatten() for scale in scales])
    np.testing.assert_allclose(features.attention, rated.sort(descending=True).values[:20], rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(features.descriptors, axis=1), 1, rtol=1e-5)
    limit = float(features.attention[7])
    kept = extract_local_features(lite0, image, LocalFeaturesConfig(scales, 20, min_attention=limit))
    np.testing.assert_array_equal(kept.pixels, features.pixels[:7])
    none = extract_local_features(lite0, image, LocalFeaturesConfig(scales, min_attention=1e9))
    assert (len(none), none.descriptors.shape) == (0, (0, 40))


def test_of_boxes_that_overlap_too_much_the_better_one_stays() -> None:
    boxes = torch.tensor([[0, 0, 10, 10], [1, 0, 11, 10], [5, 0, 15, 10], [20, 0, 30, 10], [4, 0, 14, 10]])
    boxes = boxes.float()  # overlaps with the first: 9/11, 1/3, 0 and 3/7; of the last with the third: 9/11
    assert suppress_overlaps(boxes, 0.9, 10).tolist() == [0, 1, 2, 3, 4]
    assert suppress_overlaps(boxes, 0.5, 10).tolist() == [0, 2, 3]
    assert suppress_overlaps(boxes, 0.3, 10).tolist() == [0, 3]
    assert suppress_overlaps(boxes, 0.5, 2).tolist() == [0, 2]
    assert suppress_overlaps(boxes[:0], 0.5, 2).tolist() == []


@torch.inference_mode()
def test_suppression_thins_out_neighbours(lite0: PlaceNetwork) -> None:
    image = noise(96, 128)
    config = LocalFeaturesConfig((1.0,), max_iou=0.85)
    features = extract_local_features(lite0, image, config)
    assert 1 < len(features) < 48
    distance = np.linalg.norm(features.pixels[:, None] - features.pixels, axis=2)
    assert distance[~np.eye(len(features), dtype=bool)].min() > 16  # of a shift by 16 of 339 px: 0.91


def test_principal_components_keep_the_plane_in_which_descriptors_lie() -> None:
    rng = np.random.default_rng(0)
    plane = np.linalg.qr(rng.normal(size=(16, 3)))[0].T
    descriptors = (rng.normal(size=(200, 3)) * [1, 0.5, 0.2] @ plane).astype(np.float32)
    pca = fit_pca(descriptors, 3)
    shortened = pca.apply(descriptors)
    assert shortened.shape == (200, 3)
    np.testing.assert_allclose(np.linalg.norm(shortened, axis=1), 1, rtol=1e-5)
    centered = unit_rows(descriptors) - unit_rows(descriptors).mean(axis=0)
    np.testing.assert_allclose(
        shortened @ shortened.T, unit_rows(centered) @ unit_rows(centered).T, atol=1e-4
    )
    whitening = fit_pca(descriptors, 3, whitens=True)
    np.testing.assert_allclose(np.var(centered @ whitening.components.T, axis=0), 1, rtol=1e-3)
    with pytest.raises(ValueError, match="expected 1 to 16"):
        fit_pca(descriptors, 17)


def test_delf_is_shortened_by_its_principal_components() -> None:
    network = delf_of_means()
    image = make_color_image(96, 128)
    full = NetworkPlaceExtractor("delf", network, device=CPU).local_features(image)
    pca = fit_pca(full.descriptors, 2)
    shortened = NetworkPlaceExtractor("delf", network, device=CPU, pca=pca).local_features(image)
    np.testing.assert_allclose(shortened.descriptors, pca.apply(full.descriptors), atol=1e-6)


def test_a_descriptor_is_the_mean_over_three_scales_and_has_unit_length(lite0: PlaceNetwork) -> None:
    extractor = NetworkPlaceExtractor("delg-lite0", lite0, device=CPU)
    image = make_color_image(96, 128)
    descriptor = extractor.describe(image)
    assert descriptor.dtype == np.float32
    assert descriptor.shape == (extractor.descriptor_size,) == (256,)
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        per_scale = []
        for size in ((68, 91), (96, 128), (136, 181)):
            described = extractor.network(F.interpolate(pixels, size, mode="bilinear")).global_descriptor
            assert described is not None
            per_scale.append(F.normalize(described))
    expected = F.normalize(torch.cat(per_scale).mean(dim=0), dim=0)
    np.testing.assert_allclose(descriptor, expected, atol=1e-5)


def test_a_batch_equals_its_images_and_grey_fills_all_channels(lite0: PlaceNetwork) -> None:
    extractor: PlaceExtractor = NetworkPlaceExtractor("delg-lite0", lite0, device=CPU)
    images = [make_image(96, 128, seed) for seed in range(3)]
    batch = extractor.describe_batch(images)
    for image, descriptor in zip(images, batch, strict=True):
        np.testing.assert_allclose(extractor.describe(image), descriptor, atol=1e-5)
        np.testing.assert_array_equal(extractor.describe(np.dstack([image] * 3)), extractor.describe(image))
    assert extractor.describe_batch([]).shape == (0, 256)


def test_a_large_image_is_shrunk_and_its_features_lie_in_its_own_pixels() -> None:
    config = PlaceExtractionConfig(
        max_side_px=128, local=LocalFeaturesConfig(scales=(1.0,), max_features=ALL_CELLS)
    )
    extractor = NetworkPlaceExtractor("means", delf_of_means(), device=CPU, config=config)
    features = extractor.local_features(ramps(192, 256))
    np.testing.assert_array_equal(features.scales, np.float32(0.5))
    inside = ((features.pixels > 8) & (features.pixels < np.array([247, 183]))).all(axis=1)
    np.testing.assert_allclose(features.pixels[inside], coordinates(features)[inside], atol=0.1)
    assert len(features) == 24 * 32
    described = extractor_of_means(config).describe(np.full((192, 256), 90, np.uint8))
    small = extractor_of_means(config).describe(np.full((96, 128), 90, np.uint8))
    np.testing.assert_allclose(described, small, atol=1e-6)


def test_a_small_image_is_enlarged_and_its_features_lie_in_its_own_pixels() -> None:
    config = PlaceExtractionConfig(
        min_side_px=256, local=LocalFeaturesConfig(scales=(1.0,), max_features=ALL_CELLS)
    )
    extractor = NetworkPlaceExtractor("means", delf_of_means(), device=CPU, config=config)
    features = extractor.local_features(ramps(96, 128))
    np.testing.assert_array_equal(features.scales, np.float32(2.0))
    inside = ((features.pixels > 4) & (features.pixels < np.array([123, 91]))).all(axis=1)
    np.testing.assert_allclose(features.pixels[inside], coordinates(features)[inside], atol=0.1)
    assert len(features) == 48 * 64


def test_what_is_no_image_or_asks_for_a_missing_head_is_refused() -> None:
    delf = NetworkPlaceExtractor("delf", delf_of_means(), device=CPU)
    gem = NetworkPlaceExtractor("gem", make_raw_gem(AveragingBackbone()), device=CPU)
    image = make_image(96, 128)
    with pytest.raises(ValueError, match="no global head"):
        delf.describe(image)
    with pytest.raises(ValueError, match="no local head"):
        gem.local_features(image)
    for describe in (gem.describe, delf.local_features):
        with pytest.raises(ValueError, match="at least 64x64"):
            describe(image[:32])
    with pytest.raises(ValueError, match="one shape"):
        gem.describe_batch([image, image[:, :100]])
    with pytest.raises(ValueError, match="LocalPlaceFeatures need"):
        LocalPlaceFeatures(*(np.zeros((3, 2), np.float32) for _ in range(4)))


@pytest.mark.gpu
def test_a_gpu_finds_what_the_cpu_finds() -> None:
    image = make_color_image(192, 256)
    on_cpu = NetworkPlaceExtractor("delg-lite0", random_delg_lite0(), device=CPU)
    on_gpu = NetworkPlaceExtractor("delg-lite0", random_delg_lite0(), device=torch.device("cuda"))
    np.testing.assert_allclose(on_gpu.describe(image), on_cpu.describe(image), atol=1e-4)
    ours, theirs = on_gpu.local_features(image), on_cpu.local_features(image)
    np.testing.assert_allclose(ours.attention, theirs.attention, rtol=1e-3, atol=1e-4)
    same = (ours.pixels == theirs.pixels).all(axis=1)  # but for the order of nearly equal attention
    assert same.mean() > 0.9
    np.testing.assert_allclose(ours.descriptors[same], theirs.descriptors[same], atol=1e-3)


def test_a_saved_pca_gives_the_same_descriptors_and_anything_else_is_one_line(tmp_path: Path) -> None:
    descriptors = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    pca, path = fit_pca(descriptors, 3, whitens=True), tmp_path / "pca.npz"
    pca.save(path)
    np.testing.assert_array_equal(Pca.load(path).apply(descriptors), pca.apply(descriptors))
    np.savez(tmp_path / "other.npz", mean=np.zeros(4), components=np.zeros((2, 5)))
    (tmp_path / "damaged.npz").write_bytes(path.read_bytes()[:60])
    (tmp_path / "names.npz").write_bytes(b"")
    for name, message in (
        ("other.npz", "do not fit together"),
        ("damaged.npz", "expected a saved Pca"),
        ("names.npz", "expected a saved Pca"),
        ("missing.npz", "expected a saved Pca"),
    ):
        with pytest.raises(WeightsError, match=message):
            Pca.load(tmp_path / name)
