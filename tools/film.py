"""Film a named sequence with another camera: a video as its lens would have seen those frames.

    python tools/film.py 7scenes/redkitchen cam.yaml kitchen.mp4

To show a calibration at work takes footage of the very camera that was calibrated. Where there is none, real
images whose camera is known are resampled; what the new camera would see beyond them repeats their border.
Ground truth, where there is some, goes beside the video: kitchen_truth.txt, in KITTI's format.
"""

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import VoError
from vo_frontend.formats.atomic import write_atomically
from vo_frontend.formats.trajectories import kitti_row
from vo_frontend.geometry.camera import PinholeCamera
from vo_frontend.sensors.calibration import Camera
from vo_frontend.session.opened_input import open_input
from vo_frontend.session.options import configure

RATE_HZ = 30.0


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and write the video."""
    parser = argparse.ArgumentParser(description="Film a named sequence with another camera.")
    parser.add_argument("sequence", help="below VO_DATA_ROOT, e.g. 7scenes/redkitchen")
    parser.add_argument("camera", type=Path, help="the other camera")
    parser.add_argument("video", type=Path)
    args = parser.parse_args(argv)
    try:
        camera = Camera.from_yaml(args.camera)
        opened = open_input(configure(sequence=args.sequence).run)
        truth = opened.load_ground_truth() if opened.load_ground_truth else None
    except VoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    source = opened.source
    at = pixels_of(camera, source.camera)
    size = (camera.width, camera.height)
    video = cv2.VideoWriter(str(args.video), cv2.VideoWriter.fourcc(*"mp4v"), RATE_HZ, size)
    num_frames = 0
    for frame in source:
        if frame.image is not None:
            seen = cv2.remap(frame.image, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            code = cv2.COLOR_GRAY2BGR if seen.ndim == 2 else cv2.COLOR_RGB2BGR
            video.write(cv2.cvtColor(seen, code))
            num_frames += 1
    video.release()
    if truth is not None:
        beside = args.video.with_name(f"{args.video.stem}_truth.txt")
        write_atomically(beside, "".join(map(kitti_row, truth.T_world_cam)).encode())
    print(f"{args.video}: {num_frames} frames of {camera.width}x{camera.height} px")
    return 0


def pixels_of(camera: Camera, source: PinholeCamera) -> NDArray[np.float32]:
    """Return where the source sees what each pixel of the camera sees, (H, W, 2) px."""
    rows, columns = np.mgrid[: camera.height, : camera.width]
    rays = camera.rays(np.stack([columns.ravel(), rows.ravel()], axis=-1).astype(np.float64))
    pixels = source.project(np.column_stack([rays, np.ones(len(rays))]))
    return pixels.reshape(camera.height, camera.width, 2).astype(np.float32)


if __name__ == "__main__":
    sys.exit(main())
