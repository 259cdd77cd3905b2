import numpy as np
import pytest

from vo_frontend.tracking.keyframe_policy import KeyframePolicy

POLICY = KeyframePolicy(max_tracked_share=0.8, urgent_tracked_share=0.5, min_motion_px=10.0)


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
def test_a_keyframe_is_due(num_shared, motion_px, wanted):
    pixels = np.zeros((num_shared, 2), np.float32)
    assert POLICY.wants(100, pixels, pixels + np.float32([motion_px, 0])) is wanted
