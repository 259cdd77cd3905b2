import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import yaml

from vo_frontend.config import Config
from vo_frontend.config_files import from_mapping, load_config, override, to_mapping
from vo_frontend.errors import ConfigError
from vo_frontend.ranges import Range, allowed_values

CONFIGS = [
    path
    for path in sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))
    if not path.name.startswith("train_")  # see training/test_train_config.py
]


def test_a_typo_names_the_key_and_the_nearest_right_one(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("matching: {search_radus_px: 2.0}")
    message = "c.yaml: matching: unknown key 'search_radus_px', did you mean 'search_radius_px'"
    with pytest.raises(ConfigError, match=message):
        load_config(tmp_path / "c.yaml")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"features": {"max_keypoints": "many"}}, "features.max_keypoints: got 'many', expected int"),
        ({"features": {"max_keypoints": True}}, "features.max_keypoints: got True, expected int"),
        ({"features": {"max_keypoints": 5}}, "features.max_keypoints: got 5, expected 50..50000"),
        ({"features": 3}, "features: got 3, expected fields such as name"),
        ({"ransac": {"estimator": "lmeds"}}, "ransac.estimator: got 'lmeds', expected poselib or opencv"),
        ({"matching": {"max_ratio": 0}}, "matching.max_ratio: got 0"),
        ({"mapping": {"max_keyframes": 2}}, "mapping.max_keyframes: got 2, expected 3..10000"),
        ({"mapping": {"adjusted_keyframes": 1}}, "mapping.adjusted_keyframes: got 1, expected 2..10000"),
        ({"seed": -1}, "seed: got -1"),
        ({"places": {"num_candidates": 0}}, "places.num_candidates: got 0, expected 1..1000000"),
        ({"places": {"max_offset_px": -1}}, "places.max_offset_px: got -1.0, expected above 0"),
        ({"places": {"min_inlier_share": 35}}, r"places.min_inlier_share: got 35.0, expected 0\.\.1"),
        ({"places": {"num_neighbors": -1}}, "places.num_neighbors: got -1, expected 0..1000000"),
        ({"places": {"enabled": "maybe"}}, "places.enabled: got 'maybe', expected bool"),
        ({"places": {"min_inlier": 40}}, "unknown key 'min_inlier', did you mean 'min_inliers'"),
        ({"atlas": {"max_memory_mb": 0.5}}, "atlas.max_memory_mb: got 0.5, expected 1..1000000"),
    ],
)
def test_a_wrong_value_says_what_was_found_and_expected(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_mapping(values, "c.yaml")


def sections(cls: Any) -> Iterator[Any]:
    yield cls
    for hint in get_type_hints(cls).values():
        for each in (hint, *get_args(hint)):
            if dataclasses.is_dataclass(each):
                yield from sections(each)


def is_number(hint: Any) -> bool:
    return hint in (int, float) or any(map(is_number, get_args(hint)))


@pytest.mark.parametrize("section", list(sections(Config)), ids=lambda section: str(section.__name__))
def test_every_number_of_the_configuration_has_a_range(section: Any) -> None:
    numbers = {name for name, hint in get_type_hints(section).items() if is_number(hint)}
    assert numbers <= set(allowed_values(section))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1e300, 10**400, True, "1", [1]])
def test_no_number_of_the_configuration_takes_what_is_out_of_every_range(value: object) -> None:
    for section in sections(Config):
        for name, allowed in allowed_values(section).items():
            if isinstance(allowed, Range):
                assert value not in allowed, f"{section.__name__}.{name}"


def test_a_range_says_which_of_its_ends_it_has() -> None:
    assert str(Range(0, 1)) == "0..1"
    assert str(Range(0, 1, excludes_low=True)) == "above 0, at most 1"
    assert str(Range(-1, 1, excludes_high=True)) == "at least -1, below 1"
    assert [x in Range(0, 1, excludes_low=True) for x in (0, 1e-9, 1, 2)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("features.max_keypoints=[1", "--set features.max_keypoints: not valid YAML"),
        ("two_view.min_parallax_deg=-1", r"two_view.min_parallax_deg: got -1.0, expected above 0, below 45"),
        ("mapping.huber_px=-2", r"mapping.huber_px: got -2.0, expected 0.001..1000"),
        ("seed=99999999999", "seed: got 99999999999, expected 0..2147483647"),
        ("seed=" + "9" * 400, "--set seed: not valid YAML .*a number of 400 digits"),
        ("run.fps=1e-300", "run.fps: got 1e-300, expected 0.001..100000"),
        ("run.sequence=" + "a" * 5000, r"run.sequence: got 'a+\.\.\.a+', expected at most 4096 characters"),
        ('run.images="a\\0b"', r"run.images: got 'a.x00b', expected at most 4096 characters, none 0"),
        (".".join("a" * 1000) + "=1", r"--set a\.a.*expected section.field=value"),
    ],
)
def test_a_setting_that_is_out_of_range_is_one_short_line(assignment: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        override(Config(), [assignment])
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


def test_numbers_with_an_exponent_are_numbers() -> None:
    assert override(Config(), ["ransac.confidence=1e-3"]).ransac.confidence == 0.001


def test_whole_numbers_are_fine_where_a_float_is_meant() -> None:
    assert from_mapping({"matching": {"max_ratio": 1}}, "c").matching.max_ratio == 1.0


def test_set_changes_one_value_and_keeps_the_rest() -> None:
    config = override(Config(), ["features.max_keypoints=500", "seed=7"])
    assert (config.features.max_keypoints, config.seed) == (500, 7)
    assert dataclasses.replace(config.features, max_keypoints=1000) == Config().features
    with pytest.raises(ConfigError, match=r"--set seed: expected section\.field=value"):
        override(Config(), ["seed"])
    with pytest.raises(ConfigError, match="--set: unknown key 'sed', did you mean 'seed'"):
        override(Config(), ["sed=1"])


def test_what_is_stored_with_a_run_reads_back_as_the_same_config(tmp_path: Path) -> None:
    config = override(Config(), ["features.name=orb", "two_view.min_parallax_deg=2"])
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(to_mapping(config)))
    assert load_config(tmp_path / "config.yaml") == config


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("# nothing\n")
    assert load_config(tmp_path / "c.yaml") == Config()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_shipped_config_loads(path: Path) -> None:
    load_config(path)


def test_default_yaml_shows_exactly_the_defaults() -> None:
    path = next(path for path in CONFIGS if path.name == "default.yaml")
    assert yaml.safe_load(path.read_text()) == to_mapping(Config())
