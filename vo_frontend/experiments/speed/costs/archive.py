"""What an archive costs as it grows, here of random numbers, and a pose graph of as many keyframes.

A keyframe has 1000 features with depths; 400 see landmarks, of which 300 were seen before.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vo_frontend.atlas.archive import Archive
from vo_frontend.atlas.covisibility import covisibility_edges
from vo_frontend.atlas.landmark_table import RetiredLandmarks
from vo_frontend.atlas.pose_graph_solver import optimize_consistent
from vo_frontend.config import AtlasConfig
from vo_frontend.experiments.speed.costs.laps import drifted_laps
from vo_frontend.experiments.speed.resident import resident_mb
from vo_frontend.mapping.keyframe import NO_LANDMARK, Keyframe, View
from vo_frontend.places.index import PlaceIndex
from vo_frontend.types import Features, KeypointDepths

NUM_FEATURES, DESCRIPTOR_SIZE, PLACE_SIZE = 1000, 64, 256
NUM_SEEN, NUM_NEW = 400, 100  # landmarks
ASKED_EVERY = 10  # keyframes
NUM_WARM_UP = 20
NUM_CANDIDATES = 2
MIN_SHARED = 15  # landmarks, of an edge


@dataclass(frozen=True, slots=True)
class ArchiveCost:
    """Processor time of an archive's operations: medians since the row before, or once at this size."""

    keyframes: int
    landmarks: int
    add_ms: float
    retire_ms: float  # the landmarks that a keyframe brought
    recall_ms: float  # one keyframe, from memory or from the file
    covisible_ms: float  # keyframes that share landmarks with one
    place_query_ms: float  # keyframes that look most like one
    all_edges_ms: float  # of all covisible pairs, once
    correction_ms: float  # of all poses and landmarks, once
    pose_graph_ms: float  # of one camera with loops, until it agrees, once
    records_mb: float  # packed keyframes in memory
    resident_mb: float  # of the process, before the last three


def measure_archive(sizes: Sequence[int]) -> list[ArchiveCost]:
    """Fill an archive and a place index to several ``sizes``, ascending; call it in a fresh process.

    Raises:
        VoError: GTSAM is not installed.
    """
    _Filling().grow(NUM_WARM_UP).cost()  # loads and imports
    filling = _Filling()
    return [filling.grow(size).cost() for size in sizes]


class _Filling:
    """An archive and an index that grow keyframe by keyframe, and how long that takes."""

    def __init__(self) -> None:
        self.archive = Archive(DESCRIPTOR_SIZE, AtlasConfig())
        self.times_ms = defaultdict[str, list[float]](list)
        self._index = PlaceIndex(PLACE_SIZE)
        self._rng = np.random.default_rng(0)
        self._template = _keyframe(self._rng)

    def grow(self, size: int) -> "_Filling":
        """Add keyframes up to a number of them, and note how long it takes."""
        while len(self.archive) < size:
            self._add()
        return self

    def _add(self) -> None:
        archive, number = self.archive, len(self.archive)
        ids = np.full(NUM_FEATURES, NO_LANDMARK, np.int64)
        ids[:NUM_SEEN] = NUM_NEW * number + np.arange(NUM_SEEN)
        view = replace(self._template.view, frame_index=number)
        keyframe = replace(self._template, view=view, landmark_ids=ids)
        place = self._rng.normal(size=PLACE_SIZE).astype(np.float32)
        place /= np.linalg.norm(place)
        landmarks = _landmarks(ids[:NUM_NEW], number)
        self._note("add_ms", lambda: archive.add(keyframe, 0, place))
        self._note("retire_ms", lambda: archive.retire(landmarks))
        if number % ASKED_EVERY == 0:
            other = int(self._rng.integers(number + 1))
            self._note("recall_ms", lambda: archive.keyframe(other))
            self._note("covisible_ms", lambda: archive.covisible(other))
            self._note("place_query_ms", lambda: self._index.query(place, NUM_CANDIDATES))
        self._index.add(number, place)

    def cost(self) -> ArchiveCost:
        """Sum up what was noted since the last time, and do once what takes longer."""
        archive, resident = self.archive, resident_mb()
        medians = {name: float(np.median(times_ms)) for name, times_ms in self.times_ms.items()}
        self.times_ms.clear()
        every = archive.frame_indices()
        poses, graph = archive.T_world_cam(every), drifted_laps(len(archive))
        return ArchiveCost(
            keyframes=len(archive),
            landmarks=len(archive.landmark_ids()),
            **medians,
            all_edges_ms=_core_ms(lambda: covisibility_edges(archive, MIN_SHARED)),
            correction_ms=_core_ms(lambda: archive.move(every, poses)),
            pose_graph_ms=_core_ms(lambda: optimize_consistent(graph)),
            records_mb=archive.bytes_in_memory / 1e6,
            resident_mb=resident,
        )

    def _note(self, name: str, work: Callable[[], object]) -> None:
        self.times_ms[name].append(_core_ms(work))


def _core_ms(work: Callable[[], object]) -> float:
    begin_s = time.process_time()
    work()
    return 1e3 * (time.process_time() - begin_s)


def _keyframe(rng: np.random.Generator) -> Keyframe:
    descriptors = rng.normal(size=(NUM_FEATURES, DESCRIPTOR_SIZE)).astype(np.float32)
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
