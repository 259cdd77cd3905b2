"""Frames of one's own: folders, videos, cameras and recordings, of one camera, two, or one with depth."""

from pathlib import Path

from vo_frontend.errors import CameraError, ConfigError
from vo_frontend.run_config import FRAME_SOURCES, CameraConfig, RunConfig
from vo_frontend.sensors.calibration import Camera, parse_camera
from vo_frontend.sensors.camera_files.values import rigid_transform
from vo_frontend.sensors.rectification import RectifiedPair, rectify
from vo_frontend.sensors.rig import MountedCamera, MountedImu
from vo_frontend.sensors.undistortion import Undistorter
from vo_frontend.sources.base import FrameSource
from vo_frontend.types import Sensor

SIZE = tuple[int, int]
# What gives a right image or a depth, and the source that it belongs to.
PARTNERS = {
    "images_right": "images",
    "depth": "images",
    "video_right": "video",
    "side_by_side": "video",
    "webcam_right": "webcam",
    "topic_right": "bag",
    "topic_depth": "bag",
}
DEPTH_PARTNERS = ("depth", "topic_depth")
# What a user may add to have a sensor, by the source.
_HOW = {
    ("images", Sensor.STEREO): "--images-right DIR",
    ("images", Sensor.RGBD): "--depth DIR",
    ("video", Sensor.STEREO): "--video-right FILE or --side-by-side",
    ("webcam", Sensor.STEREO): "--webcam-right DEVICE",
    ("bag", Sensor.STEREO): "--topic-right TOPIC",
    ("bag", Sensor.RGBD): "--topic-depth TOPIC",
}


def own_source(run: RunConfig) -> str | None:
    """Name the field that says where own frames come from; None for a named sequence."""
    names = (name for name in FRAME_SOURCES if name != "sequence" and getattr(run, name) is not None)
    return next(names, None)


def sensor_of(run: RunConfig) -> Sensor | None:
    """Say which sensor the frames make by what stands beside them; None where nothing does."""
    given = [name for name in PARTNERS if getattr(run, name)]
    if not given:
        return None
    return Sensor.RGBD if given[0] in DEPTH_PARTNERS else Sensor.STEREO


def check_partners(run: RunConfig) -> None:
    """Refuse a right image or depth without its source, two of them, and a sensor that nothing gives.

    Raises:
        ConfigError: as said.
    """
    source, sensor = own_source(run), Sensor(run.sensor)
    given = [name for name in PARTNERS if getattr(run, name)]
    for name in given:
        if PARTNERS[name] != source:
            raise ConfigError(f"--{_option(name)}: does not apply here, it stands beside --{PARTNERS[name]}")
    for option, topic in (("--topic", run.topic), ("--topic-imu", run.topic_imu)):
        if topic is not None and run.bag is None:
            raise ConfigError(f"{option} {topic}: does not apply here, it stands beside --bag")
    if run.imu and source is not None:
        raise ConfigError("--imu: does not apply here, it is for --seq; in --bag name it with --topic-imu")
    if len(given) > 1:
        raise ConfigError(f"--{' and --'.join(map(_option, given))}: expected one of them")
    if run.fps is not None and run.images is None:
        raise ConfigError(f"--fps {run.fps:g}: does not apply here, only --images have no times of their own")
    if source is None and run.resize is not None:
        raise ConfigError(f"--resize {run.resize}: does not apply here, it is for frames of your own")
    if run.refine_focal and (source in (None, "webcam") or sensor is not Sensor.MONO):
        raise ConfigError(
            "--refine-focal: does not apply here, it needs recorded frames of one camera of your own "
            "(--images, --video or --bag)"
        )
    if source is not None and sensor is not (sensor_of(run) or Sensor.MONO):
        how = _HOW.get((source, sensor))
        found = (
            f"--{_option(given[0])} makes it {known.value}"
            if (known := sensor_of(run))
            else ("these frames come from one camera, without depth")
        )
        raise ConfigError(
            f"--sensor {sensor.value}: does not apply here, {found}"
            + (f"; add {how}" if how else "; use --seq or the built-in street" if not known else "")
        )


def _option(name: str) -> str:
    return name.replace("_", "-")


