"""Measure what a gyroscope gains: how well the rotation of the next frame is predicted, and what that does.

    python tools/measure_gyroscope.py euroc/V1_01_easy --sensor stereo
    python tools/measure_gyroscope.py tum/fr1_rpy --sensor rgbd --steps 1,3,5

The first reads the gyroscope of the sequence. Where there is none, one is simulated from the ground truth,
turned against the camera, at 200 Hz, with the zero and the noise of EuRoC's. So the truth reaches the
estimator, and such a row says only what a gyroscope would gain.
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import VoError
from vo_frontend.evaluation.evaluate import evaluate
from vo_frontend.features import FeatureExtractor
from vo_frontend.geometry import se3
from vo_frontend.sensors.gyroscope import Gyroscope
from vo_frontend.session.load_features import load_features
from vo_frontend.session.opened_input import OpenedInput, open_named
from vo_frontend.session.options import configure
from vo_frontend.session.session import Session
from vo_frontend.tracking.motion_model import ConstantVelocity
from vo_frontend.types import Attitude, Frame, FrameResult, Sensor, Trajectory

PERIOD_NS = 5_000_000
ZERO_RAD_S = np.array([-0.0019, 0.0208, 0.0781])  # V1_01_easy, while it stands
NOISE_RAD_S = 1.6968e-4 * np.sqrt(200)  # ADIS16448, by its sensor.yaml
R_CAM_IMU = se3.so3_exp(np.array([1.1, -0.7, 2.0]))
HEADER = "step gyroscope  poses     segments  off: median, p95 [deg]  inliers  ATE [m] of the longest segment"


def simulated(frames: Iterable[Frame], truth: Trajectory, R_cam_imu: NDArray[np.float64]) -> Iterator[Frame]:
    """Give frames the attitudes of a gyroscope that turns as the truth, taken to be mounted as said."""
    R_world_cam, stamps_ns = truth.T_world_cam[:, :3, :3], truth.timestamps_ns
    turns = se3.so3_log(np.swapaxes(R_world_cam[:-1], 1, 2) @ R_world_cam[1:])
    rates_cam = turns / (np.diff(stamps_ns) * 1e-9)[:, None]
    times_ns = np.arange(stamps_ns[0], stamps_ns[-1], PERIOD_NS)
    rates = rates_cam[np.searchsorted(stamps_ns, times_ns, side="right") - 1] @ R_CAM_IMU
    rates = rates + ZERO_RAD_S + NOISE_RAD_S * np.random.default_rng(0).standard_normal(rates.shape)
    readings = zip(times_ns.tolist(), rates, strict=True)
    gyroscope = Gyroscope(R_cam_imu)
    for frame in frames:
        while not gyroscope.reaches(frame.timestamp_ns) and (reading := next(readings, None)) is not None:
            gyroscope.add(*reading)
        yield replace(frame, attitude=gyroscope.attitude(frame.timestamp_ns))


def misses_deg(results: list[FrameResult], attitudes: list[Attitude | None]) -> NDArray[np.float64]:
    """Return how far the predicted rotations were off those of the poses that came."""
    model: ConstantVelocity | None = None
    segment_id, found = -1, []
    for result, attitude in zip(results, attitudes, strict=True):
        if result.T_world_cam is None:
            continue
        time_s, T_world_cam = result.timestamp_ns * 1e-9, result.T_world_cam
        if model is None or result.segment_id != segment_id:
            model, segment_id = ConstantVelocity(time_s, T_world_cam, attitude), result.segment_id
            continue
        R_predicted = model.predict(time_s, attitude)[:3, :3]
        found.append(np.rad2deg(se3.rotation_angle_rad(R_predicted.T @ T_world_cam[:3, :3])))
        model = model.updated(time_s, T_world_cam, attitude)
    return np.array(found)


def row(opened: OpenedInput, frames: Iterable[Frame], extractor: FeatureExtractor, label: str) -> str:
    """Run odometry on frames and say how it went."""
    source = opened.source
    session = Session.for_source(configure(sensor=source.sensor.value, device="cpu"), source, extractor)
    pairs = [(session.process(frame), frame.attitude) for frame in frames]
    results = [result for result, _ in pairs]
    posed = [(result, result.T_world_cam) for result in results if result.T_world_cam is not None]
    off_deg = misses_deg(results, [attitude for _, attitude in pairs])
    segments = Counter(result.segment_id for result, _ in posed)
    longest = segments.most_common(1)[0][0]
    chosen = [(result.timestamp_ns, pose) for result, pose in posed if result.segment_id == longest]
    stamps_ns, poses = (np.array(each) for each in zip(*chosen, strict=True))
    ate = "-"
    if opened.load_ground_truth is not None:
        errors = evaluate(
            Trajectory(stamps_ns, poses),
            opened.load_ground_truth(),
            sensor_has_scale=source.sensor is not Sensor.MONO,
        )
        ate = f"{errors.ate_m.rmse:.4f} over {len(chosen)}" if errors.ate_m else "-"
    inliers = np.median([result.num_inliers for result, _ in posed])
    return (
        f"{label:15s} {len(posed):3d} of {len(results):3d} {len(segments):8d}"
        f"  {np.median(off_deg):14.4f}, {np.percentile(off_deg, 95):6.4f} {inliers:9.0f}  {ate}"
    )


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and print a row for each step, without and with the gyroscope."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("sequence", help="below $VO_DATA_ROOT")
    parser.add_argument("--sensor", default="mono", help="mono (default), stereo or rgbd")
    parser.add_argument("--steps", default="1,3", help="every so many frames (default: 1,3)")
    args = parser.parse_args(argv)
    root, sensor = Path(os.environ.get("VO_DATA_ROOT", ".")), Sensor(args.sensor)
    is_real = args.sequence.startswith("euroc/")
    try:
        extractor = load_features(configure(device="cpu"))
        print(HEADER)
        for step in map(int, args.steps.split(",")):
            opened = open_named(args.sequence, root, sensor, slice(None, None, step), has_imu=is_real)
            bare = (replace(frame, attitude=None) for frame in opened.source)
            print(f"{step:4d} {row(opened, bare, extractor, 'without')}", flush=True)
            if is_real:
                print(f"{step:4d} {row(opened, opened.source, extractor, 'its own')}", flush=True)
            elif opened.load_ground_truth is not None:
                truth = opened.load_ground_truth()
                for label, R_cam_imu in (("simulated", R_CAM_IMU), ("wrongly mounted", np.eye(3))):
                    frames = simulated(opened.source, truth, R_cam_imu)
                    print(f"{step:4d} {row(opened, frames, extractor, label)}", flush=True)
    except VoError as error:
        print(f"measure_gyroscope: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
