import dataclasses
from pathlib import Path

import pytest
import yaml

from vo_frontend.config import Config
from vo_frontend.config_files import from_mapping, load_config, override, to_mapping
from vo_frontend.errors import ConfigError

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
        ({"features": {"max_keypoints": 5}}, "features.max_keypoints: got 5, expected at least 50"),
        ({"features": 3}, "features: got 3, expected fields such as name"),
        ({"ransac": {"estimator": "lmeds"}}, "ransac.estimator: got 'lmeds', expected poselib or opencv"),
        ({"matching": {"max_ratio": 0}}, "matching.max_ratio: got 0"),
        ({"mapping": {"max_keyframes": 2}}, "mapping.max_keyframes: got 2, expected at least 3"),
        ({"mapping": {"adjusted_keyframes": 1}}, "mapping.adjusted_keyframes: got 1, expected at least 2"),
        ({"seed": -1}, "seed: got -1"),
        ({"places": {"num_candidates": 0}}, "places.num_candidates: got 0, expected above 0"),
        ({"places": {"max_offset_px": -1}}, "places.max_offset_px: got -1.0, expected above 0"),
        ({"places": {"min_inlier_share": 35}}, r"places.min_inlier_share: got 35.0, expected 0\.\.1"),
        ({"places": {"num_neighbors": -1}}, "places.num_neighbors: got -1, expected at least 0"),
        ({"places": {"enabled": "maybe"}}, "places.enabled: got 'maybe', expected bool"),
        ({"places": {"min_inlier": 40}}, "unknown key 'min_inlier', did you mean 'min_inliers'"),
        ({"atlas": {"max_memory_mb": 0.5}}, "atlas.max_memory_mb: got 0.5, expected at least 1"),
    ],
)
def test_a_wrong_value_says_what_was_found_and_expected(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        from_mapping(values, "c.yaml")


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
