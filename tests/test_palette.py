"""The palette: colours that differ for every reader, and no plot with others."""

import itertools
import re
from pathlib import Path

import numpy as np

from vo_frontend import palette

PACKAGE = Path(__file__).parents[1] / "vo_frontend"
# How a reader without red or green receptors sees linear RGB (Vienot, Brettel and Mollon 1999).
BLINDNESS = {
    "protan": np.array([[0.11238, 0.88762, 0.0], [0.11238, 0.88762, -0.0], [0.00401, -0.00401, 1.0]]),
    "deutan": np.array([[0.29275, 0.70725, 0.0], [0.29275, 0.70725, -0.0], [-0.02234, 0.02234, 1.0]]),
}


def test_series_differ_for_colour_blind_readers_too() -> None:
    linear = np.array([palette.bgr(color)[::-1] for color in palette.SERIES]) / 255.0
    linear **= 2.2
    for name, matrix in BLINDNESS.items():
        seen = np.clip(linear @ matrix.T, 0, 1) ** (1 / 2.2)
        for first, second in itertools.combinations(range(len(seen)), 2):
            assert np.linalg.norm(seen[first] - seen[second]) > 0.1, (name, first, second)


def test_colours_repeat_after_the_last_one() -> None:
    assert palette.series_color(len(palette.SERIES)) == palette.SERIES[0]


def test_opencv_gets_blue_first() -> None:
    assert palette.bgr("#0a0b0c") == (12, 11, 10)


def test_plots_take_no_colours_of_matplotlib() -> None:
    for path in PACKAGE.rglob("*.py"):
        assert not re.search(r"[\"']C(\d|\{)", path.read_text(encoding="utf-8")), path
