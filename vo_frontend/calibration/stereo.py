"""How two calibrated cameras stand to each other, from pictures that both took of a board at one time."""

import re
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.calibration.calibrate import Calibration, calibrate
from vo_frontend.calibration.lens import EQUIDISTANT, RADIAL_TANGENTIAL, Lens
from vo_frontend.calibration.views import Picture, common_points
from vo_frontend.errors import CameraError
from vo_frontend.geometry.se3 import from_rotation_translation, inverse
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.rectification import RectifiedPair, rectify
from vo_frontend.sensors.rig import CameraRig, MountedCamera

LENSES = (RADIAL_TANGENTIAL, EQUIDISTANT)  # those that both cameras of a Kalibr camchain may have
MIN_PAIRS, MIN_COMMON = 3, 6
GOOD_ROWS_PX = 0.5


@dataclass(frozen=True, slots=True)
class StereoCalibration:
    """A stereo pair, and how far its rows correspond."""

    rig: CameraRig
    pair: RectifiedPair
    rows_px: float  # rms difference of the rows of one corner in the two rectified images
    num_pairs: int
    pictures: tuple[Picture, Picture]  # one of the pairs, to look at

    def verdict(self) -> tuple[bool, str]:
        """Say in one line whether the pair serves."""
        said = (
            f"rows agree to {self.rows_px:.2f} px over {self.num_pairs} pairs, "
            f"baseline {self.pair.baseline_m:.4f} m"
        )
        if self.rows_px <= GOOD_ROWS_PX:
            return True, f"good: {said}"
        return False, f"usable with care: {said}; were both pictures of a pair taken at the same time?"


def calibrate_stereo(
    left: Calibration, right: Calibration, pairs: list[tuple[Picture, Picture]]
) -> StereoCalibration:
    """Find the pose of the right camera; intrinsics stay as the calibrations of the two cameras found them.

    Args:
        left: of the left camera; its lens is of the same model as the right one's.
        right: of the right camera.
        pairs: left and right pictures of one moment that both show the board.

    Raises:
        CameraError: too few pairs, or the right camera is not to the right.
    """
    cameras = (left.solution.camera, right.solution.camera)
    matched = [_matched(pair) for pair in pairs]
    usable = [each for each in matched if len(each[0]) >= MIN_COMMON]
    if len(usable) < MIN_PAIRS:
        raise CameraError(
            f"stereo calibration: {len(usable)} pairs show the board in both pictures, expected at least "
            f"{MIN_PAIRS}, better 10; pictures of a pair have the same number in their names"
        )
    ideal = [
        _ideal_pixels(camera, [each[1 + side] for each in usable]) for side, camera in enumerate(cameras)
    ]
    points = [each[0].astype(np.float32) for each in usable]
    size = (cameras[0].width, cameras[0].height)
    K = [camera.pinhole.K for camera in cameras]
    no_lens = np.zeros(5)
    found = cv2.stereoCalibrate(
        points, ideal[0], ideal[1], K[0], no_lens, K[1], no_lens, size, flags=cv2.CALIB_FIX_INTRINSIC
    )
    T_right_left = from_rotation_translation(np.asarray(found[5]), np.ravel(found[6]))
    one, other = MountedCamera(cameras[0]), MountedCamera(cameras[1], inverse(T_right_left))
    pair = rectify(one, other, "stereo calibration")
    rig = CameraRig(one, other)
    return StereoCalibration(rig, pair, _rows_px(pair, usable), len(usable), pairs[len(pairs) // 2])


def paired(left: list[Picture], right: list[Picture]) -> list[tuple[Picture, Picture]]:
    """Pair pictures by the last number in their names: ``left07.png`` with ``right07.png``."""
    numbered = {_last_number(picture.name): picture for picture in right}
    return [(each, numbered[number]) for each in left if (number := _last_number(each.name)) in numbered]


def _last_number(name: str) -> int:
    numbers = re.findall(r"\d+", name.rpartition(".")[0])
    return int(numbers[-1]) if numbers else -1


def choose_common_lens(left: list[Picture], right: list[Picture]) -> Lens:
    """Choose the one of ``LENSES`` with the smaller held-out error over both cameras."""
    both = [calibrate(pictures, LENSES).held_out_px for pictures in (left, right)]
    return min(LENSES, key=lambda lens: sum(errors[lens.name] ** 2 for errors in both))


_Pixels = NDArray[np.float64]
_Matched = tuple[_Pixels, _Pixels, _Pixels]


def _matched(pair: tuple[Picture, Picture]) -> _Matched:
    """Return board points (N, 3) that both see, and where: (N, 2), (N, 2).

    OpenCV numbers a chessboard from either end. Cameras of a pair are upright to each other, so the end
    is the same if the way from the first corner to the last points the same way.
    """
    left, right = pair[0].view, pair[1].view
    at_left, at_right = common_points(left, right)
    first, second = left.pixels[at_left], right.pixels[at_right]
    if len(first) and (first[-1] - first[0]) @ (second[-1] - second[0]) < 0:
        second = second[::-1]
    return left.points_m[at_left], first, second


def _ideal_pixels(camera: Camera, pixels: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """Return where an ideal camera of the same matrix would see what the lens shows at pixels (N, 2)."""
    K = camera.pinhole.K
    return [
        (camera.rays(each) * (K[0, 0], K[1, 1]) + (K[0, 2], K[1, 2])).astype(np.float32) for each in pixels
    ]


def _rows_px(pair: RectifiedPair, usable: list[_Matched]) -> float:
    left, right = (
        np.concatenate([undistort.points(each[side]) for each in usable])
        for side, undistort in ((1, pair.left), (2, pair.right))
    )
    return float(np.sqrt(((left[:, 1] - right[:, 1]) ** 2).mean()))
