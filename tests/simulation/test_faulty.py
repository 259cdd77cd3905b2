import itertools
from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np
import pytest
from known import known

from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.simulation.faults import (
    BlackOut,
    Blur,
    Brighten,
    Drop,
    Fault,
    Flatten,
    Freeze,
    Occlude,
    Overtake,
    SameView,
    ScaleDepth,
    ShowAgain,
    Side,
    StaleDepth,
    StopClock,
    Tear,
    Truncate,
    When,
)
from vo_frontend.simulation.faulty import FaultySource
from vo_frontend.types import Frame, Image, Sensor

NUM_FRAMES = 12


class Pictures:
    """Frames of noise, each different, with everything a frame can carry."""

    name = "pictures"
    sensor = Sensor.STEREO
    baseline_m: float | None = 0.5
    is_live = False
    camera = PinholeCamera(60.0, 60.0, 31.5, 23.5, 64, 48)
    T_body_cam = np.eye(4)
    num_frames: int | None = NUM_FRAMES

    def __init__(self) -> None:
        self.num_closed = 0

    def __iter__(self) -> Iterator[Frame]:
        rng = np.random.default_rng(0)
        for i in range(NUM_FRAMES):
            left, right = rng.integers(0, 256, size=(2, 48, 64, 3)).astype(np.uint8)
            yield Frame(10 + i, i * 10**8, left, right, np.full((48, 64), 1.0 + i, np.float32))

    def close(self) -> None:
        self.num_closed += 1


CLEAN = list(Pictures())


def run(*faults: Fault, seed: int = 0) -> list[Frame]:
    return list(FaultySource(Pictures(), faults, seed))


def assert_untouched(frames: Sequence[Frame], but: Collection[int] = ()) -> None:
    for frame in frames:
        clean = CLEAN[frame.index - 10]
        if frame.index - 10 not in but:
            np.testing.assert_array_equal(known(frame.image), known(clean.image))
            np.testing.assert_array_equal(known(frame.image_right), known(clean.image_right))
            np.testing.assert_array_equal(known(frame.depth_m), known(clean.depth_m))
            assert frame.timestamp_ns == clean.timestamp_ns


def test_it_passes_on_what_the_source_says_of_itself() -> None:
    source = Pictures()
    faulty = FaultySource(source, [])
    for name in ("name", "sensor", "camera", "baseline_m", "T_body_cam", "num_frames", "is_live"):
        assert getattr(faulty, name) is getattr(source, name)
    assert FaultySource(source, [Drop(When.at(1))]).num_frames is None
    faulty.close()
    assert source.num_closed == 1


def test_without_faults_nothing_changes() -> None:
    frames = run()
    assert len(frames) == NUM_FRAMES
    assert_untouched(frames)


def test_dropped_frames_leave_a_gap_in_the_numbers() -> None:
    frames = run(Drop(When.at(0, 5, num_frames=2)))
    assert [frame.index for frame in frames] == [12, 13, 14, 17, 18, 19, 20, 21]
    assert_untouched(frames)


def test_a_frozen_camera_repeats_the_images_before_under_new_stamps() -> None:
    frames = run(Freeze(When.at(4, num_frames=2)))
    for i in (4, 5):
        np.testing.assert_array_equal(known(frames[i].image), known(CLEAN[3].image))
        np.testing.assert_array_equal(known(frames[i].image_right), known(CLEAN[3].image_right))
    assert [frame.timestamp_ns for frame in frames] == [frame.timestamp_ns for frame in CLEAN]
    assert_untouched(frames, but=(4, 5))


def test_old_images_come_under_new_stamps() -> None:
    frames = run(ShowAgain(When.at(1, 5, num_frames=2), num_back=3))
    for i in (5, 6):
        np.testing.assert_array_equal(known(frames[i].image), known(CLEAN[i - 3].image))
    assert [frame.timestamp_ns for frame in frames] == [frame.timestamp_ns for frame in CLEAN]
    assert_untouched(frames, but=(5, 6))  # nothing is as old as that at position 1


@pytest.mark.parametrize("num_back", [0, 9])
def test_images_are_as_old_as_the_source_remembers(num_back: int) -> None:
    with pytest.raises(ValueError, match=f"num_back: got {num_back}, expected 1 to 8"):
        ShowAgain(When.at(1), num_back)


def test_a_stopped_clock_repeats_the_stamp_before_under_new_images() -> None:
    frames = run(StopClock(When.at(4)))
    assert frames[4].timestamp_ns == frames[3].timestamp_ns
    np.testing.assert_array_equal(known(frames[4].image), known(CLEAN[4].image))


@pytest.mark.parametrize("fault", [Freeze, StopClock])
def test_the_first_frame_has_nothing_to_repeat(fault: Callable[[When], Fault]) -> None:
    assert_untouched(run(fault(When.at(0))))


def test_an_overtaken_frame_comes_after_the_next_one() -> None:
    frames = run(Overtake(When.at(4, 11)))
    assert [frame.index for frame in frames] == [10, 11, 12, 13, 15, 14, 16, 17, 18, 19, 20, 21]
    assert_untouched(frames)


@pytest.mark.parametrize("side", ["both", "left", "right"])
def test_truncated_images_are_missing_on_their_side_only(side: Side) -> None:
    frame = run(Truncate(When.at(3), side))[3]
    assert (frame.image is None) == (side != "right")
    assert (frame.image_right is None) == (frame.depth_m is None) == (side != "left")


