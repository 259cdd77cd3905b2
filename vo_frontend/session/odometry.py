"""Odometry on frames of one's own: images in, poses out, without files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_frontend.config import Config
from vo_frontend.errors import FrameError
from vo_frontend.features.extractor import FeatureExtractor
from vo_frontend.mapping.landmark_record import LandmarkCloud
from vo_frontend.mapping.trajectory import EstimatedTrajectory
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.undistortion import Undistorter
from vo_frontend.session.camera_height import CameraHeightSink
from vo_frontend.session.load_features import load_features
from vo_frontend.session.odometry_input import (
    check_rig,
    checked_rate,
    checked_sensor,
    checked_timestamp,
    mounted_gyroscope,
)
from vo_frontend.session.opened_input import check_camera_height
from vo_frontend.session.options import configure
from vo_frontend.session.session import Session
from vo_frontend.types import Frame, FrameResult, Image, Sensor


class Odometry:
    """Estimates the motion of a camera from its images, frame by frame.

    The images are raw: the distortion that ``camera`` names is removed here. Stereo pairs must be rectified.
    On a CPU the same images, configuration and number of threads give the same bytes. Set the variable
    ``OPENBLAS_NUM_THREADS=1`` before NumPy is first imported, as the command line does: it is faster.

    Args:
        camera: of the images, or of the left ones; its file does as well.
        sensor: "mono" (scale unknown), "stereo" (needs ``baseline_m``) or "rgbd".
        baseline_m: distance of the right camera along the left camera's x axis, in metres.
        camera_height_m: of one camera on a ground vehicle, above the road: makes the results metric.
        T_cam_imu: (4, 4) from an IMU to the camera, whose readings :meth:`add_gyroscope` takes.
        timeshift_cam_imu_s: what the IMU's clock is ahead of the images', in seconds, as Kalibr finds it.
        features: name of the features, e.g. "aliked-t16", or an extractor of one's own.
        keypoints: budget per image.
        device: "auto", "cpu", "cuda" or "cuda:1".
        seed: of every random draw.
        weights_dir: folder with official weights; else ``VO_WEIGHTS_DIR``, the cache, a download.
        map: map file to go on with: known places are recognised and not mapped again.
        localize_only: place the frames in that map, which stays as it is; elsewhere they are LOST.
        config: a configuration or a YAML file of differences from the defaults.
        settings: ``section.field=value`` assignments.

    Raises:
        VoError: an option is unknown or does not fit the others, or the weights are nowhere to be found.
    """

    def __init__(
        self,
        camera: Camera | str | Path,
        sensor: str | Sensor = Sensor.MONO,
        *,
        baseline_m: float | None = None,
        camera_height_m: float | None = None,
        T_cam_imu: NDArray[np.float64] | None = None,
        timeshift_cam_imu_s: float = 0.0,
        features: str | FeatureExtractor | None = None,
        keypoints: int | None = None,
        device: str | None = None,
        seed: int | None = None,
        weights_dir: str | Path | None = None,
        map: str | Path | None = None,
        localize_only: bool | None = None,
        config: Config | str | Path | None = None,
        settings: tuple[str, ...] = (),
    ) -> None:
        self.sensor = checked_sensor(sensor)
        self.camera = camera if isinstance(camera, Camera) else Camera.from_yaml(camera)
        check_rig(self.sensor, self.camera, baseline_m)
        self.config = configure(
            config,
            settings=settings,
            sensor=self.sensor.value,
            camera_height_m=camera_height_m,
            features=features if isinstance(features, str) else None,
            keypoints=keypoints,
            device=device,
            seed=seed,
            weights_dir=weights_dir,
            map=map,
            localize_only=localize_only,
        )
        if camera_height_m is not None:
            check_camera_height(camera_height_m, self.sensor)
        if features is None or isinstance(features, str):
            features = load_features(self.config)
        self._undistort = Undistorter(self.camera)
        self._session = Session(
            self.config, self._undistort.camera, features, sensor=self.sensor, baseline_m=baseline_m
        )
        self._road = None if camera_height_m is None else CameraHeightSink(camera_height_m)
        self._gyroscope = None if T_cam_imu is None else mounted_gyroscope(T_cam_imu, timeshift_cam_imu_s)
        self._num_frames = 0

    def add_gyroscope(
        self, timestamp_ns: int | np.integer[Any], rate_rad_s: NDArray[np.floating[Any]] | Sequence[float]
    ) -> None:
        """Take a reading of the gyroscope: it predicts how the camera has turned, whatever blurs its images.

        Before an image is processed, add the readings up to its time and the one after it; where they are
        missing, the motion is predicted without them. The zero of the gyroscope is learnt.

        Args:
            timestamp_ns: by the IMU's clock, in time order; a reading from before the last one is left out.
            rate_rad_s: (3,) about the axes of the IMU.

        Raises:
            FrameError: a value is of the wrong kind or shape, or the odometry was not told ``T_cam_imu``.
        """
        if self._gyroscope is None:
            raise FrameError("add_gyroscope: give T_cam_imu (4, 4, from IMU to camera) to Odometry first")
        self._gyroscope.add(checked_timestamp(timestamp_ns), checked_rate(rate_rad_s))

    def process(
        self,
        image: Image | None,
        timestamp_ns: int | np.integer[Any],
        *,
        right: Image | None = None,
        depth_m: NDArray[np.floating[Any]] | None = None,
    ) -> FrameResult:
        """Estimate the pose of one frame.

        Args:
            image: (H, W) grey or (H, W, 3) RGB uint8, of the camera's size; None for a frame that could not
                be decoded, which counts as a bad image.
            timestamp_ns: when it was taken, integer nanoseconds of any clock.
            right: stereo: the right image of a rectified pair, (H, W) or (H, W, 3) uint8.
            depth_m: rgbd: (H, W) depth along the optical axis in metres, registered to the image; 0 or NaN
                where unknown.

        Returns:
            Status and reason; the pose ``T_world_cam`` (4, 4) where it is known; keypoints with the ids of
            the landmarks that they see; the support of the pose; the time of each stage.

        Raises:
            FrameError: a value is of the wrong kind, type or size; nothing has changed.
        """
        stamp_ns = checked_timestamp(timestamp_ns)
        frame = Frame(
            self._num_frames,
            stamp_ns,
            self._checked_image("image", image),
            image_right=self._partner_image(image, right),
            depth_m=self._depth(image, depth_m),
            attitude=None if self._gyroscope is None else self._gyroscope.attitude(stamp_ns),
        )
        result = self._session.process(frame)
        self._num_frames += 1
        if self._road is not None:
            self._road.consume(frame, result)
        return result

    @property
    def trajectory(self) -> EstimatedTrajectory:
        """Every pose found until now, as the map has it now; in metres where the scale is known."""
        return self._session.records.trajectory.trajectory().scaled(self._scales())

    @property
    def map(self) -> LandmarkCloud:
        """Every landmark seen until now, in the worlds of :attr:`trajectory`."""
        return self._session.records.landmarks.cloud().scaled(self._scales())

    def save_map(self, path: str | Path) -> None:
        """Write everything seen until now to a map file, for ``map=`` and ``vo-frontend localize``.

        Lengths in it are metres with stereo and RGB-D, else map units, whatever ``camera_height_m`` says.

        Raises:
            ConfigError: the features have no vocabulary of places, or places are switched off.
            OutputError: the file cannot be written, or nothing is mapped yet; an older one stays as it was.
        """
        self._session.save_map(Path(path))

    def _scales(self) -> dict[int, float]:
        if self._road is None:
            return {}
        return {segment_id: scale.scale_m for segment_id, scale in self._road.scales().items()}

    def _checked_image(self, name: str, image: Image | None) -> Image | None:
        """Return an image without distortion.

        Raises:
            FrameError: it is no image, or not of the camera's size.
        """
        if image is None:
            return None
        camera = self.camera
        expected = f"expected (H, W) grey or (H, W, 3) RGB uint8 of {camera.width}x{camera.height} px"
        if not isinstance(image, np.ndarray):
            raise FrameError(f"{name}: got {type(image).__name__}, {expected} as a NumPy array")
        if image.dtype != np.uint8:
            raise FrameError(f"{name}: got dtype {image.dtype}, {expected}; scale it to 0..255")
        if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
            raise FrameError(f"{name}: got shape {image.shape}, {expected}")
        if image.shape[:2] != (camera.height, camera.width):
            raise FrameError(
                f"{name}: got {image.shape[1]}x{image.shape[0]} px, {expected}, as the calibration says; "
                "scale the intrinsics with the image"
            )
        return np.ascontiguousarray(self._undistort(image))

    def _partner_image(self, image: Image | None, right: Image | None) -> Image | None:
        if self.sensor is not Sensor.STEREO:
            if right is not None:
                raise FrameError(
                    f"right: got an image, but the sensor is '{self.sensor.value}', not 'stereo'"
                )
            return None
        if right is None and image is not None:
            raise FrameError("right: got none, sensor 'stereo' needs a right image with every frame")
        return self._checked_image("right", right)

    def _depth(
        self, image: Image | None, depth_m: NDArray[np.floating[Any]] | None
    ) -> NDArray[np.float32] | None:
        if self.sensor is not Sensor.RGBD:
            if depth_m is not None:
                raise FrameError(f"depth_m: got depths, but the sensor is '{self.sensor.value}', not 'rgbd'")
            return None
        if depth_m is None:
            if image is None:
                return None
            raise FrameError("depth_m: got none, sensor 'rgbd' needs depths with every frame")
        camera = self.camera
        expected = f"expected ({camera.height}, {camera.width}) floats in metres"
        if not isinstance(depth_m, np.ndarray) or not np.issubdtype(depth_m.dtype, np.floating):
            found = depth_m.dtype if isinstance(depth_m, np.ndarray) else type(depth_m).__name__
            raise FrameError(f"depth_m: got {found}, {expected}; divide raw depths by their scale")
        if depth_m.shape != (camera.height, camera.width):
            raise FrameError(f"depth_m: got shape {depth_m.shape}, {expected}")
        undistorted = self._undistort(depth_m.astype(np.float32), nearest=True)
        return np.where(undistorted > 0, undistorted, np.float32(np.nan))
