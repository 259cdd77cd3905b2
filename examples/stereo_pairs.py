"""Metric odometry on rectified stereo pairs that come from anywhere, here from the built-in street.

python examples/stereo_pairs.py [--frames 40] [--features orb]
"""

import argparse

import numpy as np

import vo_frontend as vo
from vo_frontend.simulation.street import SyntheticSource  # stands for your cameras

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--frames", type=int, default=40)
parser.add_argument("--features", default="aliked-t16")
args = parser.parse_args()

rig = SyntheticSource(sensor=vo.Sensor.STEREO, frames=slice(args.frames))
camera = vo.Camera(
    fx=rig.camera.fx,
    fy=rig.camera.fy,
    cx=rig.camera.cx,
    cy=rig.camera.cy,
    width=rig.camera.width,
    height=rig.camera.height,
)
odometry = vo.Odometry(camera, sensor="stereo", baseline_m=rig.baseline_m, features=args.features)
for frame in rig:
    result = odometry.process(frame.image, frame.timestamp_ns, right=frame.image_right)
    if result.pixels is not None and result.landmark_ids is not None:
        seen = int((result.landmark_ids >= 0).sum())  # keypoints that see a landmark of the map
        stages = ", ".join(f"{name} {1e3 * seconds:.0f} ms" for name, seconds in result.stage_seconds.items())
        print(f"frame {result.frame_index}: {len(result.pixels)} keypoints, {seen} on landmarks; {stages}")

positions_m = odometry.trajectory.T_world_cam[:, :3, 3]
print(f"driven {np.linalg.norm(np.diff(positions_m, axis=0), axis=1).sum():.2f} m")
