"""What a message says about a name that nobody knows, and how much of what it quotes."""

from vo_frontend.errors import ConfigError, did_you_mean, shown


def test_the_nearest_known_name_is_suggested() -> None:
    assert did_you_mean("sed", ["seed", "threads"]) == "did you mean 'seed'?"


def test_several_near_names_are_suggested_where_asked_for() -> None:
    hint = did_you_mean("tum/fr1_des", ["tum/fr1_desk", "tum/fr1_desk2", "kitti/06"], at_most=3)
    assert hint == "did you mean 'tum/fr1_desk' or 'tum/fr1_desk2'?"


def test_without_a_near_name_a_short_list_is_told_in_full() -> None:
    assert did_you_mean("qqq", ["orb", "sift"]) == "expected one of orb, sift"


def test_without_a_near_name_a_long_list_gives_one_example() -> None:
    assert did_you_mean("qqq", map(str, range(100))) == "expected a name such as '0'"


def test_a_message_is_short_whatever_it_quotes() -> None:
    long = "x" * 10**6
    assert len(str(ConfigError(f"c.yaml: got {long}, expected less"))) < 2100
    assert str(ConfigError(f"c.yaml: got {long}, expected less")).endswith("expected less")
    assert len(shown([[long] * 1000] * 1000)) < 500
    assert len(shown({long: long})) < 1000
    assert shown(10**30) == str(10**30)
