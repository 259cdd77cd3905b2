"""The worst moments of a run: which are kept, and that their pictures are drawn."""

from collections.abc import Iterable
from dataclasses import replace

import cv2
import numpy as np
from made_up_results import STEP_NS, stamped, tracked, without_pose

from vo_frontend.reports.moment_picture import GAP_PX, draw_moment
from vo_frontend.reports.worst_moments import MAX_GAPS, MAX_WEAK, WIDTH_PX, Moment, WorstMomentsSink
from vo_frontend.types import Frame, FrameResult, Reason, Status

LOST = Status.LOST, Reason.TOO_FEW_MATCHES
PIXELS = np.array([[10.0, 20.0], [300.0, 200.0], [500.0, 100.0]], np.float32)


def moments(results: Iterable[FrameResult], width: int = 640) -> list[Moment]:
    sink = WorstMomentsSink()
    image = np.full((480, width, 3), 90, np.uint8)
    for result in results:
        sink.consume(Frame(result.frame_index, result.frame_index * STEP_NS, image), result)
    sink.close()
    return sink.moments()


def held(index: int, num_inliers: int) -> FrameResult:
    ids = np.array([1, -1, 7])
    return replace(tracked(index), num_inliers=num_inliers, pixels=PIXELS + index, landmark_ids=ids)


def test_the_longest_losses_are_kept_and_they_come_first() -> None:
    results, index = [held(0, 500)], 1
    for length in (2, 5, 1, 4, 3):
        results += [without_pose(index + i, *LOST) for i in range(length)]
        results += [held(index + length, 500)]
        index += length + 1
    found = moments(results)
    assert [moment.num_frames for moment in found if moment.num_frames] == [5, 4, 3]
    assert len(found) <= MAX_GAPS + MAX_WEAK
    assert all(moment.before is not None for moment in found[:3])


def test_a_loss_that_lasts_to_the_end_counts_and_copies_count_with_it() -> None:
    copy = without_pose(3, Status.LOST, Reason.REPEATED_FRAME)
    (lost, *_) = moments([held(0, 500), without_pose(1, *LOST), without_pose(2, *LOST), copy])
    assert (lost.view.frame_index, lost.num_frames) == (1, 3)


def test_frames_that_are_placed_in_hindsight_are_no_loss() -> None:
    waiting = without_pose(0, Status.INITIALIZING, Reason.TOO_LITTLE_PARALLAX)
    found = moments([waiting, replace(held(1, 80), backfilled=(stamped(0),))])
    assert [moment.num_frames for moment in found] == [0]


def test_the_poses_with_the_fewest_inliers_are_kept_one_for_each_moment() -> None:
    inliers = np.full(400, 300)
    inliers[[50, 51, 52, 150, 250, 350]] = [40, 30, 35, 60, 20, 90]
    found = moments(held(index, int(n)) for index, n in enumerate(inliers))
    assert [moment.view.frame_index for moment in found] == [250, 51, 150]


def test_a_moment_is_drawn_as_the_frame_before_beside_the_frame_itself() -> None:
    (moment,) = moments([held(0, 100), held(1, 50)])
    content = draw_moment(moment)
    assert content is not None
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (480, 2 * 640 + GAP_PX, 3)
    (x, y) = (PIXELS[0] + 1).astype(int)
    blue, green, red = np.asarray(picture, float)[y, 640 + GAP_PX + x]
    assert blue > green > red, "a landmark is sky blue"


def test_large_images_are_kept_small_and_their_keypoints_with_them() -> None:
    (moment,) = moments([replace(held(0, 50), pixels=PIXELS * 4)], width=4 * WIDTH_PX)
    picture = cv2.imdecode(np.frombuffer(moment.view.jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (120, WIDTH_PX, 3)
    np.testing.assert_allclose(moment.view.pixels, PIXELS)


def test_a_frame_without_an_image_has_no_picture() -> None:
    sink = WorstMomentsSink()
    sink.consume(Frame(0, 0, None), without_pose(0, Status.LOST, Reason.BAD_IMAGE))
    sink.close()
    assert draw_moment(sink.moments()[0]) is None
