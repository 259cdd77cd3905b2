"""The image beside the map: its size, its keypoints, and the tracks of landmarks."""

import numpy as np
import pytest
from numpy.typing import NDArray
from viewer_street import make_pose

from vo_frontend.types import Frame, FrameResult, Reason, Status
from vo_frontend.viewer import palette
from vo_frontend.viewer.image_painter import LEGEND_HEIGHT_PX, draw_image
from vo_frontend.viewer.image_view import MAX_SIDE_PX, ImageView, TrackHistory

IMAGE = np.zeros((40, 60), np.uint8)


def seen(index: int, ids: list[int], pixels: list[list[float]], reason: Reason = Reason.NONE) -> FrameResult:
    return FrameResult(
        index, index, Status.TRACKING, reason, 0, make_pose((0, 0, 0)),
        pixels=np.array(pixels, np.float32).reshape(-1, 2), landmark_ids=np.array(ids, np.int64),
    )  # fmt: skip


def view_after(*results: FrameResult, image: NDArray[np.uint8] = IMAGE) -> ImageView:
    tracks = TrackHistory(trail_frames=3)
    for result in results:
        tracks.update(result)
    view = tracks.view(Frame(results[-1].frame_index, 0, image), results[-1])
    assert view is not None
    return view


def test_a_trail_leads_back_along_the_frames_that_saw_the_landmark() -> None:
    view = view_after(
        seen(0, [5], [[9, 9]]),
        seen(1, [5], [[10, 9]]),
        seen(2, [7, 5], [[30, 9], [11, 9]]),
        seen(3, [5, -1, 7], [[12, 9], [1, 1], [31, 9]]),
    )
    np.testing.assert_array_equal(view.trails[0, :, 0], [12, 11, 10])
    np.testing.assert_array_equal(view.trails[1, :, 0], [31, 30, 30])
    np.testing.assert_array_equal(view.ages, [4, 0, 2])


def test_a_repeated_frame_makes_no_track_older() -> None:
    first, repeated = seen(0, [5], [[9, 9]]), seen(1, [5], [[9, 9]], Reason.REPEATED_FRAME)
    view = view_after(first, repeated)
    assert view.ages.tolist() == [1]
    assert view.trails.shape == (1, 1, 2)


def test_a_lost_frame_shows_its_keypoints_without_landmarks() -> None:
    lost = FrameResult(1, 1, Status.LOST, Reason.TOO_FEW_MATCHES, 0, None, pixels=np.ones((4, 2), np.float32))
    view = view_after(seen(0, [5], [[9, 9]]), lost)
    assert view.ages.tolist() == [0, 0, 0, 0]
    assert len(view.trails) == 0


def test_a_bad_image_shows_nothing() -> None:
    tracks = TrackHistory()
    bad = FrameResult(0, 0, Status.LOST, Reason.BAD_IMAGE, 0, None)
    tracks.update(bad)
    assert tracks.view(Frame(0, 0, None), bad) is None


def test_a_large_image_is_scaled_down_with_its_keypoints() -> None:
    image = np.zeros((500, 4 * MAX_SIDE_PX, 3), np.uint8)
    view = view_after(seen(0, [5], [[4 * MAX_SIDE_PX - 0.5, 499.5]]), image=image)
    assert view.image.shape == (125, MAX_SIDE_PX, 3)
    np.testing.assert_allclose(view.pixels, [[MAX_SIDE_PX - 0.5, 124.5]])  # the corner stays the corner
    np.testing.assert_allclose(view.trails[0, 0], view.pixels[0])


@pytest.mark.parametrize("shape", [(40, 60), (40, 60, 3)])
def test_keypoints_are_drawn_where_they_are_in_the_colour_of_their_age(shape: tuple[int, ...]) -> None:
    view = view_after(seen(0, [5, -1], [[9, 9], [30, 20]]), image=np.zeros(shape, np.uint8))
    canvas = draw_image(view, 240)
    assert canvas.shape == (160 + LEGEND_HEIGHT_PX, 240, 3)
    new, bare = (np.rint(255 * np.array(color)) for color in (palette.NEW_TRACK, palette.KEYPOINT))
    np.testing.assert_allclose(canvas[round(9.5 * 4), round(9.5 * 4)], new, atol=2)
    np.testing.assert_allclose(canvas[round(20.5 * 4), round(30.5 * 4)], bare, atol=40)
    assert canvas[100, 20].sum() == 0


def test_colours_go_from_new_to_old_and_stay() -> None:
    colors = palette.age_colors(np.array([1, palette.OLD_AGE, 10 * palette.OLD_AGE, 0])) / 255
    expected = [palette.NEW_TRACK, palette.OLD_TRACK, palette.OLD_TRACK, palette.KEYPOINT]
    np.testing.assert_allclose(colors, expected, atol=0.003)
