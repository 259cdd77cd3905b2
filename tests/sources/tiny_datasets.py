"""Datasets of a few tiny frames, written as the real ones are, of a world whose every pixel is known.

The world is a pattern at infinity: brightness depends on the viewing direction in the body frame and
on the frame. Whatever a source does (undistort, rectify, turn), its frames must show that pattern
through its own ``camera`` and ``T_body_cam``.
"""

import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.errors import CameraError, SourceError
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform, from_rotation_translation, so3_exp
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.rectification import rectify
from vo_frontend.sensors.rig import MountedCamera
from vo_frontend.sensors.undistortion import Undistorter
from vo_frontend.sources.base import FrameSource
from vo_frontend.sources.euroc import open_euroc
from vo_frontend.sources.image_folder import DepthFolder, RightFolder, open_image_folder
from vo_frontend.sources.kitti import open_kitti
from vo_frontend.sources.recorded import DepthFormat, RecordedSource
from vo_frontend.sources.seven_scenes import open_seven_scenes
from vo_frontend.sources.tum import open_tum
from vo_frontend.sources.video import StereoVideoSource, VideoSource
from vo_frontend.types import Sensor

NUM_FRAMES = 8
CAMERA = PinholeCamera(100.0, 102.0, 62.5, 47.25, 128, 96)
LENS = (-0.25, 0.06, 0.001, -0.0005)
DISTORTED = Camera.from_pinhole(CAMERA, "radial-tangential", LENS)
STRAIGHT = Camera.from_pinhole(CAMERA)
DEPTH_M = 1.25


def pattern(rays_body: NDArray[np.float64], position: int) -> NDArray[np.float64]:
    """Return the brightness (H, W) of viewing directions (H, W, 3) at one position in the sequence."""
    x, y = rays_body[..., 0] / rays_body[..., 2], rays_body[..., 1] / rays_body[..., 2]
    return np.asarray(128 + 100 * np.sin(9 * x + 0.5 * position) * np.cos(7 * y - 2 * x))


