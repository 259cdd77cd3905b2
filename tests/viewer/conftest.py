"""A street that was driven, and a view that is not there."""

import numpy as np
import pytest
from fake_view import FakeView
from viewer_street import FedScene, make_street, make_truth

from vo_frontend.viewer.scene import SceneSnapshot


@pytest.fixture(scope="session")
def street() -> SceneSnapshot:
    """A drive of 40 frames at its end, with ground truth that sways about it."""
    truth = np.stack([np.sin(0.3 * np.arange(40)), np.zeros(40), np.arange(40.0)], axis=1)
    scene = FedScene(make_truth(truth))
    for result in make_street():
        scene.update(result)
    return scene.snapshot(is_final=True)


@pytest.fixture
def fake() -> FakeView:
    return FakeView()
