"""The values that travel between stages. All frozen; arrays are never written to after creation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry.se3 import Transform
from vo_frontend.map_events import MapEvent

Image = NDArray[np.uint8]  # (H, W) grey or (H, W, 3) RGB


class Sensor(Enum):
    """Says what a source delivers per frame, and with it whether scale is known."""

    MONO = "mono"
    STEREO = "stereo"
    RGBD = "rgbd"


@dataclass(frozen=True, slots=True)
class Capture:
    """Tells when a frame came that nobody could ask for earlier, and what was missed before it."""

    captured_ns: int  # Unix time
    num_dropped: int = 0  # frames since the one before, which nobody took in time


@dataclass(frozen=True, slots=True)
class Attitude:
    """Tells how a gyroscope says that the camera has turned since the readings began, or began again.

    It drifts, so only the rotation between two attitudes of one beginning means something.
    """

    began_ns: int  # by the clock of the readings; another one after a gap
    R_began_cam: NDArray[np.float64]  # (3, 3)

    def rotation_since(self, before: "Attitude | None") -> NDArray[np.float64] | None:
        """Return R_before_cam (3, 3); None where readings are missing in between."""
        if before is None or before.began_ns != self.began_ns:
            return None
        return np.asarray(before.R_began_cam.T @ self.R_began_cam)


@dataclass(frozen=True, slots=True)
class Frame:
    """Carries one input frame, undistorted.

    ``index`` is the frame's number in its sequence (KITTI and 7-Scenes: the number in the file name),
    strictly increasing but not always contiguous. ``image`` is None where the file could not be
    decoded: the frame still counts, and its result says `bad image`.
    """

    index: int
    timestamp_ns: int  # integer, so that dataset stamps survive a round trip exactly
    image: Image | None
    image_right: Image | None = None  # stereo: rectified, same size
    depth_m: NDArray[np.float32] | None = None  # rgbd: (H, W) z in metres, NaN where unknown
    capture: Capture | None = None  # of a live source
    attitude: Attitude | None = None  # where a gyroscope is read and has no gap

    @property
    def timestamp_s(self) -> float:
        """Return the time by the source's clock, s."""
        return self.timestamp_ns * 1e-9


@dataclass(frozen=True, slots=True)
class Features:
    """Holds the N keypoints of one image and their descriptors, best score first.

    Pixels: x right, y down, the *centre* of the top-left pixel is (0, 0).
    """

    pixels: NDArray[np.float32]  # (N, 2) x, y in px
    descriptors: NDArray[np.float32]  # (N, D) unit length
    scores: NDArray[np.float32]  # (N,)

    def __post_init__(self) -> None:
        n = len(self.pixels)
        shapes = self.pixels.shape, self.descriptors.shape, self.scores.shape
        if (
            self.pixels.shape != (n, 2)
            or self.descriptors.ndim != 2
            or len(self.descriptors) != n
            or self.scores.shape != (n,)
        ):
            raise ValueError(f"Features need pixels (N, 2), descriptors (N, D) and scores (N,), got {shapes}")

    def __len__(self) -> int:
        return len(self.pixels)

    def select(self, index: NDArray[np.int64]) -> "Features":
        """Return the features of an index (M,)."""
        return Features(self.pixels[index], self.descriptors[index], self.scores[index])


@dataclass(frozen=True, slots=True)
class KeypointDepths:
    """Holds what stereo or a depth camera measures of the depth at each of N keypoints.

    Inverse, because that is where both sensors' errors are close to Gaussian: a stereo pair measures
    disparity = focal * baseline / z, a structured-light camera the same inside. Infinitely far is 0.
    """

    inverse_depth_per_m: NDArray[np.float64]  # (N,) 1/z of the camera frame, NaN where unknown
    sigma_per_m: NDArray[np.float64]  # (N,) standard deviation, NaN where unknown

    def __post_init__(self) -> None:
        shapes = self.inverse_depth_per_m.shape, self.sigma_per_m.shape
        if shapes[0] != shapes[1] or self.inverse_depth_per_m.ndim != 1:
            raise ValueError(f"KeypointDepths need two arrays (N,), got {shapes}")

    def __len__(self) -> int:
        return len(self.inverse_depth_per_m)

    def select(self, index: NDArray[np.int64]) -> "KeypointDepths":
        """Return the depths at the keypoints of an index (M,)."""
        return KeypointDepths(self.inverse_depth_per_m[index], self.sigma_per_m[index])


@dataclass(frozen=True, slots=True)
class Matches:
    """Pairs M elements of two sets, one to one."""

    index0: NDArray[np.int64]  # (M,)
    index1: NDArray[np.int64]  # (M,)
    similarity: NDArray[np.float32]  # (M,) cosine of the two descriptors

    def __len__(self) -> int:
        return len(self.index0)


