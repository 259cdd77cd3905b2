"""The section of the configuration that says what is run: frames, sensor, camera, maps."""

from dataclasses import dataclass, field
from typing import Annotated

from vo_frontend.errors import ConfigError
from vo_frontend.ranges import Count, Finite, Metres, OneOf, Range, check_ranges

Rate = Annotated[float, Range(0.001, 100_000)]  # in Hz
Scale = Annotated[float, Range(0, 1e9, excludes_low=True)]
SensorName = Annotated[str, OneOf(("mono", "stereo", "rgbd"))]
FRAME_SOURCES = ("sequence", "images", "video", "webcam", "bag")  # of RunConfig, at most one of them


def require(condition: bool, message: str) -> None:
    """Raise a :class:`ConfigError` with the message unless the condition holds."""
    if not condition:
        raise ConfigError(message)


@dataclass(frozen=True)
class CameraConfig:
    """Describes a calibration, in the names of EuRoC and Kalibr."""

    intrinsics: tuple[Finite, ...]  # fx, fy, cx, cy in px
    resolution: tuple[Count, ...]  # width, height in px
    distortion_model: str = "none"  # radial-tangential or equidistant
    distortion_coefficients: tuple[Finite, ...] = ()

    def __post_init__(self) -> None:
        check_ranges(self, "run.camera")
        require(
            len(self.intrinsics) == 4 and len(self.resolution) == 2,
            f"run.camera: got intrinsics {list(self.intrinsics)} and resolution {list(self.resolution)}, "
            "expected [fx, fy, cx, cy] and [width, height] in px",
        )


@dataclass(frozen=True)
class RunConfig:
    """Says what is run: at most one of ``FRAME_SOURCES``; none is the built-in street.

    The ``config.yaml`` of a run holds all of it, so that ``--config`` alone repeats the run.
    """

    sequence: str | None = None  # e.g. kitti/06
    images: str | None = None  # folder
    video: str | None = None  # file
    webcam: str | None = None  # index, device path or stream URL
    bag: str | None = None  # recording of ROS 1 (.bag), ROS 2 (folder, .db3) or MCAP
    images_right: str | None = None  # of the right camera, beside images
    video_right: str | None = None  # beside video, of the same length and rate
    side_by_side: bool = False  # video shows left and right image in one frame
    webcam_right: str | None = None  # beside webcam
    depth: str | None = None  # folder of 16-bit depth images, beside images
    depth_scale: Annotated[float, Range(0, 1e9, excludes_low=True)] = (
        1000.0  # units of a depth image per metre
    )
    topic: str | None = None  # images in bag
    topic_right: str | None = None  # of the right camera in bag
    topic_depth: str | None = None  # depth images in bag, registered to those of topic
    topic_imu: str | None = None  # of an IMU in bag, whose gyroscope predicts rotations
    imu: bool = False  # the same of a named sequence
    refine_focal: bool = False  # of recorded own frames of one camera, from their first part
    resize: str | None = None  # of own frames, WIDTHxHEIGHT in px or a factor; the calibration follows
    sensor: SensorName = "mono"
    camera: CameraConfig | None = None  # of own frames; of a named sequence: what it had when it was run
    camera_right: CameraConfig | None = None  # of own stereo frames
    T_left_right: tuple[Finite, ...] | None = None  # of the right camera, 16 numbers row by row, m
    T_cam_imu: tuple[Finite, ...] | None = None  # of topic_imu in the left camera, 16 numbers row by row, m
    timeshift_cam_imu_s: Finite = 0.0  # the camera's stamps and this are the IMU's
    baseline_m: Metres | None = None  # of a named stereo sequence when it was run
    frames: str | None = None  # start:stop[:step], positions in the sequence
    fps: Rate | None = None  # of images without time stamps, default 10
    camera_height_m: Finite | None = None  # of one camera on a ground vehicle: makes the result metric
    map: str | None = None  # map file to go on with
    localize_only: bool = False  # place frames in that map, which stays as it is
    save_map: str | None = None  # map file to write at the end
    keep_all_points: bool = False  # in map.ply: those that one frame alone found, and those far outside
    deterministic: bool = False  # extract and track in one thread: the same result, slower
    realtime: bool = False  # recorded frames come at their own pace, and late ones are dropped
    data_root: str | None = None  # where named sequences lie
    weights_dir: str | None = None  # where official weights lie, before the cache and the download
    threads: Count | None = None  # of extraction when it was run: others change the last digits
    versions: dict[str, str] = field(default_factory=dict)  # of what results depend on, when it was run

    def __post_init__(self) -> None:
        check_ranges(self, "run")
        given = [name for name in FRAME_SOURCES if getattr(self, name) is not None]
        require(len(given) <= 1, f"run: got {' and '.join(given)}, expected at most one of them")
        for name in ("T_left_right", "T_cam_imu"):
            pose = getattr(self, name)
            require(pose is None or len(pose) == 16, f"run.{name}: got {pose}, expected 16 numbers")
        require(
            not (self.realtime and self.deterministic),
            "run.realtime: which frames come in time depends on the machine, so the run cannot be "
            "deterministic; leave one of the two out",
        )
        require(
            not self.localize_only or self.map is not None,
            "run.localize_only: needs a map to place frames in; give --map FILE as well",
        )
        require(
            not self.localize_only or self.save_map is None,
            "run.save_map: a map that is only localised in stays as it is; leave one of the two out",
        )
