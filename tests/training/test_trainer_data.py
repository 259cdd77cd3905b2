"""From the data section of a configuration to pairs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_training
from pair_data import CROP_PX, write_megadepth, write_tum

from vo_frontend.errors import ConfigError, SourceError, VoError
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.training.data.data_config import DataConfig
from vo_frontend.training.data.pairs import MixedPairs
from vo_frontend.training.data.training_data import hold_out_scattered, open_training_data

KindFields = dict[str, Any]  # of DataConfig

FREIBURG3 = PinholeCamera(535.4, 539.2, 320.1, 247.6, 640, 480)


@pytest.mark.parametrize("count", [2, 3, 9, 10, 11, 25])
@pytest.mark.parametrize("one_in", [2, 4, 10])
def test_items_are_for_training_or_for_validation(count: int, one_in: int) -> None:
    divided = hold_out_scattered(range(count), one_in, "photographs")
    assert sorted(divided.training + divided.held_out) == list(range(count))
    assert len(divided.held_out) == -(-count // one_in)


def test_every_nth_photograph_is_held_out() -> None:
    assert hold_out_scattered("abcdefghi", 4, "letters").held_out == ["a", "e", "i"]


def test_one_item_cannot_be_divided() -> None:
    with pytest.raises(
        ConfigError, match="got 1 photographs, expected at least 2, one of them for validation"
    ):
        hold_out_scattered([Path("a.png")], 10, "photographs")


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where ``tum/fr3_office`` is the beginning of the built-in street."""
    root = tmp_path_factory.mktemp("data")
    folder = root / "tum" / "rgbd_dataset_freiburg3_long_office_household"
    folder.mkdir(parents=True)
    write_tum(folder, FREIBURG3)
    return root


@pytest.fixture(scope="module")
def every_kind(tmp_path_factory: pytest.TempPathFactory) -> dict[str, KindFields]:
    folder = tmp_path_factory.mktemp("kinds")
    scenes = [write_megadepth(folder / f"scene{number}") for number in range(3)]
    return {
        "images": {"images": (str(tiny_training.write_images(folder / "images")),)},
        "painted": {"painted_weight": 1.0, "painted_count": 6},
        "street": {"street_weight": 1.0},
        "rgbd": {"rgbd": ("tum/fr3_office",)},
        "megadepth": {"megadepth": tuple(map(str, scenes))},
    }


@pytest.mark.parametrize("kind", ["images", "painted", "street", "rgbd", "megadepth"])
def test_each_kind_of_data_gives_different_pairs_to_train_and_to_validate(
    kind: str, every_kind: dict[str, KindFields], data_root: Path
) -> None:
    data = open_training_data(DataConfig(CROP_PX, held_out_every=3, **every_kind[kind]), data_root)
    pairs = [source.pair(0, np.random.default_rng(0)) for source in (data.training, *data.validation)]
    assert len(pairs) == 2
    for pair in pairs:
        assert pair.image0.shape == (CROP_PX, CROP_PX, 3)
        assert pair.covisible01.mean() > 0.05
    assert (pairs[0].image0 != pairs[1].image0).mean() > 0.5


def test_kinds_mix_by_weight(every_kind: dict[str, KindFields]) -> None:
    values = every_kind["megadepth"] | every_kind["images"]
    assert shares_of(DataConfig(CROP_PX, **values)) == [0.5, 0.5]
    assert shares_of(DataConfig(CROP_PX, images_weight=0.0, street_weight=3.0, **values)) == [0.75, 0.25]


def test_paintings_are_divided_as_photographs_are() -> None:
    data = open_training_data(DataConfig(CROP_PX, painted_weight=1.0, painted_count=25))
    assert [len(data.training), *map(len, data.validation)] == [22, 3]  # every tenth, from the first on


@pytest.mark.slow  # paints three streets
def test_every_street_but_the_last_is_trained_on() -> None:
    data = open_training_data(DataConfig(CROP_PX, street_weight=1.0, street_seed=3, street_count=2))
    (validation,) = data.validation
    assert len(data.training) == 2 * len(validation)
    sources_and_numbers = (data.training, 0), (data.training, len(validation)), (validation, 0)
    first, second, last = (
        source.pair(number, np.random.default_rng(5)).image0 for source, number in sources_and_numbers
    )
    assert min((a != b).mean() for a, b in ((first, second), (first, last), (second, last))) > 0.5


def shares_of(config: DataConfig) -> list[float]:
    mixed = open_training_data(config).training
    assert isinstance(mixed, MixedPairs)
    return [float(share) for share in mixed.shares]


def test_a_kind_without_weight_is_not_even_opened(every_kind: dict[str, KindFields], data_root: Path) -> None:
    values = every_kind["images"] | {"rgbd": ("tum/missing",), "megadepth": ("missing.npz",)}
    open_training_data(DataConfig(CROP_PX, rgbd_weight=0.0, megadepth_weight=0.0, **values), data_root)


@pytest.mark.parametrize("values", [{}, {"images": ("photos",), "images_weight": 0.0}])
def test_without_any_data_the_error_says_what_to_give(values: KindFields) -> None:
    with pytest.raises(ConfigError, match="no source of pairs; name a folder of photographs with --images"):
        open_training_data(DataConfig(**values))


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ({"images": ("nowhere",)}, SourceError, "nowhere: not a folder"),
        ({"rgbd": ("tum/fr3_ofice",)}, SourceError, "unknown sequence 'tum/fr3_ofice', did you mean"),
        ({"rgbd": ("tum/fr1_desk",)}, SourceError, "tum/fr1_desk: data missing"),
        ({"megadepth": ("nowhere.npz",)}, SourceError, "nowhere.npz: cannot read the scene"),
        ({"megadepth": ("nowhere.json",)}, SourceError, "nowhere.json: cannot read the file"),
    ],
)
def test_data_that_are_not_there_are_an_error(
    values: KindFields, error: type[VoError], message: str, data_root: Path
) -> None:
    with pytest.raises(error, match=message):
        open_training_data(DataConfig(**values), data_root)


def test_a_sequence_of_another_layout_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "7scenes" / "chess" / "seq-01").mkdir(parents=True)
    (tmp_path / "7scenes" / "chess" / "seq-01" / "frame-000000.color.png").touch()
    with pytest.raises(ConfigError, match="in the layout '7scenes', expected a TUM RGB-D sequence"):
        open_training_data(DataConfig(rgbd=("7scenes/chess/seq-01",)), tmp_path)


def test_a_named_sequence_without_a_data_root_is_an_error() -> None:
    with pytest.raises(SourceError, match="no data root; say where the datasets are with --data-root"):
        open_training_data(DataConfig(rgbd=("tum/fr1_desk",)))
