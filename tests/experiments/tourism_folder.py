"""Write pictures in the layout of the Image Matching Workshop."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray

from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform


def make_scene(root: Path) -> Path:
    folder = root / "street" / "set_100"
    for part in ("images", "calibration", "new-vis-pairs"):
        (folder / part).mkdir(parents=True)
    return folder


def write_view(
    folder: Path, name: str, image: NDArray[np.uint8], camera: PinholeCamera, T_world_cam: Transform
) -> None:
    cv2.imwrite(str(folder / f"images/{name}.jpg"), image[..., ::-1])
    T_cam_world = se3.inverse(T_world_cam)
    with h5py.File(folder / f"calibration/calibration_{name}.h5", "w") as file:
        file["K"], file["R"], file["T"] = camera.K, T_cam_world[:3, :3], T_cam_world[:3, 3]


def write_pairs(folder: Path, pairs: Sequence[str]) -> None:
    np.save(folder / "new-vis-pairs" / "keys-th-0.1.npy", np.array(pairs))
