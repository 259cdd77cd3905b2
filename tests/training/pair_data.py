"""Data of every kind, written from the built-in street in the layout that a source reads."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray

from vo_frontend.formats.seconds import format_seconds
from vo_frontend.formats.trajectories import tum_row
from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.sensors.calibration import Camera
from vo_frontend.simulation.street import ground_truth
from vo_frontend.simulation.street.renderer import load_street
from vo_frontend.training.data.array_scenes import ArrayScene
from vo_frontend.training.data.disk_scenes import read_disk_dataset
from vo_frontend.training.data.homography_pairs import HomographyPairs, find_images
from vo_frontend.training.data.megadepth import MegadepthPairs
from vo_frontend.training.data.painted_pairs import PaintedPairs
from vo_frontend.training.data.pairs import MixedPairs, PairSource
from vo_frontend.training.data.ranges import PhotometricRanges
from vo_frontend.training.data.rendered_pairs import RenderedPairs
from vo_frontend.training.data.rgbd_pairs import RgbdPairs

CAMERA = PinholeCamera(150.0, 150.0, 95.5, 71.5, 192, 144)
CROP_PX = 96
STREET_SEED = 0
NUM_FRAMES = 6
DEPTH_UNITS_PER_M = 5000.0  # of TUM; 16 bit reach 13 m


def street_frames(
    camera: PinholeCamera = CAMERA,
) -> list[tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float64]]]:
    """Image, depth and T_world_cam of the first frames of the drive."""
    poses = ground_truth(NUM_FRAMES, STREET_SEED).T_world_cam
    street = load_street(STREET_SEED)
    return [(*street.render(T_world_cam, camera), T_world_cam) for T_world_cam in poses]


def write_png(path: Path, image: NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image[..., ::-1] if image.ndim == 3 else image)


def write_photos(folder: Path) -> Path:
    for number, (image, _, _) in enumerate(street_frames()[::3]):
        write_png(folder / "deep" / "down" / f"{number}.png", image)
    write_png(folder / "grey.png", street_frames()[1][0][..., 1])
    return folder


def write_tum(folder: Path, camera: PinholeCamera = CAMERA) -> Path:
    rgb, depth, truth = "", "", ""
    for number, (image, depth_m, T_world_cam) in enumerate(street_frames(camera)):
        stamp_ns = 10**9 + number * 40_000_000
        stamp = format_seconds(stamp_ns)
        units = np.nan_to_num(depth_m * DEPTH_UNITS_PER_M)
        write_png(folder / f"rgb/{number}.png", image)
        write_png(folder / f"depth/{number}.png", np.where(units < 65535, units, 0).astype(np.uint16))
        rgb += f"{stamp} rgb/{number}.png\n"
        depth += f"{stamp} depth/{number}.png\n"
        truth += tum_row(stamp_ns, T_world_cam)
    for name, text in (("rgb.txt", rgb), ("depth.txt", depth), ("groundtruth.txt", truth)):
        (folder / name).write_text(text)
    return folder


def write_megadepth(folder: Path, **changes: NDArray[Any]) -> Path:
    """Half the depth images as ``.npy``, half as ``.png``; ``changes`` replace arrays of the scene."""
    frames = street_frames()
    folder.mkdir(parents=True, exist_ok=True)
    depth_paths = []
    for number, (image, depth_m, _) in enumerate(frames):
        write_png(folder / f"images/{number}.png", image)
        depth_paths.append(f"depths/{number}.{'npy' if number % 2 else 'png'}")
        (folder / "depths").mkdir(exist_ok=True)
        if number % 2:
            np.save(folder / depth_paths[-1], np.nan_to_num(depth_m))
        else:
            units = np.nan_to_num(1000.0 * depth_m)
            write_png(folder / depth_paths[-1], np.where(units < 65535, units, 0).astype(np.uint16))
    arrays: dict[str, Any] = {
        "image_paths": np.array([f"images/{number}.png" for number in range(len(frames))]),
        "depth_paths": np.array(depth_paths),
        "intrinsics": np.array([CAMERA.K] * len(frames)),
        "poses": np.array([se3.inverse(T_world_cam) for _, _, T_world_cam in frames]),
        "pairs": np.array([[0, 1], [1, 3], [2, 0], [0, 5]]),
        "overlaps": np.array([0.6, 0.5, 0.5, 0.05]),
    }
    np.savez(folder / "scene.npz", **(arrays | changes))
    return folder / "scene.npz"


def write_disk_dataset(folder: Path, scenes: Sequence[str], num_frames: int = 4) -> Path:
    """Scenes as DISK has them, each of frames of its own of one drive. Returns ``dataset.json``."""
    poses = ground_truth(100 * len(scenes), STREET_SEED).T_world_cam
    entries: dict[str, Any] = {}
    for number, scene in enumerate(scenes):
        for frame in range(num_frames):
            T_world_cam = poses[100 * number + 2 * frame]
            image, depth_m = load_street(STREET_SEED).render(T_world_cam, CAMERA)
            T_cam_world = se3.inverse(T_world_cam)
            write_png(folder / scene / "images" / f"{frame}.png", image)
            write_hdf5(folder / scene / "depth" / f"{frame}.h5", depth=np.nan_to_num(depth_m))
            K = CAMERA.K + np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])  # as COLMAP counts pixels
            values = {"K": K, "R": T_cam_world[:3, :3], "T": T_cam_world[:3, 3]}
            write_hdf5(folder / scene / "calibration" / f"calibration_{frame}.h5", **values)
        entries[scene] = {
            "image_path": f"{scene}/images",
            "depth_path": f"{scene}/depth",
            "calib_path": f"{scene}/calibration",
            "images": [f"{frame}.png" for frame in range(num_frames)],
            "tuples": [[frame, frame + 1, frame + 2] for frame in range(num_frames - 2)],
        }
    (folder / "dataset.json").write_text(json.dumps(entries))
    return folder / "dataset.json"


def write_hdf5(path: Path, **arrays: NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array


SOURCES = ("homography", "painted", "rendered", "rgbd", "megadepth", "disk", "mixed")


def open_source(kind: str, folder: Path, photometric: PhotometricRanges | None = None) -> PairSource:
    if kind == "homography":
        return HomographyPairs(find_images(write_photos(folder)), CROP_PX, photometric=photometric)
    if kind == "painted":
        return PaintedPairs(range(10, 16), CROP_PX, photometric=photometric)
    if kind == "rendered":
        return RenderedPairs(CROP_PX, STREET_SEED, photometric=photometric)
    if kind == "rgbd":
        return RgbdPairs(write_tum(folder), Camera.from_pinhole(CAMERA), CROP_PX, 4, photometric=photometric)
    if kind == "megadepth":
        return MegadepthPairs(ArrayScene(write_megadepth(folder)), CROP_PX, photometric=photometric)
    if kind == "disk":
        scenes = read_disk_dataset(write_disk_dataset(folder, ["a"]))
        return MegadepthPairs(scenes[0], CROP_PX, photometric=photometric)
    parts = [open_source(part, folder / part, photometric) for part in ("homography", "rendered")]
    return MixedPairs(parts, [1.0, 2.0])
