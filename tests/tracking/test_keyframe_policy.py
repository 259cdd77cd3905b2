import numpy as np
import pytest

from vo_frontend.config import KeyframesConfig
from vo_frontend.tracking.keyframe_policy import KeyframePolicy

POLICY = KeyframePolicy(KeyframesConfig(max_tracked_share=0.8, urgent_tracked_share=0.5, min_motion_px=10.0))


@pytest.mark.parametrize(
    ("num_shared", "motion_px", "wanted"),
    [
        (90, 50.0, False),  # most landmarks are still in view
        (70, 50.0, True),
        (70, 3.0, False),  # a still camera makes no keyframes
        (40, 3.0, True),  # about to be lost
        (0, 0.0, True),
    ],
)
def test_a_keyframe_is_due(num_shared: int, motion_px: float, wanted: bool) -> None:
    pixels = np.zeros((num_shared, 2), np.float32)
    assert POLICY.wants(100, pixels, pixels + np.array([motion_px, 0], np.float32)) is wanted
