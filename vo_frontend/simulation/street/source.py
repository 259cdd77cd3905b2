"""The built-in sequence: a drive through a rendered street, seen by an imperfect camera."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import SourceError
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform, from_rotation_translation
from vo_frontend.simulation import STREET_NAME
from vo_frontend.simulation.street import sensor_kernels
from vo_frontend.simulation.street.path import FRAME_PERIOD_NS, drive
from vo_frontend.simulation.street.renderer import Street, load_street
from vo_frontend.sources.frame_range import select
from vo_frontend.types import Frame, Image, Sensor, Trajectory

DEFAULT_NUM_FRAMES, MAX_NUM_FRAMES = 300, 100_000
FIELD_OF_VIEW_DEG = 80.0  # along the longer side of the image
BASELINE_M = 0.5
MAX_DEPTH_M = 20.0
NOISE_STD = 2.0  # grey levels
DEPTH_NOISE_PER_M2 = 0.001  # times z^2: 0.1 m at 10 m
MIN_SIDE_PX, MAX_SIDE_PX = 64, 4096


class SyntheticSource:
    """Frames of the built-in street, rendered when asked for. Same arguments, same bytes."""

    def __init__(
        self,
        num_frames: int = DEFAULT_NUM_FRAMES,
        width: int = 640,
        height: int = 480,
        seed: int = 0,
        sensor: Sensor = Sensor.MONO,
        frames: slice | None = None,
        noise_std: float = NOISE_STD,
        num_threads: int | None = None,
    ) -> None:
        """Prepare a drive of ``num_frames``, of which ``frames`` selects some (indices are kept).

        Args:
            num_frames: length of the whole drive, 10 frames per second.
            width: px.
            height: px.
            seed: of the street, the route, the noise and the exposure.
            sensor: what each frame carries.
            frames: as in ``range(num_frames)[frames]``, forwards.
            noise_std: of the images, grey levels.
            num_threads: that render; default one per CPU.

        Raises:
            SourceError: an argument is out of range, or no frame is selected.
        """
        self._indices = _selected(num_frames, seed, frames)
        if not np.isfinite(noise_std) or noise_std < 0:
            raise SourceError(f"synthetic: noise_std: got {noise_std}, expected at least 0 grey levels")
        self.name = STREET_NAME
        self.sensor = sensor
        self.camera = street_camera(width, height)
        self.baseline_m = BASELINE_M if sensor is Sensor.STEREO else None
        self.T_body_cam: Transform = np.eye(4)
        self.num_frames: int | None = len(self._indices)
        self.is_live = False
        self._seed = seed
        self._noise_std = noise_std
        self._num_threads = num_threads
        self._closed = False

    def __iter__(self) -> Iterator[Frame]:
        street = load_street(self._seed)
        T_world_cams = drive(self._seed, self._indices[-1] + 1)
        for index in self._indices:
            if self._closed:
                return
            yield self._frame(street, index, T_world_cams[index])

    def close(self) -> None:
        """End iteration."""
        self._closed = True

    def _frame(self, street: Street, index: int, T_world_cam: Transform) -> Frame:
        colors, exact_depth_m = street.render_colors(T_world_cam, self.camera, self._num_threads)
        image_right, depth_m = None, None
        if self.sensor is Sensor.STEREO:
            T_left_right = from_rotation_translation(np.eye(3), np.array([BASELINE_M, 0.0, 0.0]))
            colors_right, _ = street.render_colors(T_world_cam @ T_left_right, self.camera, self._num_threads)
            image_right = self._expose(colors_right, index, camera_number=1)
        elif self.sensor is Sensor.RGBD:
            depth_m = np.empty_like(exact_depth_m)
            key = _noise_key(self._seed, index, 2)
            sensor_kernels.measure_depth(
                exact_depth_m.reshape(-1), MAX_DEPTH_M, DEPTH_NOISE_PER_M2, key, depth_m.reshape(-1)
            )
        return Frame(
            index=index,
            timestamp_ns=index * FRAME_PERIOD_NS,
            image=self._expose(colors, index, camera_number=0),
            image_right=image_right,
            depth_m=depth_m,
        )

    def _expose(self, colors: NDArray[np.float32], index: int, camera_number: int) -> Image:
        image = np.empty(colors.shape, np.uint8)
        gain, key = exposure_gain(self._seed, index), _noise_key(self._seed, index, camera_number)
        sensor_kernels.expose(colors.reshape(-1), gain, self._noise_std, key, image.reshape(-1))
        return image


def ground_truth(
    num_frames: int = DEFAULT_NUM_FRAMES, seed: int = 0, frames: slice | None = None
) -> Trajectory:
    """Return the exact poses of the frames that a :class:`SyntheticSource` with the same arguments yields.

    Raises:
        SourceError: an argument is out of range, or no frame is selected.
    """
    indices = np.array(_selected(num_frames, seed, frames), np.int64)
    return Trajectory(indices * FRAME_PERIOD_NS, drive(seed, int(indices[-1]) + 1)[indices])


def street_camera(width: int = 640, height: int = 480) -> PinholeCamera:
    """Return the camera of the built-in sequence for an image size in px.

    Raises:
        SourceError: the size is out of range.
    """
    if min(width, height) < MIN_SIDE_PX or max(width, height) > MAX_SIDE_PX:
        raise SourceError(
            f"synthetic: image size: got {width}x{height} px, "
            f"expected {MIN_SIDE_PX} to {MAX_SIDE_PX} px per side"
        )
    focal_px = 0.5 * max(width, height) / np.tan(np.deg2rad(0.5 * FIELD_OF_VIEW_DEG))
    return PinholeCamera(
        float(focal_px), float(focal_px), 0.5 * (width - 1), 0.5 * (height - 1), width, height
    )


def exposure_gain(seed: int, index: int) -> float:
    """Return the gain of the exposure of frame ``index``: it drifts by 12 %, and jumps every 70 frames."""
    jump = np.random.default_rng([seed, 4, index // 70]).uniform(0.82, 1.15)
    phase = np.random.default_rng([seed, 5]).uniform(0.0, 2.0 * np.pi)
    return float(jump * (1.0 + 0.12 * np.sin(2.0 * np.pi * index / 110.0 + phase)))


def _noise_key(seed: int, index: int, stream: int) -> int:
    return int(np.random.SeedSequence([seed, 6, index, stream]).generate_state(1)[0])


def _selected(num_frames: int, seed: int, frames: slice | None) -> list[int]:
    if not 1 <= num_frames <= MAX_NUM_FRAMES:
        raise SourceError(f"synthetic: num_frames: got {num_frames}, expected 1 to {MAX_NUM_FRAMES}")
    if seed < 0:
        raise SourceError(f"synthetic: seed: got {seed}, expected a non-negative integer")
    if frames is not None and frames.step is not None and frames.step < 1:
        raise SourceError(f"synthetic: frames: got a step of {frames.step}, expected at least 1")
    return select(range(num_frames), frames, "synthetic")
