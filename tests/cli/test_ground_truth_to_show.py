import numpy as np

from vo_frontend.cli.run import _ground_truth_to_show
from vo_frontend.errors import TrajectoryError
from vo_frontend.session.opened_input import Input
from vo_frontend.simulation.street import SyntheticSource
from vo_frontend.types import Trajectory


def unreadable() -> Trajectory:
    raise TrajectoryError("poses.txt: 3 columns in line 1, expected 12")


def test_unreadable_ground_truth_does_not_stop_the_run():
    assert _ground_truth_to_show(Input(SyntheticSource(), unreadable)) is None


def test_ground_truth_is_shown_where_there_is_some():
    truth = Trajectory(np.arange(2), np.tile(np.eye(4), (2, 1, 1)))
    assert _ground_truth_to_show(Input(SyntheticSource(), lambda: truth)) is truth
    assert _ground_truth_to_show(Input(SyntheticSource(), None)) is None
