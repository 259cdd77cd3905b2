"""Datasets of a few tiny frames of the pattern world, written as the real ones are, and opened."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pattern_world import (
    CAMERA,
    DISTORTED,
    LENS,
    NUM_FRAMES,
    STRAIGHT,
    T_BODY_CAM,
    colored,
    depth_image,
    render,
)

from vo_frontend.errors import CameraError, SourceError
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sources.euroc import open_euroc
from vo_frontend.sources.kitti import open_kitti
from vo_frontend.sources.recorded import RecordedSource
from vo_frontend.sources.seven_scenes import open_seven_scenes
from vo_frontend.sources.tum import open_tum
from vo_frontend.types import Sensor


def write(path: Path, image: NDArray[np.uint8] | NDArray[np.uint16], truncated: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)
    if truncated:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


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


def write_video(path: Path, images: Sequence[NDArray[np.uint8]] | None = None, fps: float = 25.0) -> None:
    """Write images; without any, those of the distorted camera."""
    frames = [colored(render(DISTORTED, i)) for i in range(NUM_FRAMES)] if images is None else images
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (width, height))
    for image in frames:
        writer.write(image)
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