def rays_of(calibration: Camera, R_body_cam: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return viewing directions (H, W, 3) of all pixels, in the body frame, through the lens."""
    camera = calibration.pinhole
    grid = np.stack(np.meshgrid(np.arange(camera.width), np.arange(camera.height)), axis=-1)
    lens = np.array(calibration.distortion or [0.0] * 4)
    flat = cv2.undistortPoints(grid.reshape(-1, 1, 2).astype(np.float64), camera.K, lens).reshape(-1, 2)
    rays_cam = np.concatenate([flat, np.ones((len(flat), 1))], axis=1)
    return np.asarray(rays_cam @ R_body_cam.T).reshape(camera.height, camera.width, 3)


def render(
    calibration: Camera, position: int, R_body_cam: NDArray[np.float64] | None = None
) -> NDArray[np.uint8]:
    """Record what a real camera does: grey (H, W)."""
    R_body_cam = np.eye(3) if R_body_cam is None else R_body_cam
    return _render(calibration, position, tuple(R_body_cam.ravel()))


@functools.cache
def _render(calibration: Camera, position: int, rotation: tuple[float, ...]) -> NDArray[np.uint8]:
    rays = rays_of(calibration, np.array(rotation).reshape(3, 3))
    return np.rint(pattern(rays, position)).astype(np.uint8)


def colored(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Make (H, W, 3) BGR whose channels differ, so that a swap shows; green is the pattern."""
    return np.stack([np.full_like(grey, 20), grey, np.full_like(grey, 230)], axis=-1)


def write(path: Path, image: NDArray[np.uint8] | NDArray[np.uint16], truncated: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
    if truncated:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def depth_image(units_per_m: int, invalid: int) -> NDArray[np.uint16]:
    depth = np.full((CAMERA.height, CAMERA.width), DEPTH_M * units_per_m, dtype=np.uint16)
    depth[40:56, 50:70] = invalid
    return depth


def write_kitti(
    folder: Path, broken: int | None = None, first: int = 5, left: int = 0, is_stereo: bool = False
) -> None:
    for i in range(NUM_FRAMES):
        for camera in (left, left + 1) if is_stereo else (left,):
            grey = render(STRAIGHT, i)
            image = colored(grey) if left == 2 else grey
            write(folder / f"image_{camera}" / f"{first + i:06d}.png", image, i == broken and camera == left)
    c = CAMERA
    lines = [f"P{i}: {c.fx} 0 {c.cx} {-0.5 * i * c.fx} 0 {c.fy} {c.cy} 0 0 0 1 0" for i in range(4)]
    (folder / "calib.txt").write_text("\n".join([*lines, "Tr: " + "0 " * 12]))
    (folder / "times.txt").write_text(
        "\n".join(f"{0.1 * i + 0.003:e}" for i in range(first + NUM_FRAMES + 3))
    )


EUROC_STAMPS_NS = [1403715274312143104 + 50_000_000 * i for i in range(NUM_FRAMES)]
T_BODY_CAM: list[Transform] = [
    from_rotation_translation(so3_exp(np.array([0.02, -0.03, 0.05])), np.array([0.0, 0.0, 0.01])),
    from_rotation_translation(so3_exp(np.array([-0.01, 0.02, 0.03])), np.array([0.11, 0.004, 0.012])),
]


def write_euroc(folder: Path, broken: int | None = None, is_stereo: bool = True) -> None:
    for k in range(2 if is_stereo else 1):
        camera = folder / "mav0" / f"cam{k}"
        for i, stamp in enumerate(EUROC_STAMPS_NS):
            image = render(DISTORTED, i, T_BODY_CAM[k][:3, :3])
            write(camera / "data" / f"{stamp}.png", image, i == broken and k == 0)
        rows = "".join(f"{stamp},{stamp}.png\r\n" for stamp in EUROC_STAMPS_NS)
        (camera / "data.csv").write_text("#timestamp [ns],filename\r\n" + rows)
        (camera / "sensor.yaml").write_text(
            "%YAML:1.0\nsensor_type: camera\n"
            f"T_BS: {{cols: 4, rows: 4, data: {T_BODY_CAM[k].ravel().tolist()}}}\n"
            f"resolution: [{CAMERA.width}, {CAMERA.height}]\n"
            f"intrinsics: [{CAMERA.fx}, {CAMERA.fy}, {CAMERA.cx}, {CAMERA.cy}]\n"
            f"distortion_model: radial-tangential\ndistortion_coefficients: {list(LENS)}\n"
        )


def write_tum(folder: Path, broken: int | None = None, has_depth: bool = True) -> None:
    rgb, depth = ["# color images"], ["# depth maps"]
    for i in range(NUM_FRAMES):
        stamp = f"{1305031229.528748 + i / 30:.6f}"
        write(folder / "rgb" / f"{stamp}.png", colored(render(DISTORTED, i)), i == broken)
        rgb.append(f"{stamp} rgb/{stamp}.png")
        if has_depth:
            late = f"{1305031229.538748 + i / 30:.6f}"
            write(folder / "depth" / f"{late}.png", depth_image(5000, 0))
            depth.append(f"{late} depth/{late}.png")
    (folder / "rgb.txt").write_text("\n".join(rgb))
    if has_depth:
        (folder / "depth.txt").write_text("\n".join(depth))


def write_seven_scenes(folder: Path, broken: int | None = None, has_depth: bool = True) -> None:
    for i in range(NUM_FRAMES):
        write(folder / f"frame-{i + 3:06d}.color.png", colored(render(STRAIGHT, i)), i == broken)
        (folder / f"frame-{i + 3:06d}.pose.txt").write_text("1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\n")
        if has_depth:
            write(folder / f"frame-{i + 3:06d}.depth.png", depth_image(1000, 65535))
    np.savetxt(folder / "camera-intrinsics.txt", CAMERA.K)


def write_images(folder: Path, broken: int | None = None, suffix: str = ".jpg") -> None:
    for i in range(NUM_FRAMES):
        # 7 sorts after 10 as text: natural order is needed.
        write(folder / f"shot {i + 4}{suffix}", colored(render(DISTORTED, i)), i == broken)


def write_video(path: Path, fps: float = 25.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    size = (CAMERA.width, CAMERA.height)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, size)
    for i in range(NUM_FRAMES):
        writer.write(colored(render(DISTORTED, i)))
    writer.release()


def open_tiny_kitti(
    folder: Path, sensor: Sensor = Sensor.MONO, frames: slice | None = None
) -> RecordedSource:
    return open_kitti(folder, name="kitti/00", sensor=sensor, frames=frames)


def open_tiny_euroc(
    folder: Path, sensor: Sensor = Sensor.MONO, frames: slice | None = None
) -> RecordedSource:
    return open_euroc(folder, name="euroc/V1", sensor=sensor, frames=frames)


def open_tiny_tum(folder: Path, sensor: Sensor = Sensor.MONO, frames: slice | None = None) -> RecordedSource:
    return open_tum(folder, DISTORTED, name="tum/fr1", sensor=sensor, frames=frames)


def open_tiny_seven_scenes(
    folder: Path,
    sensor: Sensor = Sensor.MONO,
    frames: slice | None = None,
    calibration: Camera | None = None,
) -> RecordedSource:
    return open_seven_scenes(folder, calibration, name="7scenes/chess", sensor=sensor, frames=frames)


def damage(folder: Path, change: str) -> None:
    """Delete a part of a dataset ("-path"), empty a folder of it ("0path"), or write one ("path=content")."""
    if change[0] not in "-0":
        name, content = change.split("=", 1)
        (folder / name).write_text(content)
        return
    path = folder / change[1:]
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    if change[0] == "0":
        path.mkdir()


def assert_is_told(open_source: Callable[[], object], folder: Path, message: str) -> None:
    """Fail unless opening raises one line that matches the message and names a place in the folder."""
    with pytest.raises((SourceError, CameraError), match=message) as caught:
        open_source()
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


class Build(Protocol):
    """Writes a tiny dataset and opens it; ``broken`` truncates one image of those made of files."""

    def __call__(
        self, folder: Path, frames: slice | None = None, broken: int | None = None
    ) -> FrameSource: ...


def _kitti(sensor: Sensor, left: int = 0) -> Build:
    def build(folder: Path, frames: slice | None = None, broken: int | None = None) -> FrameSource:
        write_kitti(folder, broken, left=left, is_stereo=sensor is Sensor.STEREO)
        return open_tiny_kitti(folder, sensor, frames)

    return build


def _euroc(sensor: Sensor) -> Build:
    def build(folder: Path, frames: slice | None = None, broken: int | None = None) -> FrameSource:
        write_euroc(folder, broken)
        return open_tiny_euroc(folder, sensor, frames)

    return build


def _tum(sensor: Sensor) -> Build:
    def build(folder: Path, frames: slice | None = None, broken: int | None = None) -> FrameSource:
        write_tum(folder, broken)
        return open_tiny_tum(folder, sensor, frames)

    return build


def _seven_scenes(sensor: Sensor) -> Build:
    def build(folder: Path, frames: slice | None = None, broken: int | None = None) -> FrameSource:
        write_seven_scenes(folder, broken)
        return open_tiny_seven_scenes(folder, sensor, frames)

    return build


def _images(folder: Path, frames: slice | None = None, broken: int | None = None) -> FrameSource:
    write_images(folder, broken)
    return open_image_folder(folder, DISTORTED, frames=frames)


def write_right_images(folder: Path) -> None:
    for i in range(NUM_FRAMES):
        write(folder / f"right {i + 4}.png", colored(render(DISTORTED, i, T_BODY_CAM[1][:3, :3])))


def _images_stereo(folder: Path, frames: slice | None = None, broken: int | None = None) -> FrameSource:
    for i in range(NUM_FRAMES):
        image = colored(render(DISTORTED, i, T_BODY_CAM[0][:3, :3]))
        write(folder / "l" / f"left {i + 4}.png", image, i == broken)
    write_right_images(folder / "r")
    pair = rectify(MountedCamera(DISTORTED, T_BODY_CAM[0]), MountedCamera(DISTORTED, T_BODY_CAM[1]), "rig")
    return open_image_folder(
        folder / "l", pair.left, partner=RightFolder(folder / "r", pair), frames=frames, name="pair"
    )


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


def write_video_of(path: Path, images: list[NDArray[np.uint8]], fps: float = 25.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = images[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (width, height))
    for image in images:
        writer.write(image)
    writer.release()


def _stereo_video(side_by_side: bool) -> Build:
    def build(folder: Path, frames: slice | None = None, broken: int | None = None) -> FrameSource:
        assert broken is None, "the frames of a video are not files"
        sides = [[colored(render(DISTORTED, i, T[:3, :3])) for i in range(NUM_FRAMES)] for T in T_BODY_CAM]
        pair = rectify(
            MountedCamera(DISTORTED, T_BODY_CAM[0]), MountedCamera(DISTORTED, T_BODY_CAM[1]), "rig"
        )
        if side_by_side:
            both = [np.concatenate(images, axis=1) for images in zip(*sides, strict=True)]
            write_video_of(folder / "both.avi", both)
            return StereoVideoSource(folder / "both.avi", None, pair, frames=frames)
        write_video_of(folder / "left.avi", sides[0])
        write_video_of(folder / "right.avi", sides[1])
        return StereoVideoSource(folder / "left.avi", folder / "right.avi", pair, frames=frames)

    return build


FILE_SOURCES: dict[str, Build] = {
    "kitti mono": _kitti(Sensor.MONO),
    "kitti stereo": _kitti(Sensor.STEREO),
    "kitti colour": _kitti(Sensor.MONO, left=2),
    "euroc mono": _euroc(Sensor.MONO),
    "euroc stereo": _euroc(Sensor.STEREO),
    "tum mono": _tum(Sensor.MONO),
    "tum rgbd": _tum(Sensor.RGBD),
    "7scenes mono": _seven_scenes(Sensor.MONO),
    "7scenes rgbd": _seven_scenes(Sensor.RGBD),
    "images": _images,
    "images stereo": _images_stereo,
    "images rgbd": _images_rgbd,
    "images resized": _images_resized,
}
OTHER_RECORDED_SOURCES: dict[str, Build] = {
    **FILE_SOURCES,
    "video": _video,
    "two videos": _stereo_video(side_by_side=False),
    "video side by side": _stereo_video(side_by_side=True),
}
