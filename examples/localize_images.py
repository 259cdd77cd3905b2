"""Where photos were taken in a map: python examples/localize_images.py street.vomap PHOTOS [--camera FILE]

The map is what `vo-frontend run --save-map street.vomap` wrote. Without a camera file, the photos are taken
for undistorted images of the map's own camera.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

import vo_frontend as vo

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("map", type=Path)
parser.add_argument("photos", type=Path, help="folder of images")
parser.add_argument("--camera", type=Path, help="calibration: intrinsics, resolution, distortion")
args = parser.parse_args()

localizer = vo.MapLocalizer(args.map)
camera = None if args.camera is None else vo.Camera.from_yaml(args.camera)
for path in sorted(args.photos.glob("*.png")):
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        print(f"{path.name}: cannot be read")
        continue
    found = localizer.localize(image.astype(np.uint8), camera, path.name)
    if found.T_world_cam is None or found.covariance is None:
        print(f"{path.name}: not in this map")
        continue
    sigmas = np.sqrt(np.diag(found.covariance))  # map units, then rad; along the axes of the camera
    print(
        f"{path.name}: at {found.T_world_cam[:3, 3].round(3)} +- {sigmas[:3].round(4)}, "
        f"{found.num_inliers} landmarks agree"
    )
