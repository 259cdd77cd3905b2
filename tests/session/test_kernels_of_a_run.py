"""What is compiled ahead for a run is what a run calls."""

import numpy as np
from world import CAMERA, WorldExtractor, frames, make_world, sideways

from vo_frontend.compute.compile_ahead import declared_kernels
from vo_frontend.config import Config
from vo_frontend.features.cpu.network import CpuAliked
from vo_frontend.features.loading import make_network
from vo_frontend.features.networks.aliked.network import AlikedNetwork
from vo_frontend.session.kernels import MODULES
from vo_frontend.session.session import Session

NUM_FRAMES = 15
OF_A_CAMERA_ALONE = ("_minimize", "rank_near", "rank_strip", "_intersect", "minimize")


def test_a_run_calls_its_kernels_with_the_types_that_they_declare() -> None:
    extractor = WorldExtractor(make_world(num_points=900), sideways(NUM_FRAMES), 0.2)
    session = Session(Config(), CAMERA, extractor)
    for frame in frames(NUM_FRAMES):
        session.process(frame)
    declared = {function.py_func.__name__: (function, types) for function, types in declared_kernels(MODULES)}
    for name in OF_A_CAMERA_ALONE:
        function, types = declared[name]
        assert types in function.signatures, name


def test_an_extraction_calls_its_kernels_with_the_types_of_the_rehearsal() -> None:
    network = make_network("aliked-t16")
    assert isinstance(network, AlikedNetwork)
    fast = CpuAliked(network.config, network.arrays(), num_threads=1)
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    calls = fast.kernel_calls(image)
    for function, types in calls:
        function.compile(types)
    known = [len(function.signatures) for function, _ in calls]
    keypoints, _ = fast.detect(fast.score_map(image), 50)
    fast.describe(keypoints)
    assert len(keypoints) > 0
    assert [len(function.signatures) for function, _ in calls] == known