@pytest.mark.parametrize("side", ["both", "left", "right"])
def test_a_blackout_shows_nothing_on_its_side_for_as_long_as_it_lasts(side: Side) -> None:
    frames = run(BlackOut(When.at(3, num_frames=3), side))
    for frame in frames[3:6]:
        assert (not known(frame.image).any()) == (side != "right")
        assert (not known(frame.image_right).any()) == (side != "left")
        assert np.isnan(known(frame.depth_m)).all() == (side != "left")
    assert_untouched(frames, but=(3, 4, 5))


@pytest.mark.parametrize(
    ("fault", "holds"),
    [
        (Blur(When.at(2), sigma_px=3.0), lambda image, clean: image.std() < 0.3 * clean.std()),
        (Brighten(When.at(2), gain=2.0), lambda image, clean: (image == 255).mean() > 0.45),
        (Brighten(When.at(2), gain=0.1), lambda image, clean: image.max() == 26),
        (Flatten(When.at(2)), lambda image, clean: image.std() < 6),
        (Occlude(When.at(2), 0.5), lambda image, clean: ((image == 90).all((0, 2))).sum() == 32),
    ],
)
def test_spoilt_images_keep_size_type_and_depth(fault: Fault, holds: Callable[[Image, Image], bool]) -> None:
    frames = run(fault)
    frame, clean = frames[2], CLEAN[2]
    for image, before in (
        (known(frame.image), known(clean.image)),
        (known(frame.image_right), known(clean.image_right)),
    ):
        assert image.dtype == np.uint8
        assert image.shape == before.shape
        assert holds(image, before)
    np.testing.assert_array_equal(known(frame.depth_m), known(clean.depth_m))
    assert_untouched(frames, but=(2,))


def test_a_camera_opened_twice_shows_the_left_image_on_the_right_and_nothing_else_changes() -> None:
    frames = run(SameView(When.at(2)))
    np.testing.assert_array_equal(known(frames[2].image_right), known(CLEAN[2].image))
    np.testing.assert_array_equal(known(frames[2].image), known(CLEAN[2].image))
    assert_untouched(frames, but=(2,))


def test_what_depth_is_measured_from_stands_still_while_the_left_image_goes_on() -> None:
    frames = run(StaleDepth(When.at(2, num_frames=2)))
    for index in (2, 3):
        np.testing.assert_array_equal(known(frames[index].image_right), known(CLEAN[1].image_right))
        np.testing.assert_array_equal(known(frames[index].depth_m), known(CLEAN[1].depth_m))
        np.testing.assert_array_equal(known(frames[index].image), known(CLEAN[index].image))
    assert_untouched(frames, but=(2, 3))


def test_a_torn_image_ends_with_the_rows_of_the_frame_before() -> None:
    image = known(run(Tear(When.at(2), share=0.25))[2].image)
    np.testing.assert_array_equal(image[:36], known(CLEAN[2].image)[:36])
    np.testing.assert_array_equal(image[36:], known(CLEAN[1].image)[36:])
    assert_untouched(run(Tear(When.at(0, 2))), but=(2,))


def test_a_changed_unit_of_depth_changes_nothing_else() -> None:
    frames = run(ScaleDepth(When.at(2), factor=2.0))
    np.testing.assert_array_equal(known(frames[2].depth_m), 2 * known(CLEAN[2].depth_m))
    np.testing.assert_array_equal(known(frames[2].image), known(CLEAN[2].image))
    assert_untouched(frames, but=(2,))


def test_frames_of_the_source_are_never_written_to() -> None:
    given = list(Pictures())
    copies = [known(frame.image).copy() for frame in given]

    class Given(Pictures):
        def __iter__(self) -> Iterator[Frame]:
            return iter(given)

    everywhere = When.at(*range(NUM_FRAMES))
    list(FaultySource(Given(), [Occlude(everywhere, 0.3), Brighten(everywhere, 1.5), BlackOut(everywhere)]))
    for frame, copy in zip(given, copies, strict=True):
        np.testing.assert_array_equal(known(frame.image), copy)


def test_random_faults_are_the_same_for_a_seed_and_independent_of_each_other() -> None:
    def dropped(*more: Fault, seed: int = 0) -> list[int]:
        faults = [Drop(When.randomly(0.3)), *more]
        return [frame.index for frame in run(*faults, seed=seed)]

    assert dropped() == dropped()
    assert dropped() == dropped(Truncate(When.randomly(0.5)))
    assert any(dropped() != dropped(seed=seed) for seed in (1, 2, 3))


def test_random_faults_strike_as_often_as_said() -> None:
    class Many(Pictures):
        def __iter__(self) -> Iterator[Frame]:
            return (Frame(i, i, None) for i in range(5000))

    arrived = len(list(FaultySource(Many(), [Drop(When.randomly(0.1))])))
    assert arrived == pytest.approx(4500, abs=90)


def test_faults_meet_on_one_frame_in_the_order_given() -> None:
    both = run(Truncate(When.at(3)), Blur(When.at(3), 2.0), Freeze(When.at(4)), Drop(When.at(6)))
    assert both[3].image is None
    assert both[4].image is None, "the truncated frame is what is repeated"
    assert len(both) == NUM_FRAMES - 1


def test_closing_ends_the_iteration_even_where_a_frame_was_held_back() -> None:
    faulty = FaultySource(Pictures(), [Overtake(When.at(1))])
    frames = iter(faulty)
    assert [frame.index for frame in itertools.islice(frames, 2)] == [10, 12]
    faulty.close()
    assert next(frames, None) is None
