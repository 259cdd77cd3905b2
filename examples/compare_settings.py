"""Whole runs from Python: the same sequence with two budgets of keypoints, errors and timings side by side.

python examples/compare_settings.py [SEQUENCE] [--frames 0:60] [--features orb]
"""

import argparse

import vo_frontend as vo

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument(
    "sequence", nargs="?", default="street", help="e.g. kitti/06; default: the built-in street"
)
parser.add_argument("--frames", default="0:60")
parser.add_argument("--features", default="aliked-t16")
args = parser.parse_args()

for keypoints in (500, 1000):
    report = vo.run(
        args.sequence,
        frames=args.frames,
        features=args.features,
        keypoints=keypoints,
        out=f"runs/keypoints-{keypoints}",
    )
    errors, statistics = report.evaluation, report.statistics
    ate = "no ground truth" if errors is None or errors.ate_m is None else f"{errors.ate_m.rmse:.3f} m"
    print(
        f"{keypoints} keypoints: {statistics.num_poses} of {statistics.num_frames} poses, ATE rmse {ate}, "
        f"{statistics.frames_per_second or 0:.1f} frames/s, in {report.folder}/"
    )
