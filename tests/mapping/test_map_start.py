from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from world import CAMERA, World, WorldExtractor, frames, make_world, sideways

from vo_frontend.config import Config
from vo_frontend.geometry.alignment import align
from vo_frontend.mapping.trajectory import TrajectoryRecord
from vo_frontend.session.build import build_frontend
from vo_frontend.types import Features, Image, Status

NUM_BLURRED, NUM_FRAMES = 8, 24
BLUR_PX = 8.0


class BlurredAtFirst(WorldExtractor):
    """Finds the points of the first frames far from where they are."""

    def __init__(self, world: World, T_world_cam: NDArray[np.float64]) -> None:
        super().__init__(world, T_world_cam, noise_px=0.2)

    def extract(self, image: Image) -> Features:
        features, number = super().extract(image), int(image[0, 0])
        if number >= NUM_BLURRED:
            return features
        noise = BLUR_PX * np.random.default_rng(number).normal(size=features.pixels.shape)
        return replace(features, pixels=(features.pixels + noise).astype(np.float32))


def test_sharp_frames_after_blurred_ones_are_placed() -> None:
    T_world_cam = sideways(NUM_FRAMES)
    frontend = build_frontend(Config(), CAMERA, BlurredAtFirst(make_world(num_points=900), T_world_cam))
    record, results = TrajectoryRecord(), []
    for frame in frames(NUM_FRAMES):
        results.append(frontend.process(frame))
        record.update(results[-1])
    assert results[-1].status is Status.TRACKING
    poses = record.trajectory()
    assert (np.diff(poses.frame_indices) > 0).all()
    assert set(range(NUM_BLURRED, NUM_FRAMES)) <= set(poses.frame_indices.tolist())
    sharp = poses.frame_indices >= NUM_BLURRED
    found, truth = poses.T_world_cam[sharp, :3, 3], T_world_cam[poses.frame_indices[sharp], :3, 3]
    aligned = align(found, truth, with_scale=True).transform_points(found)
    assert np.linalg.norm(aligned - truth, axis=1).max() < 0.03
