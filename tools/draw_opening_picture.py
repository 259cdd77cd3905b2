"""Draw the picture that opens README: a real frame with its landmarks, and the map seen from above.

    python tools/draw_opening_picture.py kitti/06 docs/images/kitti.jpg

Needs the sequence under VO_DATA_ROOT, as ``vo-frontend run --seq`` does.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from vo_frontend.errors import VoError
from vo_frontend.evaluation import Evaluation, evaluate
from vo_frontend.geometry import se3
from vo_frontend.session.load_features import load_features
from vo_frontend.session.opened_input import open_input
from vo_frontend.session.options import configure
from vo_frontend.session.session import Session
from vo_frontend.types import FrameResult, Image, Trajectory

NEAR_M, FAR_M = 5.0, 60.0  # ends of the colours
SIDE_M = 15.0  # shown on either side of the path
WIDTH_PX = 1240


@dataclass(frozen=True, slots=True)
class Scene:
    """A run and its last keyframe."""

    name: str
    image: Image
    keyframe: FrameResult
    trajectory: Trajectory
    points_world: NDArray[np.float64]
    truth: Trajectory
    evaluation: Evaluation


def main(argv: list[str] | None = None) -> int:
    """Run the sequence and draw the picture."""
    parser = argparse.ArgumentParser(description="Draw the picture that opens README.")
    parser.add_argument("sequence")
    parser.add_argument("picture", type=Path)
    args = parser.parse_args(argv)
    try:
        scene = run(args.sequence)
    except VoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    above, below = draw_frame(scene), draw_map(scene)
    cv2.imwrite(str(args.picture), np.concatenate([above, below]), [cv2.IMWRITE_JPEG_QUALITY, 88])
    rmse_m = scene.evaluation.ate_m.rmse if scene.evaluation.ate_m else float("nan")
    print(f"{args.picture}: {len(scene.points_world)} landmarks, ATE rmse {rmse_m:.3f} m")
    return 0


def run(sequence: str) -> Scene:
    """Follow one camera through the sequence.

    Raises:
        VoError: it is not here, or has no ground truth.
    """
    config = configure(sequence=sequence)
    opened = open_input(config.run)
    if opened.load_ground_truth is None:
        raise VoError(f"{sequence}: has no ground truth to draw")
    session = Session.for_source(config, opened.source, load_features(config))
    for frame in opened.source:
        result = session.process(frame)
        if result.is_keyframe and frame.image is not None:
            image, keyframe = frame.image, result
    session.finish()
    trajectory = max(session.records.trajectory.trajectory().segments().values(), key=len)
    truth = opened.load_ground_truth()
    evaluation = evaluate(trajectory, truth, sensor_has_scale=False)
    points = session.records.landmarks.cloud().points_world.astype(np.float64)
    return Scene(opened.source.name, image, keyframe, trajectory, points, truth, evaluation)


def draw_frame(scene: Scene) -> Image:
    """Draw the landmarks that the frame sees, near ones yellow, far ones violet."""
    result, similarity = scene.keyframe, scene.evaluation.similarity
    assert result.map is not None
    assert result.T_world_cam is not None
    assert result.landmark_ids is not None
    assert result.pixels is not None
    assert similarity is not None
    _, at, row = np.intersect1d(result.landmark_ids, result.map.landmark_ids, return_indices=True)
    points_cam = se3.transform_points(se3.inverse(result.T_world_cam), result.map.points_world[row])
    share = (points_cam[:, 2] * similarity.scale - NEAR_M) / (FAR_M - NEAR_M)
    colors = 255 * matplotlib.colormaps["plasma_r"](np.clip(share, 0, 1))[:, 2::-1]
    canvas = cv2.cvtColor(scene.image if scene.image.ndim == 2 else scene.image[..., 0], cv2.COLOR_GRAY2BGR)
    for pixel, color in zip(result.pixels[at].round().astype(int).tolist(), colors.tolist(), strict=True):
        cv2.circle(canvas, pixel, 3, color, -1, cv2.LINE_AA)
    height = round(canvas.shape[0] * WIDTH_PX / canvas.shape[1])
    return np.asarray(cv2.resize(canvas, (WIDTH_PX, height), interpolation=cv2.INTER_AREA), np.uint8)


def draw_map(scene: Scene) -> Image:
    """Draw landmarks, path and ground truth from above, forward to the right."""
    similarity = scene.evaluation.similarity
    assert similarity is not None
    until_ns = scene.trajectory.timestamps_ns[[0, -1]]
    during = (scene.truth.timestamps_ns >= until_ns[0]) & (scene.truth.timestamps_ns <= until_ns[1])
    T_first_world = se3.inverse(scene.truth.T_world_cam[during][0])
    points, path = (
        se3.transform_points(T_first_world, similarity.transform_points(each))
        for each in (scene.points_world, scene.trajectory.positions_world)
    )
    truth = se3.transform_points(T_first_world, scene.truth.positions_world[during])
    near = np.abs(points[:, 1]) < 6  # neither tree tops nor what lies below the road
    figure, axes = plt.subplots(figsize=(WIDTH_PX / 100, 4.2), dpi=100)
    axes.scatter(points[near, 2], -points[near, 0], s=1.5, c="0.45", linewidths=0, label="landmarks")
    axes.plot(truth[:, 2], -truth[:, 0], color="#009e73", linewidth=5, label="ground truth")
    axes.plot(path[:, 2], -path[:, 0], color="#d55e00", linewidth=1.8, label="estimate, Sim(3) aligned")
    axes.set_aspect("equal")
    axes.set_xlim(path[:, 2].min() - 3, path[:, 2].max() + 32)
    axes.set_ylim(-SIDE_M, SIDE_M)
    axes.set_xlabel("forward, m")
    axes.set_ylabel("left, m")
    axes.legend(loc="upper left", markerscale=6, framealpha=0.9)
    ate = scene.evaluation.ate_m
    said = "" if ate is None else f", ATE rmse {100 * ate.rmse:.1f} cm"
    axes.set_title(f"{scene.name}, one camera, {len(scene.trajectory)} frames{said}", fontsize=10)
    figure.tight_layout()
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())  # type: ignore[attr-defined]
    plt.close(figure)
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGR), np.uint8)


if __name__ == "__main__":
    matplotlib.use("Agg")
    sys.exit(main())
