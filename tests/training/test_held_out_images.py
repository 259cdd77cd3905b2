"""No image that validates is ever trained on. Every image has a colour of its own, by which pairs tell it."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pair_data import CROP_PX, write_disk_dataset, write_megadepth, write_png, write_tum

from vo_frontend.errors import ConfigError
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.training.data.data_config import DataConfig
from vo_frontend.training.data.pairs import PairBatches, PairSource
from vo_frontend.training.data.ranges import PhotometricRanges
from vo_frontend.training.data.training_data import TrainingData, open_training_data
from vo_frontend.training.local_features.validation import validation_pairs

ONE, NEVER = (1.0, 1.0), (0.0, 0.0)
SAME_LIGHT = PhotometricRanges(
    shadow_share=0, gaussian_blur_share=0, motion_blur_share=0, grey_share=0, jpeg_share=0,
    saturation=ONE, white_balance=ONE, gamma=ONE, contrast=ONE, brightness=NEVER, noise_std=NEVER,
)  # fmt: skip
FREIBURG3 = PinholeCamera(535.4, 539.2, 320.1, 247.6, 640, 480)

Colors = set[int]


def paint(paths: Sequence[Path], size: tuple[int, int], first: int) -> Colors:
    """Replace images (height, width) by plain ones, of colours from ``first`` on."""
    for number, path in enumerate(paths):
        write_png(path, np.full((*size, 3), first + number, np.uint8))
    return set(range(first, first + len(paths)))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs 0-19, one of them broken; frames 40-45; scenes 60-71 by DISK; scenes 80-97 as arrays."""
    root = tmp_path_factory.mktemp("data")
    paint([root / f"photos/{number:02d}.png" for number in range(20)], (150, 150), 0)
    (root / "photos" / "07.png").write_bytes(b"broken")
    sequence = root / "tum" / "rgbd_dataset_freiburg3_long_office_household"
    sequence.mkdir(parents=True)
    write_tum(sequence, FREIBURG3)
    paint([sequence / f"rgb/{number}.png" for number in range(6)], (480, 640), 40)
    write_disk_dataset(root / "disk", ["a", "b", "c"])
    paint(sorted((root / "disk").glob("*/images/*.png")), (144, 192), 60)
    for number in range(3):
        write_megadepth(root / f"arrays/{number}")
        images = [root / f"arrays/{number}/images/{frame}.png" for frame in range(6)]
        paint(images, (144, 192), 80 + 6 * number)
    return root


KINDS: dict[str, dict[str, Any]] = {
    "images": {"images": ("photos",)},
    "rgbd": {"rgbd": ("tum/fr3_office",)},
    "disk": {"megadepth": ("disk",)},
    "arrays": {"megadepth": ("arrays",)},
    "mixed": {"images": ("photos",), "rgbd": ("tum/fr3_office",), "megadepth": ("disk", "arrays")},
}


def open_kind(kind: str, root: Path, held_out_every: int = 3) -> TrainingData:
    values: dict[str, Any] = {
        key: names if key == "rgbd" else tuple(str(root / name) for name in names)
        for key, names in KINDS[kind].items()
    }
    config = DataConfig(CROP_PX, held_out_every=held_out_every, photometric=SAME_LIGHT, **values)
    return open_training_data(config, root)


def colors_of_training(source: PairSource, num_draws: int) -> Colors:
    batches = PairBatches(source)
    drawn = [batches.batch([np.random.default_rng(number)]) for number in range(num_draws)]
    return {round(255 * float(image[0, 0, 48, 48])) for pair in drawn for image in (pair.image0, pair.image1)}


def colors_of_validation(sources: Sequence[PairSource], num_pairs: int) -> Colors:
    pairs = validation_pairs(sources, num_pairs)
    return {round(255 * float(image[0, 0, 48, 48])) for pair in pairs for image in (pair.image0, pair.image1)}


@pytest.mark.parametrize("kind", KINDS)
def test_no_held_out_image_is_ever_drawn_for_training(kind: str, root: Path) -> None:
    data = open_kind(kind, root)
    trained = colors_of_training(data.training, 150)
    validated = colors_of_validation(data.validation, 40)
    assert len(trained) > len(validated) > 1
    assert not trained & validated


def test_a_photograph_that_cannot_be_read_is_replaced_by_one_of_its_own_part(root: Path) -> None:
    data = open_kind("images", root)
    every_third = set(range(0, 20, 3))
    assert colors_of_validation(data.validation, 40) == every_third
    assert colors_of_training(data.training, 300) == set(range(20)) - every_third - {7}


def test_the_end_of_a_sequence_is_held_out(root: Path) -> None:
    data = open_kind("rgbd", root)
    assert colors_of_validation(data.validation, 8) == {43, 44}  # the last frame, 45, has no pose after it
    assert colors_of_training(data.training, 40) == {40, 41, 42}


def test_whole_scenes_are_held_out(root: Path) -> None:
    assert colors_of_validation(open_kind("disk", root).validation, 20) == {60, 61, 62, 63}
    assert colors_of_training(open_kind("disk", root).training, 80) == set(range(64, 72))


def test_a_mixed_run_validates_on_all_its_kinds(root: Path) -> None:
    sources = open_kind("mixed", root).validation
    for num_pairs in (3, 20):
        colors = colors_of_validation(sources, num_pairs)
        assert {color // 20 for color in colors} - {4} == {0, 2, 3}
    assert len(colors_of_validation(sources, 30) & set(range(20))) == 7  # every held-out photograph
    with pytest.raises(ConfigError, match="num_pairs: got 2, expected at least 3, one per kind of data"):
        validation_pairs(sources, 2)


def test_files_of_one_scene_are_held_out_together(root: Path, tmp_path: Path) -> None:
    """As LoFTR has them, one file for each range of overlap."""
    shutil.copytree(root / "arrays", tmp_path / "arrays")
    for scene in list((tmp_path / "arrays").glob("*/scene.npz")):
        with np.load(scene) as file:
            arrays = dict(file)
        for part in range(2):
            chosen = {"pairs": arrays["pairs"][part::2], "overlaps": np.full(2, 0.5)}
            np.savez(scene.with_name(f"scene_{part}.npz"), **(arrays | chosen))
        scene.unlink()
    data = open_kind("arrays", tmp_path)
    assert colors_of_validation(data.validation, 30) == {80, 81, 82, 83, 85}  # no pair names the fifth image
    assert not colors_of_training(data.training, 100) & set(range(80, 86))


def test_a_folder_given_twice_is_read_once(root: Path) -> None:
    config = DataConfig(CROP_PX, images=(str(root / "photos"),) * 2, photometric=SAME_LIGHT)
    data = open_training_data(config)
    assert len(data.training) + len(data.validation[0]) == 20


def test_a_single_scene_cannot_be_divided(root: Path) -> None:
    scene = str(root / "arrays" / "0" / "scene.npz")
    with pytest.raises(
        ConfigError, match="got 1 MegaDepth scenes without common images, expected at least 2"
    ):
        open_training_data(DataConfig(CROP_PX, megadepth=(scene,)))