class Status(Enum):
    """Names the health of the estimate, from the caller's point of view."""

    INITIALIZING = "initializing"  # no map yet
    TRACKING = "tracking"
    LOST = "lost"  # there was a map, but this frame could not be placed in it


class Reason(Enum):
    """Names why a frame has no pose.

    With REPEATED_FRAME it may have that of the frame it repeats, with WRONG_DEPTHS one from its pixels alone.
    """

    NONE = ""
    FIRST_VIEW = "waiting for a second view"
    TOO_LITTLE_PARALLAX = "too little parallax"
    TOO_FEW_FEATURES = "too few features"
    TOO_FEW_MATCHES = "too few matches"
    TOO_FEW_DEPTHS = "too few measured depths"
    DEGENERATE_GEOMETRY = "degenerate geometry"
    UNCONFIRMED = "not sure where"  # it looks like a known place, but neither map nor image motion confirm it
    BAD_IMAGE = "bad image"
    OUT_OF_ORDER = "out of order"  # its stamp is earlier than that of a frame before
    WRONG_DEPTHS = "depths disagree with the map"  # they were not used
    REPEATED_FRAME = "repeated frame"  # the stamp or the image of the frame before, or an older image


@dataclass(frozen=True, slots=True)
class MapSnapshot:
    """Copies the local map, in the world of its segment. What has left it is told by events alone."""

    segment_id: int
    landmark_ids: NDArray[np.int64]  # (M,)
    points_world: NDArray[np.float64]  # (M, 3)
    colors: NDArray[np.uint8]  # (M, 3) RGB
    T_world_keyframes: NDArray[np.float64]  # (K, 4, 4) of the local window, oldest first, as adjusted by now
    keyframe_indices: NDArray[np.int64]  # (K,) their frames


@dataclass(frozen=True, slots=True)
class StampedPose:
    """Gives the pose of one frame."""

    frame_index: int
    timestamp_ns: int
    T_world_cam: Transform


@dataclass(frozen=True, slots=True)
class FrameResult:
    """Tells the estimate for one frame. A failure is a status with a reason, never an identity pose.

    World: the first camera of the segment. A new segment starts after tracking was lost and the
    front-end had to initialise again; for mono it has its own origin **and its own scale**.
    """

    frame_index: int
    timestamp_ns: int
    status: Status
    reason: Reason
    segment_id: int
    T_world_cam: Transform | None  # None unless status is TRACKING
    num_features: int = 0
    num_matches: int = 0
    num_inliers: int = 0
    is_keyframe: bool = False
    pixels: NDArray[np.float32] | None = None  # (N, 2) of the keypoints, None where nothing was extracted
    landmark_ids: NDArray[np.int64] | None = None  # (N,) of each keypoint, -1 without; None without a pose
    backfilled: tuple[StampedPose, ...] = ()  # earlier frames of this segment, placed only now
    stage_seconds: Mapping[str, float] = field(default_factory=dict)  # wall time, in execution order
    map: MapSnapshot | None = None  # set on keyframes, and empty when the map is given up
    events: tuple[MapEvent, ...] = ()  # what this frame did to the map, in order


@dataclass(frozen=True, slots=True)
class Trajectory:
    """Holds N poses in time order; frames without a pose are absent."""

    timestamps_ns: NDArray[np.int64]  # (N,) strictly increasing
    T_world_cam: NDArray[np.float64]  # (N, 4, 4)

    def __post_init__(self) -> None:
        n = len(self.timestamps_ns)
        if self.timestamps_ns.shape != (n,) or self.T_world_cam.shape != (n, 4, 4):
            raise ValueError(
                f"Trajectory needs timestamps (N,) and poses (N, 4, 4), got {self.timestamps_ns.shape}, "
                f"{self.T_world_cam.shape}"
            )

    def __len__(self) -> int:
        return len(self.timestamps_ns)

    @property
    def positions_world(self) -> NDArray[np.float64]:
        """Return the camera centres (N, 3), in the unit of the poses."""
        return self.T_world_cam[:, :3, 3]


@dataclass(frozen=True, slots=True)
class GroundTruthSpec:
    """Says where a sequence's ground truth lies. Never reaches the estimator."""

    format: str  # kitti, tum, euroc, 7scenes
    path: Path  # file, or the folder of per-frame pose files (7scenes)
    times_path: Path | None = None  # kitti: times.txt, one row per pose; None means rate_hz
    rate_hz: float = 10.0  # kitti without times.txt, 7scenes: frame number / rate
