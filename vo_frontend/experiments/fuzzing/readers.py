"""Every reader of files that come from outside, with good files to damage."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import yaml

from vo_frontend.atlas.sealed_file import read_sealed, write_sealed
from vo_frontend.config import Config
from vo_frontend.config_files import load_config, to_mapping
from vo_frontend.features.networks.places.state import read_state
from vo_frontend.formats.trajectories import euroc_row, kitti_row, read_poses, read_times, tum_row
from vo_frontend.places.vocabulary import Vocabulary
from vo_frontend.sensors.calibration import Camera
from vo_frontend.sensors.camera_files import FORMATS, format_camera_file, read_camera_file
from vo_frontend.sensors.rig import CameraRig, MountedCamera, MountedImu
from vo_frontend.sources.euroc import open_euroc
from vo_frontend.sources.image_files import read_depth_units, read_focal_35mm, read_image
from vo_frontend.sources.kitti import open_kitti
from vo_frontend.sources.query_list import read_queries
from vo_frontend.sources.tum import open_tum

CAMERA = Camera(100.0, 100.0, 40.0, 35.0, 80, 70, "radial-tangential", (0.1, 0.01, 0.0, 0.0))
STRAIGHT = Camera(100.0, 100.0, 40.0, 35.0, 80, 70)
NUM_FRAMES = 3
_SEALED = "about"


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads one kind of file."""

    name: str
    file: str  # where the damaged file lies in the folder that ``read`` gets
    seeds: tuple[bytes, ...]  # good files
    read: Callable[[Path], object]  # gets the folder
    beside: tuple[tuple[str, bytes], ...] = ()  # good files around it


def readers(folder: Path) -> list[Reader]:
    """List all readers; ``folder`` is for files that are made on the way."""
    picture = np.random.default_rng(0).integers(0, 256, (70, 80, 3), dtype=np.uint8)
    images = tuple(
        cv2.imencode(kind, picture)[1].tobytes() for kind in (".png", ".jpg", ".bmp", ".tif", ".webp", ".ppm")
    )
    depth = cv2.imencode(".png", picture[..., 0].astype(np.uint16) * 40)[1].tobytes()
    return [
        Reader("image", "image", images, lambda at: read_image(at / "image")),
        Reader("photograph", "image", images, lambda at: read_focal_35mm(at / "image")),
        Reader("depth", "depth.png", (depth,), lambda at: read_depth_units(at / "depth.png")),
        Reader("camera", "cam.yaml", _cameras(), lambda at: read_camera_file(at / "cam.yaml", _size)),
        Reader("config", "config.yaml", (_config(),), lambda at: load_config(at / "config.yaml")),
        Reader("trajectory", "poses.txt", _trajectories(), lambda at: read_poses(at / "poses.txt")),
        Reader("times", "times.txt", (b"0.0\n0.1\n0.2\n",), lambda at: read_times(at / "times.txt")),
        Reader("queries", "list.txt", (_queries(),), lambda at: read_queries(at / "list.txt")),
        Reader("map", "map", (_sealed(folder),), lambda at: read_sealed(at / "map", _SEALED)),
        Reader("vocabulary", "a.npz", (_vocabulary(folder),), lambda at: Vocabulary.load(at / "a.npz")),
        Reader("weights", "net.pth", (_weights(),), lambda at: read_state(at / "net.pth")),
        *_sequences(images[0]),
    ]


def _size() -> tuple[int, int]:
    return 80, 70


def _cameras() -> tuple[bytes, ...]:
    left = MountedCamera(CAMERA)
    T = np.eye(4)
    T[0, 3] = 0.1
    rigs = (
        CameraRig(left, imu=MountedImu(T)),
        CameraRig(left, MountedCamera(CAMERA, T)),
        CameraRig(MountedCamera(STRAIGHT)),
    )
    texts = []
    for name, (_, num_cameras) in FORMATS.items():
        for rig in rigs:
            is_straight_only = name in ("kitti", "colmap")
            if (rig.right is None or num_cameras == 2) and (not is_straight_only or rig is rigs[2]):
                texts.append(format_camera_file(rig, name).encode())
    return tuple(texts)


