"""Odometry on images of your own: python examples/own_frames.py IMAGES_FOLDER cam.yaml [--features orb]

Writes trajectory.txt (TUM format) and map.ply beside the images' folder name in the working folder.
"""

import argparse
from pathlib import Path

import cv2

import vo_frontend as vo

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("images", type=Path, help="folder of images, in the order of their names")
parser.add_argument("camera", type=Path, help="calibration: intrinsics, resolution, distortion")
parser.add_argument("--rate-hz", type=float, default=10.0)
parser.add_argument("--features", default="aliked-t16")
args = parser.parse_args()

odometry = vo.Odometry(vo.Camera.from_yaml(args.camera), features=args.features)
for number, path in enumerate(sorted(args.images.glob("*.png"))):
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)  # None where the file cannot be read: a bad image
    result = odometry.process(image, timestamp_ns=round(number * 1e9 / args.rate_hz))
    where = "no pose" if result.T_world_cam is None else result.T_world_cam[:3, 3].round(2)
    print(f"{path.name}: {result.status.value} {result.reason.value} {where}, {result.num_inliers} inliers")

odometry.trajectory.save("tum", "trajectory.txt")
odometry.map.save_ply("map.ply")
print(f"{len(odometry.trajectory)} poses, {len(odometry.map)} landmarks")
