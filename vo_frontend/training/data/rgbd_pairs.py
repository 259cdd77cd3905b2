"""Pairs of frames of an RGB-D sequence in TUM's layout, posed by its motion capture.

Colour and depth are up to 20 ms apart and the shutter rolls: on fr1_rpy, which turns fast, warps across
0.2 s are 3 px off (median, against SIFT). Prefer sequences that move slowly, such as fr2_desk or
fr3_long_office_household. The poses teach a network; the estimator never sees them.
"""

import copy
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import SourceError
from vo_frontend.formats.trajectories import read_poses
from vo_frontend.geometry import se3
from vo_frontend.geometry.se3 import Transform
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sources.recorded import RecordedSource
from vo_frontend.sources.tum import open_tum
from vo_frontend.training.data.depth_crops import crop_pair
from vo_frontend.training.data.depth_warp import Agreement, DepthView
from vo_frontend.training.data.pairs import ImagePair, as_rgb, draw_partner, require_crop_size
from vo_frontend.training.data.ranges import PhotometricRanges
from vo_frontend.types import Sensor, Trajectory

MAX_POSE_GAP_S = 0.05  # between the two poses around a frame; motion capture gives 100 a second
MIN_OVERLAP = 0.15  # of either crop
MAX_DRAWS = 20
CLOSER = 0.8  # each draw looks for a partner within this part of the last distance
KINECT_AGREEMENT = Agreement(max_depth_ratio=0.03, max_round_trip_px=1.5)


class RgbdPairs:
    """Frames with a pose, one item each; the partner is another frame nearby."""

    def __init__(
        self,
        folder: Path,
        calibration: Camera,
        crop_px: int,
        max_gap_frames: int = 30,
        photometric: PhotometricRanges | None = PhotometricRanges(),  # noqa: B008 (frozen)
        agreement: Agreement = KINECT_AGREEMENT,
        turn_deg: float = 0.0,
    ) -> None:
        """Args:
            folder: with ``rgb.txt``, ``depth.txt`` and ``groundtruth.txt``.
            max_gap_frames: to the partner, either way.
            turn_deg: the second crop turns about its centre by up to this, either way.

        Raises:
            SourceError: a file is missing or malformed, no frame has a pose, or frames are smaller
                than ``crop_px``.
            TrajectoryError: the ground truth is missing or malformed.
            ConfigError: ``crop_px`` is not a multiple of 32.
        """
        require_crop_size(crop_px)
        self._folder, self._calibration, self._crop_px = folder, calibration, crop_px
        self._max_gap, self._photometric, self._agreement = max_gap_frames, photometric, agreement
        self._turn_deg = turn_deg
        source = _open(folder, calibration)
        if min(source.camera.width, source.camera.height) < crop_px:
            size = f"{source.camera.width}x{source.camera.height}"
            raise SourceError(f"{folder}: frames of {size} px, expected at least {crop_px} px per side")
        trajectory = read_poses(folder / "groundtruth.txt").trajectory
        self._positions, self._T_world_cam = interpolate_poses(trajectory, source.timestamps_ns)
        if len(self._positions) < 2:
            raise SourceError(
                f"{folder}: {len(self._positions)} of {source.num_frames} frames lie between two poses at "
                f"most {MAX_POSE_GAP_S} s apart, expected two or more; is groundtruth.txt of this recording?"
            )
        self._unusable: set[int] = set()

    def part(self, frames: slice) -> "RgbdPairs":
        """Keep some of the posed frames: neither frames nor their partners come from the rest."""
        part = copy.copy(self)
        part._positions, part._T_world_cam = self._positions[frames], self._T_world_cam[frames]
        part._unusable = set()
        return part

    def __len__(self) -> int:
        return len(self._positions)

    def pair(self, number: int, rng: np.random.Generator) -> ImagePair:
        """Make a pair of posed frame ``number``, or of a later one where that shows nothing in common.

        Raises:
            SourceError: no pair was found in many draws.
        """
        for draw in range(MAX_DRAWS):
            number0 = (number + draw) % len(self)
            number1 = draw_partner(number0, len(self), self._max_gap * CLOSER**draw, rng)
            view0, view1 = self._view(number0), self._view(number1)
            if view0 is None or view1 is None:
                continue
            pair = crop_pair(
                view0, view1, self._crop_px, self._agreement, self._photometric, rng, self._turn_deg
            )
            if pair is not None and min(pair.covisible01.mean(), pair.covisible10.mean()) >= MIN_OVERLAP:
                return pair
        raise SourceError(
            f"{self._folder}: {MAX_DRAWS} pairs of frames from number {number} on have less than "
            f"{100 * MIN_OVERLAP:.0f} % in common; do depth and groundtruth.txt belong to the images?"
        )

    def _view(self, number: int) -> DepthView | None:
        if number in self._unusable:
            return None
        source = _open(self._folder, self._calibration)
        frame = source.frame(int(self._positions[number]))
        if frame.image is None or frame.depth_m is None:
            self._unusable.add(number)
            return None
        return DepthView(as_rgb(frame.image), frame.depth_m, source.camera, self._T_world_cam[number])


@lru_cache(maxsize=16)
def _open(folder: Path, calibration: Camera) -> RecordedSource:
    """Open a sequence once per process: sources cannot be sent to the processes that make pairs."""
    return open_tum(folder, calibration, name=folder.name, sensor=Sensor.RGBD)


def interpolate_poses(
    trajectory: Trajectory, timestamps_ns: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Interpolate poses at ``timestamps_ns`` (N,), by constant velocity between the two poses around each.

    Returns:
        positions: (P,) indices of the times between two poses at most 0.05 s apart.
        T_world_cam: (P, 4, 4), in m.
    """
    known_ns = trajectory.timestamps_ns
    positions: list[int] = []
    poses: list[Transform] = []
    for position, stamp_ns in enumerate(timestamps_ns):
        after = int(np.searchsorted(known_ns, stamp_ns, side="right"))
        if after == 0 or after == len(known_ns):
            continue
        gap_ns = int(known_ns[after] - known_ns[after - 1])
        if gap_ns > MAX_POSE_GAP_S * 1e9:
            continue
        T_world_before, T_world_after = trajectory.T_world_cam[after - 1 : after + 1]
        motion = se3.log(se3.inverse(T_world_before) @ T_world_after)
        positions.append(position)
        poses.append(T_world_before @ se3.exp(motion * int(stamp_ns - known_ns[after - 1]) / gap_ns))
    return np.array(positions, dtype=np.int64), np.array(poses).reshape(-1, 4, 4)
