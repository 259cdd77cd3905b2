"""Write views of the built-in street in the layout of the Image Matching Workshop 2020, with exact poses.

    python tools/export_phototourism.py OUT --views 60
    python -m vo_frontend.cli.evaluate_features --features orb --keypoints 2048 --phototourism OUT --multiview

Views stand along the first metres of the street, turned and shifted at random, by cameras of different focal
lengths and exposures. Pairs are those that see a tenth of each other's picture, by the depth; there are no
bags, so that they are drawn. The same arguments write the same files.
"""

import argparse
import sys
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import cv2
import h5py
import numpy as np
from numpy.typing import NDArray

from vo_frontend.cli.options import positive
from vo_frontend.geometry import se3
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.geometry.se3 import Transform
from vo_frontend.simulation.street import ground_truth
from vo_frontend.simulation.street.renderer import load_street

NUM_FRAMES = 120  # of the street, whose places the views start from
MAX_SHIFT_M = np.array([1.5, 0.4, 0.5])
MAX_TURN_RAD = np.deg2rad([5.0, 25.0, 10.0])
FOCAL_LENGTHS = (0.7, 1.1)  # widths of the image
EXPOSURES = (0.6, 1.3)
MIN_SHARE = 0.1  # of the pixels of either view
MAX_DEPTH_ERROR = 0.05  # share of the depth; beyond it something else is seen
STEP_PX = 8  # between pixels that are looked up


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A picture with all that is known of it."""

    image: NDArray[np.uint8]  # (H, W, 3) RGB
    depth_m: NDArray[np.float32]  # (H, W)
    camera: PinholeCamera
    T_world_cam: Transform


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and write the scene."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("out", type=Path, help="folder to write below")
    parser.add_argument("--views", type=positive, default=60, help="how many (default: 60)")
    parser.add_argument("--seed", type=int, default=0, help="of street and views (default: 0)")
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("W", "H"), help="px")
    args = parser.parse_args(argv)
    folder = args.out / "street" / f"set_{args.views}"
    try:
        for part in ("images", "calibration", "new-vis-pairs"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(args.seed)
        views = [_view(rng, args.seed, *args.size) for _ in range(args.views)]
        for number, view in enumerate(views):
            _write(folder, _name(number), view)
        pairs = [
            f"{_name(first)}-{_name(second)}"
            for first, second in combinations(range(len(views)), 2)
            if min(_share(views[first], views[second]), _share(views[second], views[first])) >= MIN_SHARE
        ]
        np.save(folder / "new-vis-pairs" / "keys-th-0.1.npy", np.array(pairs))
    except OSError as error:
        print(f"export_phototourism: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    print(f"{folder}: {len(views)} views, {len(pairs)} pairs")
    return 0


def _view(rng: np.random.Generator, seed: int, width: int, height: int) -> View:
    focal_px = float(rng.uniform(*FOCAL_LENGTHS) * width)
    camera = PinholeCamera(focal_px, focal_px, 0.5 * (width - 1), 0.5 * (height - 1), width, height)
    place = ground_truth(NUM_FRAMES, seed=seed).T_world_cam[rng.integers(NUM_FRAMES)]
    turn = np.asarray(cv2.Rodrigues(rng.uniform(-MAX_TURN_RAD, MAX_TURN_RAD))[0], np.float64)
    T_world_cam = place @ se3.from_rotation_translation(turn, rng.uniform(-MAX_SHIFT_M, MAX_SHIFT_M))
    image, depth_m = load_street(seed).render(T_world_cam, camera)
    exposed = np.clip(image * rng.uniform(*EXPOSURES), 0, 255).astype(np.uint8)
    return View(exposed, depth_m, camera, T_world_cam)


def _share(view: View, other: View) -> float:
    """Return the share of the pixels of a view whose points another one sees too."""
    v, u = np.mgrid[: view.camera.height : STEP_PX, : view.camera.width : STEP_PX]
    depth_m = view.depth_m[v, u].astype(np.float64)
    rays = np.stack([(u - view.camera.cx) / view.camera.fx, (v - view.camera.cy) / view.camera.fy], axis=-1)
    points = np.concatenate([rays * depth_m[..., None], depth_m[..., None]], axis=-1).reshape(-1, 3)
    T_other_view = se3.inverse(other.T_world_cam) @ view.T_world_cam
    x, y, z = (points @ T_other_view[:3, :3].T + T_other_view[:3, 3]).T
    with np.errstate(invalid="ignore", divide="ignore"):
        column = np.round(other.camera.fx * x / z + other.camera.cx)
        row = np.round(other.camera.fy * y / z + other.camera.cy)
        inside = (z > 0) & (column >= 0) & (column < other.camera.width)
        inside &= (row >= 0) & (row < other.camera.height)
    seen_m = other.depth_m[row[inside].astype(int), column[inside].astype(int)]
    return float((np.abs(seen_m - z[inside]) <= MAX_DEPTH_ERROR * z[inside]).sum() / len(points))


def _write(folder: Path, name: str, view: View) -> None:
    path = folder / "images" / f"{name}.jpg"
    if not cv2.imwrite(str(path), view.image[..., ::-1]):
        raise OSError(0, "cannot write the image; is there space left?", str(path))
    T_cam_world = se3.inverse(view.T_world_cam)
    with h5py.File(folder / "calibration" / f"calibration_{name}.h5", "w") as file:
        file["K"], file["R"], file["T"] = view.camera.K, T_cam_world[:3, :3], T_cam_world[:3, 3]


def _name(number: int) -> str:
    return f"view{number:03d}"


if __name__ == "__main__":
    sys.exit(main())
