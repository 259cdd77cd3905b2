"""Pictures of ablations."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from vo_frontend.errors import OutputError
from vo_frontend.experiments.ablation.plots import Ablation, AblationPoint, plot_ablations

NAN = float("nan")
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
