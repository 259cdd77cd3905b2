"""Measure memory and time of an archive as keyframes keep coming, here made up of random numbers.

    python tools/measure_archive.py --keyframes 10000 --max-memory-mb 256

Each has 1000 features; 400 see landmarks, of which 300 were seen before. Every tenth is asked for again.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vo_frontend.atlas.archive import Archive
from vo_frontend.atlas.covisibility import covisibility_edges
from vo_frontend.atlas.landmark_table import RetiredLandmarks
from vo_frontend.config import AtlasConfig
from vo_frontend.mapping.keyframe import NO_LANDMARK, Keyframe, View
from vo_frontend.types import Features, KeypointDepths

SIZE, NUM_FEATURES, NUM_SEEN, NUM_NEW = 64, 1000, 400, 100


def main() -> None:
    """Fill an archive and print how it does, ten times on the way and at the end."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, usage=argparse.SUPPRESS
    )
    parser.add_argument("--keyframes", type=int, default=10_000)
    parser.add_argument("--max-memory-mb", type=float, default=AtlasConfig().max_memory_mb)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    archive = Archive(SIZE, AtlasConfig(args.max_memory_mb))
    template = _keyframe(rng)
    num_seconds = {"add": 0.0, "retire": 0.0, "recall": 0.0}
    print("keyframes  resident MB  of records  mean ms: add  retire  recall")
    for number in range(args.keyframes):
        ids = np.full(NUM_FEATURES, NO_LANDMARK, np.int64)
        ids[:NUM_SEEN] = NUM_NEW * number + np.arange(NUM_SEEN)
        keyframe = replace(template, view=replace(template.view, frame_index=number), landmark_ids=ids)
        start = time.perf_counter()
        archive.add(keyframe, 0)
        added = time.perf_counter()
        archive.retire(_landmarks(ids[:NUM_NEW], number))
        retired = time.perf_counter()
        if number % 10 == 0:
            archive.keyframe(int(rng.integers(number + 1)))
        num_seconds["add"] += added - start
        num_seconds["retire"] += retired - added
        num_seconds["recall"] += 10 * (time.perf_counter() - retired) * (number % 10 == 0)
        if (number + 1) % (args.keyframes // 10) == 0:
            mean_ms = "  ".join(f"{1e3 * each / (number + 1):.3f}" for each in num_seconds.values())
            print(f"{number + 1:9}  {_resident_mb():11.0f}  {archive.bytes_in_memory / 1e6:10.0f}  {mean_ms}")
    _time("covisible of one", lambda: archive.covisible(args.keyframes // 2))
    _time("all edges with 15 or more", lambda: covisibility_edges(archive, 15))
    every = archive.frame_indices()
    _time("a correction of all", lambda: archive.move(every, archive.T_world_cam(every)))


def _keyframe(rng: np.random.Generator) -> Keyframe:
    descriptors = rng.normal(size=(NUM_FEATURES, SIZE)).astype(np.float32)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    pixels = rng.uniform(0, 640, (NUM_FEATURES, 2)).astype(np.float32)
    features = Features(pixels, descriptors, np.ones(NUM_FEATURES, np.float32))
    depths = KeypointDepths(rng.uniform(0.1, 1, NUM_FEATURES), np.full(NUM_FEATURES, 0.01))
    view = View(0, 0, features, np.zeros((NUM_FEATURES, 3), np.uint8), depths)
    return Keyframe(view, np.eye(4), np.zeros(NUM_FEATURES, np.int64))


def _landmarks(ids: NDArray[np.int64], anchor: int) -> RetiredLandmarks:
    counts = np.ones(len(ids), np.int32)
    points_world, colors = np.ones((len(ids), 3)), np.zeros((len(ids), 3), np.uint8)
    return RetiredLandmarks(ids, points_world, colors, counts, counts, np.full(len(ids), anchor))


def _time(what: str, work: Callable[[], object]) -> None:
    work()  # loads what is compiled
    start = time.perf_counter()
    work()
    print(f"{what}: {1e3 * (time.perf_counter() - start):.1f} ms")


def _resident_mb() -> float:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096 / 1e6


if __name__ == "__main__":
    main()
