"""The pictures of an ablation: labels that can be read, and pictures that can be drawn again."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vo_frontend.cli.ablation import main
from vo_frontend.experiments.ablation.label_places import Label, place_labels, places_around
from vo_frontend.experiments.ablation.pareto import CostPoint
from vo_frontend.experiments.ablation.pictures import Pictures, read_pictures
from vo_frontend.experiments.ablation.plots import Ablation, AblationPoint
from vo_frontend.experiments.ablation.sequences import SensorSequence
from vo_frontend.types import Sensor

PICTURES = Pictures(
    [Ablation("keypoints", True, [AblationPoint("street mono", "300", math.nan, 20.0)])],
    [CostPoint(SensorSequence("street", Sensor.MONO), "presets", "default", 30.0, 0.1)],
)


def label_points(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Label points (N, 2) of a plot; return the points (N, 2), and left, bottom, right, top (N, 4), in px."""
    figure = Figure(figsize=(5, 4))
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot(*points.T, "o")
    axes.set(xlim=(0, 10), ylim=(0, 10))
    labels = [
        Label(axes.annotate("default", (x, y), (0, 0), textcoords="offset points"), places_around(x, y))
        for x, y in points.tolist()
    ]
    figure.draw_without_rendering()
    place_labels(axes, labels, points)
    boxes = np.array([label.artist.get_window_extent().extents for label in labels])
    inside = axes.get_window_extent().extents
    assert (boxes[:, :2] >= inside[:2]).all()
    assert (boxes[:, 2:] <= inside[2:]).all()
    return axes.transData.transform(points), boxes


def overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    return bool((np.minimum(a[2:], b[2:]) > np.maximum(a[:2], b[:2])).all())


def test_labels_of_close_points_hide_neither_each_other_nor_a_point() -> None:
    points = np.array([[5, 5], [5.1, 5.1], [4.8, 5], [5.4, 4.9], [9.9, 9.9], [0.1, 0.1]])
    pixels, boxes = label_points(points)
    assert not any(overlap(a, b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert not any(overlap(box, np.tile(pixel, 2)) for box in boxes for pixel in pixels)


def test_a_label_stands_above_to_the_right_and_on_the_left_where_the_axes_end() -> None:
    (pixel, edge), (box, box_at_edge) = label_points(np.array([[5.0, 5.0], [9.9, 5.0]]))
    assert (box[:2] > pixel).all()
    assert box_at_edge[2] < edge[0]


def test_pictures_are_drawn_again_from_the_json_of_a_run(tmp_path: Path) -> None:
    stored, markdown = tmp_path / "ablation.json", tmp_path / "presets.md"
    content = PICTURES.as_mapping()
    content["ablations"][0]["points"][0]["ate_percent"] = None  # as JSON has NaN
    stored.write_text(json.dumps({"pictures": content}))
    assert read_pictures(stored).costs == PICTURES.costs
    assert main(["--redraw", str(stored), "--out", str(tmp_path), "--markdown", str(markdown)]) == 0
    for name in ("presets.png", "presets_pareto.png"):
        assert (tmp_path / name).stat().st_size > 5_000


@pytest.mark.parametrize(
    "content", ["", "[]", '{"runs": []}', '{"pictures": {"ablations": [], "costs": [1]}}']
)
def test_a_file_without_pictures_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    stored = tmp_path / "ablation.json"
    stored.write_text(content)
    assert main(["--redraw", str(stored), "--out", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "no pictures to draw" in error
    assert error.count("\n") == 1