def image_size_of(run: RunConfig) -> SIZE:
    """Look at the own frames and return width and height in px of one image, before any resizing.

    Raises:
        SourceError: they cannot be opened.
    """
    if run.images is not None:
        from vo_frontend.sources.image_files import list_images
        from vo_frontend.sources.recorded import probe_size

        return probe_size(list_images(Path(run.images)))[0]
    if run.video is not None:
        from vo_frontend.sources.video_file import VideoFile

        width, height = VideoFile(Path(run.video)).size_px
        return (width // 2, height) if run.side_by_side else (width, height)
    if run.bag is not None:
        from vo_frontend.sources.ros_bag import RosBag

        bag = RosBag(Path(run.bag))
        return bag.size_of(bag.image_topic(run.topic))
    from vo_frontend.sources.live_camera import size_of_device

    return size_of_device(str(run.webcam))


def open_own_frames(run: RunConfig, frames: slice | None) -> FrameSource:
    """Open the frames that a configuration names.

    Raises:
        VoError: they cannot be opened, or the options do not fit them.
    """
    check_partners(run)
    left = calibration_of(run)
    size_px = None if run.resize is None else parse_resize(run.resize, (left.width, left.height))
    pair = _rectified_pair(run, left, size_px) if Sensor(run.sensor) is Sensor.STEREO else None
    undistort = Undistorter(left, size_px=size_px) if pair is None else pair.left
    if run.images is not None:
        return _open_images(run, undistort, pair, frames)
    if run.video is not None:
        from vo_frontend.sources.video import StereoVideoSource, VideoSource

        if pair is None:
            return VideoSource(Path(run.video), undistort, frames=frames)
        right = None if run.video_right is None else Path(run.video_right)
        return StereoVideoSource(Path(run.video), right, pair, frames=frames)
    if run.bag is not None:
        return _open_bag(run, undistort, pair, frames)
    from vo_frontend.sources.webcam import WebcamPairSource, WebcamSource

    if run.frames:
        raise ConfigError(
            f"--frames {run.frames}: does not apply here, a camera has no positions to choose from"
        )
    if pair is None:
        return WebcamSource(str(run.webcam), undistort)
    return WebcamPairSource(str(run.webcam), str(run.webcam_right), pair)


def _open_images(
    run: RunConfig, undistort: Undistorter, pair: RectifiedPair | None, frames: slice | None
) -> FrameSource:
    from vo_frontend.sources.image_folder import DepthFolder, RightFolder, open_image_folder
    from vo_frontend.sources.recorded import DepthFormat

    partner: RightFolder | DepthFolder | None = None
    if pair is not None:
        partner = RightFolder(Path(str(run.images_right)), pair)
    elif run.depth is not None:
        partner = DepthFolder(Path(run.depth), DepthFormat(run.depth_scale))
    return open_image_folder(Path(str(run.images)), undistort, partner=partner, fps=run.fps, frames=frames)


def _open_bag(
    run: RunConfig, undistort: Undistorter, pair: RectifiedPair | None, frames: slice | None
) -> FrameSource:
    from vo_frontend.sources.bag_source import BagSource, DepthTopic, ImuTopic, RightTopic
    from vo_frontend.sources.ros_bag import RosBag

    bag = RosBag(Path(str(run.bag)))
    partner: RightTopic | DepthTopic | None = None
    if pair is not None:
        partner = RightTopic(bag.image_topic(run.topic_right, "--topic-right"), pair)
    elif run.topic_depth is not None:
        partner = DepthTopic(bag.image_topic(run.topic_depth, "--topic-depth"), run.depth_scale)
    imu = None if run.topic_imu is None else ImuTopic(bag.imu_topic(run.topic_imu), _mounted_imu(run))
    return BagSource(bag, bag.image_topic(run.topic), undistort, partner=partner, imu=imu, frames=frames)


def _mounted_imu(run: RunConfig) -> MountedImu:
    if run.T_cam_imu is None:
        raise CameraError(
            f"--topic-imu {run.topic_imu}: nothing says how the IMU is turned against the camera; expected "
            "T_cam_imu (4x4, from IMU to camera) in the file of --camera, as in Kalibr's camchain-imucam.yaml"
        )
    T_cam_imu = rigid_transform(list(run.T_cam_imu), "run.T_cam_imu")
    return MountedImu(T_cam_imu, run.timeshift_cam_imu_s)


def parse_resize(text: str, size_px: SIZE) -> SIZE:
    """Return the size that ``--resize`` asks for: WIDTHxHEIGHT in px, or a factor of the calibrated size.

    Raises:
        ConfigError: neither, or an enlargement.
    """
    try:
        if "x" in text:
            width, height = (int(part) for part in text.split("x"))
        else:
            width, height = (round(float(text) * side) for side in size_px)
    except (ValueError, OverflowError):
        width = height = 0
    if not (0 < width <= size_px[0] and 0 < height <= size_px[1]):
        raise ConfigError(
            f"--resize {text}: expected WIDTHxHEIGHT in px of at most {size_px[0]}x{size_px[1]}, "
            "or a factor above 0 and at most 1"
        )
    return width, height


def calibration_of(run: RunConfig) -> Camera:
    """Return the calibration of the left or only camera.

    Raises:
        CameraError: there is none, or it is impossible; the message says how to get one.
    """
    if run.camera is None:
        source = own_source(run)
        how = f"--webcam {run.webcam}" if run.webcam else f"--{source} ..."
        raise CameraError(
            f"--{source} needs the camera's calibration: add --camera cam.yaml. To make that file, print a "
            f"board and show it: vo-frontend calibrate {how} --board chessboard:9x6:0.025; for a first look "
            "--camera guess:70 takes 70 degrees across the image"
        )
    return _camera(run.camera, "run.camera")


def _camera(config: CameraConfig, where: str) -> Camera:
    fields = {name: getattr(config, name) for name in CameraConfig.__dataclass_fields__}
    lists = {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}
    if config.distortion_model == "none":
        del lists["distortion_model"]
    return parse_camera(lists, where)


def _rectified_pair(run: RunConfig, left: Camera, size_px: SIZE | None) -> RectifiedPair:
    if run.camera_right is None or run.T_left_right is None:
        raise CameraError(
            "stereo needs the calibration of both cameras: a Kalibr camchain or KITTI's calib.txt with "
            "--camera, or --camera-right beside it; vo-frontend calibrate --images L --images-right R makes "
            "a camchain"
        )
    right = MountedCamera(
        _camera(run.camera_right, "run.camera_right"),
        rigid_transform(list(run.T_left_right), "run.T_left_right"),
    )
    return rectify(MountedCamera(left), right, "stereo calibration", size_px)
