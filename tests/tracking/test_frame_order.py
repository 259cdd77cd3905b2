from dataclasses import replace

import numpy as np
import pytest
from world import make_world

from vo_frontend.tracking.frame_order import FrameOrder
from vo_frontend.types import Features, Reason

WORLD = make_world()


def features(seed: int, noise_px: float = 0.0) -> Features:
    return WORLD.features(np.eye(4), np.random.default_rng(seed), noise_px)


def test_frames_in_order_pass() -> None:
    order = FrameOrder()
    assert [order.check(stamp, features(stamp, 0.1)) for stamp in (5, 6, 100)] == [Reason.NONE] * 3


def test_a_late_frame_is_out_of_order_and_the_next_one_is_judged_by_the_newest() -> None:
    order = FrameOrder()
    reasons = [order.check(stamp, features(stamp)) for stamp in (10, 30, 20, 29, 31)]
    assert reasons == [Reason.NONE, Reason.NONE, Reason.OUT_OF_ORDER, Reason.OUT_OF_ORDER, Reason.NONE]


@pytest.mark.parametrize("content", [features(7), None])
def test_a_stamp_is_taken_once(content: Features | None) -> None:
    order = FrameOrder()
    order.check(10, features(1))
    assert order.check(10, content) is Reason.REPEATED_FRAME


def test_a_hanging_camera_is_noticed_however_long_it_hangs() -> None:
    order = FrameOrder()
    reasons = [order.check(stamp, features(1)) for stamp in range(5)]
    assert reasons == [Reason.NONE] + [Reason.REPEATED_FRAME] * 4
    assert order.original_ns is None
    assert order.check(9, features(2)) is Reason.NONE


def test_a_bad_image_in_between_does_not_hide_the_repetition() -> None:
    order = FrameOrder()
    order.check(0, features(1))
    assert order.check(1, None) is Reason.NONE
    assert order.check(2, features(1)) is Reason.REPEATED_FRAME


def test_the_same_view_with_sensor_noise_is_no_repetition() -> None:
    order = FrameOrder()
    still = features(1)
    order.check(0, still)
    assert order.check(1, replace(still, pixels=still.pixels + np.float32(1e-3))) is Reason.NONE


def test_two_images_without_features_are_not_compared() -> None:
    order = FrameOrder()
    nothing = features(0).select(np.zeros(0, np.int64))
    assert [order.check(stamp, nothing) for stamp in (0, 1)] == [Reason.NONE, Reason.NONE]


def test_a_first_repetition_names_its_original_and_no_other_frame_does() -> None:
    order, originals = FrameOrder(), []
    for stamp, seed in ((3, 1), (4, 1), (5, 1), (6, 2), (7, 2), (7, 2), (6, 2)):
        order.check(stamp, features(seed))
        originals.append(order.original_ns)
    assert originals == [None, 3, None, None, 6, None, None]
