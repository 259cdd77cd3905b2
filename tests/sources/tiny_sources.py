"""Recorded sources of each kind: functions that write tiny data of the pattern world, and open them."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from pattern_world import (
    DISTORTED,
    NUM_FRAMES,
    T_BODY_CAM,
    colored,
    depth_image,
    rectified_pair,
    render,
)
from tiny_bags import COLOUR, DEPTH, LEFT, RIGHT, write_mono_bag, write_rgbd_bag, write_stereo_bag
from tiny_datasets import (
    open_tiny_euroc,
    open_tiny_kitti,
    open_tiny_seven_scenes,
    open_tiny_tum,
    write,
    write_euroc,
    write_images,
    write_kitti,
    write_seven_scenes,
    write_tum,
    write_video,
)

from vo_frontend.sensors.rectification import rectify
from vo_frontend.sensors.undistortion import Undistorter
from vo_frontend.sources.bag_source import BagSource, DepthTopic, RightTopic
from vo_frontend.sources.base import FrameSource
from vo_frontend.sources.image_folder import DepthFolder, RightFolder, open_image_folder
from vo_frontend.sources.recorded import DepthFormat, RecordedSource
from vo_frontend.sources.ros_bag import RosBag
from vo_frontend.sources.video import StereoVideoSource, VideoSource
from vo_frontend.types import Sensor

Write = Callable[[Path, int | None], None]
Open = Callable[[Path, Sensor, slice | None], RecordedSource]


class Build(Protocol):
    """Writes a tiny dataset and opens it; ``broken`` truncates one image of those made of files."""

    def __call__(
        self, folder: Path, frames: slice | None = None, broken: int | None = None
    ) -> FrameSource: ...


def _layout(write_layout: Write, open_layout: Open, sensor: Sensor) -> Build:
    """Build a dataset in one of the layouts."""

    def build(folder: Path, frames: slice | None = None, broken: int | None = None) -> FrameSource:
        write_layout(folder, broken)
        return open_layout(folder, sensor, frames)

    return build


def _images(folder: Path, frames: slice | None = None, broken: int | None = None) -> FrameSource:
    write_images(folder, broken)
    return open_image_folder(folder, DISTORTED, frames=frames)


def _images_stereo(folder: Path, frames: slice | None = None, broken: int | None = None) -> FrameSource:
    for side, T in zip(("left", "right"), T_BODY_CAM, strict=True):
        for i in range(NUM_FRAMES):
            image = colored(render(DISTORTED, i, T[:3, :3]))
            write(folder / side / f"{side} {i + 4}.png", image, i == broken and side == "left")
    pair = rectified_pair()
    partner = RightFolder(folder / "right", pair)
    return open_image_folder(folder / "left", pair.left, partner=partner, frames=frames, name="pair")


def _images_rgbd(folder: Path, frames: slice | None = None, broken: int | None = None) -> FrameSource:
    write_images(folder / "rgb", broken)
    for i in range(NUM_FRAMES):
        write(folder / "depth" / f"shot {i + 4}.png", depth_image(5000, 0))
    partner = DepthFolder(folder / "depth", DepthFormat(5000.0))
    return open_image_folder(folder / "rgb", DISTORTED, partner=partner, frames=frames)


def _images_resized(folder: Path, frames: slice | None = None, broken: int | None = None) -> FrameSource:
    write_images(folder, broken)
    return open_image_folder(folder, Undistorter(DISTORTED, size_px=(96, 72)), frames=frames)


def _video(folder: Path, frames: slice | None = None, broken: int | None = None) -> FrameSource:
    assert broken is None, "the frames of a video are not files"
    write_video(folder / "drive.avi")
    return VideoSource(folder / "drive.avi", DISTORTED, frames=frames)


def _stereo_video(side_by_side: bool) -> Build:
    def build(folder: Path, frames: slice | None = None, broken: int | None = None) -> FrameSource:
        assert broken is None, "the frames of a video are not files"
        sides = [[colored(render(DISTORTED, i, T[:3, :3])) for i in range(NUM_FRAMES)] for T in T_BODY_CAM]
        pair = rectified_pair()
        if side_by_side:
            both = [np.concatenate(images, axis=1) for images in zip(*sides, strict=True)]
            write_video(folder / "both.avi", both)
            return StereoVideoSource(folder / "both.avi", None, pair, frames=frames)
        write_video(folder / "left.avi", sides[0])
        write_video(folder / "right.avi", sides[1])
        return StereoVideoSource(folder / "left.avi", folder / "right.avi", pair, frames=frames)

    return build


def _bag(kind: str, *, is_stereo: bool = False, compressed: bool = False) -> Build:
    def build(folder: Path, frames: slice | None = None, broken: int | None = None) -> FrameSource:
        if is_stereo:
            recording = RosBag(write_stereo_bag(folder, kind))
            mounted = [recording.camera(topic) for topic in (LEFT, RIGHT)]
            pair = rectify(mounted[0], mounted[1], "rig")
            partner = RightTopic(RIGHT, pair)
            return BagSource(recording, LEFT, pair.left, partner=partner, frames=frames)
        recording = RosBag(write_mono_bag(folder, kind, compressed=compressed))
        topic = recording.image_topic(None)
        return BagSource(recording, topic, Undistorter(recording.camera(topic).calibration), frames=frames)

    return build


def _bag_rgbd(folder: Path, frames: slice | None = None, broken: int | None = None) -> FrameSource:
    recording = RosBag(write_rgbd_bag(folder, "ros1"))
    undistort = Undistorter(recording.camera(COLOUR).calibration)
    return BagSource(recording, COLOUR, undistort, partner=DepthTopic(DEPTH, 1000.0), frames=frames)


FILE_SOURCES: dict[str, Build] = {
    "kitti mono": _layout(write_kitti, open_tiny_kitti, Sensor.MONO),
    "kitti stereo": _layout(functools.partial(write_kitti, is_stereo=True), open_tiny_kitti, Sensor.STEREO),
    "kitti colour": _layout(functools.partial(write_kitti, left=2), open_tiny_kitti, Sensor.MONO),
    "euroc mono": _layout(write_euroc, open_tiny_euroc, Sensor.MONO),
    "euroc stereo": _layout(write_euroc, open_tiny_euroc, Sensor.STEREO),
    "tum mono": _layout(write_tum, open_tiny_tum, Sensor.MONO),
    "tum rgbd": _layout(write_tum, open_tiny_tum, Sensor.RGBD),
    "7scenes mono": _layout(write_seven_scenes, open_tiny_seven_scenes, Sensor.MONO),
    "7scenes rgbd": _layout(write_seven_scenes, open_tiny_seven_scenes, Sensor.RGBD),
    "images": _images,
    "images stereo": _images_stereo,
    "images rgbd": _images_rgbd,
    "images resized": _images_resized,
}
BAG_SOURCES: dict[str, Build] = {
    "bag ros1": _bag("ros1"),
    "bag ros2": _bag("ros2"),
    "bag mcap, compressed": _bag("mcap", compressed=True),
    "bag stereo": _bag("mcap", is_stereo=True),
    "bag rgbd": _bag_rgbd,
}
RECORDED_SOURCES: dict[str, Build] = {
    **FILE_SOURCES,
    "video": _video,
    "two videos": _stereo_video(side_by_side=False),
    "video side by side": _stereo_video(side_by_side=True),
    **BAG_SOURCES,
}
