"""The promises of every source of frames. See ``tests/sources/test_contract.py`` for the same in code."""

from collections.abc import Iterator
from typing import Protocol

from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.types import Frame, Sensor


class FrameSource(Protocol):
    """Frames in time order. May be iterated once only: a live camera cannot rewind.

    Ground truth is deliberately absent: ``vo_frontend.evaluation`` loads it after the run, and it
    never reaches the estimator.
    """

    @property
    def name(self) -> str:
        """Name the frames for the run folder and plot titles, e.g. "kitti/06"."""
        ...

    @property
    def sensor(self) -> Sensor:
        """Say what frames carry: mono an image, stereo also ``image_right``, rgbd also ``depth_m``."""
        ...

    @property
    def camera(self) -> PinholeCamera:
        """Return the camera of the frames as they come, i.e. after undistortion and rectification."""
        ...

    @property
    def baseline_m(self) -> float | None:
        """Return the distance of the right camera along the left one's x axis; None unless stereo."""
        ...

    @property
    def T_body_cam(self) -> Transform:
        """Return the pose (4, 4), m, of ``camera`` in the frame whose motion the ground truth describes."""
        ...

    @property
    def num_frames(self) -> int | None:
        """Count the frames that will come, None where nobody knows (webcam, stream)."""
        ...

    @property
    def is_live(self) -> bool:
        """Whether frames come in real time, each with its ``capture``, and are dropped when we are late."""
        ...

    def __iter__(self) -> Iterator[Frame]: ...

    def close(self) -> None:
        """Release files and devices. Safe to call twice, and from another thread to end iteration."""
        ...
