from dataclasses import replace

import numpy as np
import pytest
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


class HardlyAgain(WorldExtractor):
    """Finds a share of the points again in every frame, and the others as if they were never seen before."""

    def __init__(self, world: World, T_world_cam: NDArray[np.float64], share: float) -> None:
        super().__init__(world, T_world_cam)
        self._is_lasting = np.random.default_rng(1).uniform(size=len(world.descriptors)) < share

    def extract(self, image: Image) -> Features:
        features, rng = super().extract(image), np.random.default_rng(1000 + int(image[0, 0]))
        index = (features.descriptors @ self._world.descriptors.T).argmax(axis=1)
        others = rng.normal(size=features.descriptors.shape).astype(np.float32)
        others /= np.linalg.norm(others, axis=1, keepdims=True)
        lasting = self._is_lasting[index, None]
        return replace(features, descriptors=np.where(lasting, features.descriptors, others))


@pytest.mark.parametrize(("share", "status"), [(0.1, Status.INITIALIZING), (0.25, Status.TRACKING)])
def test_views_that_hardly_overlap_start_no_map(share: float, status: Status) -> None:
    world, num_frames = make_world(num_points=3000), 8
    extractor = HardlyAgain(world, sideways(num_frames), share)
    frontend = build_frontend(Config(), CAMERA, extractor)
    first = frames(1)[0].image
    assert first is not None
    assert share * len(extractor.extract(first)) > Config().two_view.min_matches
    assert [frontend.process(frame) for frame in frames(num_frames)][-1].status is status
