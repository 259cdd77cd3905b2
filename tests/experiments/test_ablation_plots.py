"""Pictures of ablations."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from vo_frontend.errors import OutputError
from vo_frontend.experiments.ablation.pareto import REFERENCES, CostPoint, frontier, plot_pareto
from vo_frontend.experiments.ablation.plots import Ablation, AblationPoint, plot_ablations
from vo_frontend.experiments.ablation.sequences import SensorSequence
from vo_frontend.types import Sensor

NAN = float("nan")
STEREO = SensorSequence("kitti/06", Sensor.STEREO)
BUDGET = Ablation(
    "keypoints", True, [AblationPoint("a mono", "300", 0.2, 9.0), AblationPoint("a mono", "900", 0.1, 7.0)]
)
FEATURES = Ablation(
    "features", False, [AblationPoint("a mono", "orb", 0.4, 20.0), AblationPoint("b mono", "orb", NAN, 18.0)]
)


def test_each_ablation_has_a_row_of_its_own(tmp_path: Path) -> None:
    heights = []
    for ablations in ([BUDGET], [FEATURES, BUDGET]):
        plot_ablations(tmp_path / "a.png", ablations)
        picture = cv2.imread(str(tmp_path / "a.png"))
        assert picture is not None
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 20
        heights.append(len(picture))
    assert heights[1] - heights[0] == 3.5 * 120


def test_a_picture_without_any_error_is_still_drawn(tmp_path: Path) -> None:
    nothing = Ablation("features", False, [AblationPoint("a mono", "orb", NAN, 5.0)])
    plot_ablations(tmp_path / "a.png", [nothing])
    assert (tmp_path / "a.png").stat().st_size > 5_000


def test_a_missing_folder_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write the picture"):
        plot_ablations(tmp_path / "none" / "a.png", [BUDGET])


def cost(variant: str, core_ms: float, ate_m: float, sequence: SensorSequence = STEREO) -> CostPoint:
    return CostPoint(sequence, "presets", variant, core_ms, ate_m)


def test_the_frontier_has_what_no_other_point_beats_in_cost_and_error() -> None:
    points = [cost("slow", 90, 0.1), cost("dear", 95, 0.3), cost("lost", 5, NAN), cost("cheap", 20, 0.4)]
    points += [cost("worse", 30, 0.5), cost("fair", 40, 0.2), cost("equal", 41, 0.2)]
    assert [point.variant for point in frontier(points)] == ["cheap", "fair", "slow"]


def test_each_sequence_has_a_panel_and_peers_stand_where_they_were_measured(tmp_path: Path) -> None:
    street = SensorSequence("street", Sensor.MONO)
    assert {reference.sequence.name for reference in REFERENCES} == {"kitti/06"}
    sizes, pictures = [], []
    for sequences in ([STEREO], [street], [STEREO, street, replace(street, sensor=Sensor.RGBD)]):
        points = [cost("a", 20 + i, 0.2 - 0.1 * i, each) for i in range(2) for each in sequences]
        plot_pareto(tmp_path / "p.png", points)
        picture = cv2.imread(str(tmp_path / "p.png"))
        assert picture is not None
        sizes.append(len(picture))
        pictures.append(picture)
    assert sizes[0] == sizes[1] < sizes[2]
    assert (pictures[0] != pictures[1]).mean() > 0.005, "marks of peers"


def test_a_cost_picture_in_a_missing_folder_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write the picture"):
        plot_pareto(tmp_path / "none" / "p.png", [cost("a", 10, 0.1)])
