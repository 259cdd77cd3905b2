import numpy as np
import pytest
from viewer_street import make_street

from vo_frontend.viewer.scene import Scene, SceneSnapshot


@pytest.fixture(scope="session")
def street() -> SceneSnapshot:
    """A drive of 40 frames at its end, with ground truth that drifts away by 1."""
    truth = np.stack([np.linspace(0, 1, 40), np.zeros(40), np.arange(40.0)], axis=1)
    scene = Scene(truth)
    for result in make_street():
        scene.update(result)
    return scene.snapshot()