def _config() -> bytes:
    return yaml.safe_dump(to_mapping(Config()), sort_keys=False).encode()


def _trajectories() -> tuple[bytes, ...]:
    tum, kitti, euroc = "# segment 0\n", "", "#timestamp\n"
    for index in range(NUM_FRAMES):
        T = np.eye(4)
        T[2, 3] = index
        tum, kitti = tum + tum_row(index * 10**8, T), kitti + kitti_row(T)
        euroc += euroc_row(index * 10**8, T)
    return tum.encode(), kitti.encode(), euroc.encode()


def _queries() -> bytes:
    return b"a/1.jpg SIMPLE_RADIAL 80 70 100.0 40.0 35.0 0.01\nb.jpg PINHOLE 80 70 100 100 40 35\n"


def _sealed(folder: Path) -> bytes:
    path = folder / "good.map"
    write_sealed(path, {_SEALED: np.array(1, "<i8"), "points": np.zeros((20, 3))})
    return path.read_bytes()


def _vocabulary(folder: Path) -> bytes:
    path = folder / "good.npz"
    rng = np.random.default_rng(0)
    shapes = ((2, 4), (8, 4), (8,), (8,), (3, 8))
    Vocabulary(*(rng.normal(size=shape).astype(np.float32) for shape in shapes)).save(path)
    return path.read_bytes()


def _weights() -> bytes:
    file = io.BytesIO()
    torch.save({"weight": torch.zeros(3, 3), "bias": torch.zeros(3)}, file)
    return file.getvalue()


def _sequences(image: bytes) -> list[Reader]:
    numbered = [f"{index:06d}.png" for index in range(NUM_FRAMES)]
    P = b" ".join(b"%g" % x for x in (100, 0, 40, 0, 0, 100, 35, 0, 0, 0, 1, 0))
    calib = b"P0: " + P + b"\nP1: " + P.replace(b"40 0 ", b"40 -10 ") + b"\n"
    times = b"".join(b"%.1f\n" % (0.1 * index) for index in range(NUM_FRAMES))
    kitti = (("calib.txt", calib), ("times.txt", times), *((f"image_0/{name}", image) for name in numbered))
    listing = b"".join(b"%d,%06d.png\n" % (index * 10**8, index) for index in range(NUM_FRAMES))
    sensor = format_camera_file(CameraRig(MountedCamera(CAMERA)), "euroc").encode()
    frames = tuple((f"mav0/cam0/data/{name}", image) for name in numbered)
    readings = b"".join(b"%d,0.1,-0.2,0.3,0,0,9.8\n" % (index * 10**7) for index in range(10 * NUM_FRAMES))
    imu = (("mav0/imu0/data.csv", readings), ("mav0/imu0/sensor.yaml", sensor))
    euroc = (("mav0/cam0/data.csv", listing), ("mav0/cam0/sensor.yaml", sensor), *imu, *frames)
    rgb = b"".join(b"%.1f %06d.png\n" % (0.1 * index, index) for index in range(NUM_FRAMES))
    tum = (("rgb.txt", rgb), *((name, image) for name in numbered))

    def reader(files: tuple[tuple[str, bytes], ...], position: int, read: Callable[[Path], object]) -> Reader:
        file, seed = files[position]
        return Reader(file.rpartition("/")[2], file, (seed,), read, files[:position] + files[position + 1 :])

    return [
        *(reader(kitti, i, lambda at: list(open_kitti(at, name="kitti/00"))) for i in (0, 1)),
        *(reader(euroc, i, lambda at: list(open_euroc(at, name="euroc/x"))) for i in (0, 1)),
        *(reader(euroc, i, lambda at: list(open_euroc(at, name="euroc/x", has_imu=True))) for i in (2, 3)),
        reader(tum, 0, lambda at: list(open_tum(at, CAMERA, name="tum/x"))),
    ]
