"""The points that ``map.ply`` leaves out are the bad ones, on the street, whose surfaces are known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vo_frontend.config import Config
from vo_frontend.evaluation import evaluate
from vo_frontend.features import load_extractor
from vo_frontend.reports.sound_points import FAR, MIN_VIEWS, distances_from_path
from vo_frontend.session.session import Session
from vo_frontend.simulation.street import SyntheticSource, ground_truth
from vo_frontend.types import Sensor

NUM_FRAMES = 200
BAD = 0.05  # relative error of depth, in the frame that agrees best
NEAR_M = 3.0  # from the path


def best_depth_errors(points_world: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compare points (N, 3) with the depth in every fourth frame: least relative error (N,)."""
    source = SyntheticSource(sensor=Sensor.RGBD, frames=slice(0, NUM_FRAMES, 4))
    camera, truth = source.camera, ground_truth(NUM_FRAMES)
    least = np.full(len(points_world), np.inf)
    for number, frame in enumerate(source):
        assert frame.depth_m is not None
        T_cam_world = np.linalg.inv(truth.T_world_cam[4 * number])
        x, y, z = (points_world @ T_cam_world[:3, :3].T + T_cam_world[:3, 3]).T
        ahead = np.flatnonzero(z > 0.3)
        u = np.round(camera.fx * x[ahead] / z[ahead] + camera.cx).astype(int)
        v = np.round(camera.fy * y[ahead] / z[ahead] + camera.cy).astype(int)
        inside = (u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height)
        seen, depth_m = ahead[inside], frame.depth_m[v[inside], u[inside]]
        errors = np.nan_to_num(np.abs(z[seen] - depth_m) / depth_m, nan=np.inf)
        least[seen] = np.minimum(least[seen], errors)
    return least


@pytest.mark.slow
def test_points_of_one_frame_and_far_points_are_far_worse_than_the_others() -> None:
    source = SyntheticSource(frames=slice(0, NUM_FRAMES))
    session = Session.for_source(Config(), source, load_extractor("vof-t16", max_keypoints=1000))
    session.run(source, [])
    cloud, (path,) = (
        session.records.landmarks.cloud(),
        session.records.trajectory.trajectory().segments().values(),
    )
    similarity = evaluate(path, ground_truth(NUM_FRAMES), sensor_has_scale=False).similarity
    assert similarity is not None
    is_bad = best_depth_errors(similarity.transform_points(cloud.points_world.astype(np.float64))) > BAD
    distances = distances_from_path(cloud.points_world, path.positions_world)
    near, reach = similarity.scale * distances < NEAR_M, distances / np.median(distances)
    alone, others, far = (
        float(is_bad[mask].mean())
        for mask in (
            near & (cloud.num_views < MIN_VIEWS),
            near & (cloud.num_views >= MIN_VIEWS),
            reach > FAR,
        )
    )
    near_text = f"within {NEAR_M:g} m, one frame {alone:.1%}, more frames {others:.1%}"
    print(f"\nmore than {BAD:.0%} off: {near_text}; far {far:.1%}")
    assert alone > 3 * others
    assert others < 0.03
    assert far > 0.8
