"""Write the built-in street in the layout of a public data set, so that readers meet long, exact data.

    python tools/export_synthetic.py OUT --frames 1000 --sensor stereo
    python run_vo.py --seq kitti/00 --data-root OUT

    python tools/export_synthetic.py OUT --sensor rgbd
    python run_vo.py --images OUT/tum/street/rgb --camera OUT/tum/street/camera.yaml

mono and stereo: KITTI (OUT/kitti/sequences/NN, OUT/kitti/poses/NN.txt; grey PNG). rgbd: TUM RGB-D
(OUT/tum/street; colour PNG, depth in 1/5000 m, which ends at 13.1 m). A thousand stereo frames take
about 0.5 GB. The same arguments write the same files.
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import OutputError, VoError
from vo_frontend.formats.trajectories import TUM_HEADER, kitti_row, tum_row
from vo_frontend.simulation.street import SyntheticSource, ground_truth
from vo_frontend.types import Sensor

TUM_DEPTH_UNITS_PER_M = 5000.0


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and write the sequence."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("out", type=Path, help="data root to write below")
    parser.add_argument("--frames", type=int, default=300, help="how many (default: 300)")
    parser.add_argument("--sensor", choices=[sensor.value for sensor in Sensor], default="stereo")
    parser.add_argument("--id", default="00", help="number of the KITTI sequence (default: 00)")
    parser.add_argument("--seed", type=int, default=0, help="of the street (default: 0)")
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480), metavar=("W", "H"), help="px")
    args = parser.parse_args(argv)
    width, height = args.size
    try:
        source = SyntheticSource(args.frames, width, height, seed=args.seed, sensor=Sensor(args.sensor))
        if source.sensor is Sensor.RGBD:
            folder = _export_tum(source, args.out, args.seed)
        else:
            folder = _export_kitti(source, args.out, args.id, args.seed)
    except VoError as error:
        print(f"export_synthetic: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"export_synthetic: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    print(f"{folder}: {source.num_frames} frames")
    return 0


def _export_kitti(source: SyntheticSource, out: Path, sequence: str, seed: int) -> Path:
    folder, poses = out / "kitti" / "sequences" / sequence, out / "kitti" / "poses" / f"{sequence}.txt"
    poses.parent.mkdir(parents=True, exist_ok=True)
    stamps_s = []
    for frame in source:
        for number, image in enumerate((frame.image, frame.image_right)):
            if image is not None:
                gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
                _write_png(folder / f"image_{number}" / f"{frame.index:06d}.png", gray)
        stamps_s.append(f"{frame.timestamp_s:.9f}\n")
    (folder / "times.txt").write_text("".join(stamps_s))
    camera, rows = source.camera, []
    for number in range(2 if source.baseline_m else 1):
        P = np.column_stack([camera.K, [-camera.fx * number * (source.baseline_m or 0.0), 0.0, 0.0]])
        rows.append(f"P{number}: " + " ".join(f"{value:.12e}" for value in P.ravel()) + "\n")
    (folder / "calib.txt").write_text("".join(rows))
    truth = ground_truth(len(stamps_s), seed=seed)
    poses.write_text("".join(kitti_row(T_world_cam) for T_world_cam in truth.T_world_cam))
    return folder


def _export_tum(source: SyntheticSource, out: Path, seed: int) -> Path:
    folder = out / "tum" / "street"
    lines: dict[str, list[str]] = {"rgb": [], "depth": []}
    for frame in source:
        assert frame.image is not None
        assert frame.depth_m is not None
        units = np.nan_to_num(frame.depth_m * TUM_DEPTH_UNITS_PER_M)
        depth = np.where(units <= 65535, np.round(units), 0).astype(np.uint16)  # 0 means unknown
        name = f"{frame.timestamp_s:.6f}"
        for kind, pixels in (("rgb", cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR)), ("depth", depth)):
            _write_png(folder / kind / f"{name}.png", pixels)
            lines[kind].append(f"{name} {kind}/{name}.png\n")
    for kind, rows in lines.items():
        (folder / f"{kind}.txt").write_text("# timestamp filename\n" + "".join(rows))
    truth = ground_truth(len(lines["rgb"]), seed=seed)
    stamped = zip(truth.timestamps_ns.tolist(), truth.T_world_cam, strict=True)
    poses = [tum_row(stamp_ns, T_world_cam) for stamp_ns, T_world_cam in stamped]
    (folder / "groundtruth.txt").write_text(TUM_HEADER + "".join(poses))
    c = source.camera
    (folder / "camera.yaml").write_text(
        f"resolution: [{c.width}, {c.height}]\nintrinsics: [{c.fx!r}, {c.fy!r}, {c.cx!r}, {c.cy!r}]\n"
    )
    return folder


def _write_png(path: Path, image: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), image):
        raise OutputError(f"{path}: cannot write the image; is there space left?")


if __name__ == "__main__":
    sys.exit(main())
