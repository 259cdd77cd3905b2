"""Which variant runs on which sequence, and how often."""

from dataclasses import replace

import pytest

from vo_frontend.config_files import load_config
from vo_frontend.experiments.ablation.bounds import REQUIRED
from vo_frontend.experiments.ablation.plan import (
    BUDGETS,
    COMPARED,
    FEATURES,
    IMAGE_SCALES,
    KEPT_BY_PRESETS,
    PRESETS,
    TABLES,
    Case,
    Variant,
    choose_sequences,
    choose_tables,
    seeds_of,
)
from vo_frontend.experiments.ablation.sequences import FAULTY_STREET, SHORT_STREET, SensorSequence
from vo_frontend.types import Sensor


def test_by_default_every_bound_is_looked_at_and_every_ablation_made() -> None:
    tables = choose_tables(TABLES, None, FEATURES, BUDGETS)
    assert [table.key for table in tables] == list(TABLES)
    assert {case.sequence for _, case in tables[0].cases} == set(REQUIRED)
    sizes = [len(table.cases) // len(COMPARED) for table in tables[1:-1]]
    assert sizes == [len(FEATURES), len(BUDGETS), len(IMAGE_SCALES), 2, 2]
    assert {case.sequence for _, case in tables[-1].cases} == set(KEPT_BY_PRESETS)
    needed = seeds_of(tables, range(5))
    default = [Case(sequence, Variant()) for sequence in REQUIRED]
    assert {case for case, seeds in needed.items() if len(seeds) == 5} == set(default)
    assert {len(seeds) for seeds in needed.values()} == {1, 3, 5}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_run_as_its_file_says(name: str) -> None:
    config, preset = Variant.of_preset(name).config(7), load_config(name)
    assert config.seed == 7
    assert config.features == replace(preset.features, device="cpu")
    assert replace(config, seed=0, features=preset.features) == preset


def test_the_default_preset_is_run_once_for_all_tables() -> None:
    assert Variant.of_preset("default") == Variant()


def test_presets_use_other_features_where_those_are_compared() -> None:
    street = SensorSequence("street", Sensor.MONO)
    (table,) = choose_tables(["presets"], [street], ["orb", "alike-t"], BUDGETS)
    assert {case.variant.features for _, case in table.cases} == {"orb"}
    assert [case.variant.keypoints for _, case in table.cases] == [
        load_config(name).features.max_keypoints for name in PRESETS
    ]


def test_the_street_with_faults_brings_the_one_without() -> None:
    assert choose_sequences([FAULTY_STREET]) == [
        SensorSequence(SHORT_STREET, Sensor.STEREO),
        SensorSequence(FAULTY_STREET, Sensor.STEREO),
    ]
    assert choose_sequences(["kitti/07", "kitti/06:stereo", "kitti/06"]) == [
        SensorSequence("kitti/07", Sensor.MONO),
        SensorSequence("kitti/06", Sensor.STEREO),
        SensorSequence("kitti/06", Sensor.MONO),
    ]
